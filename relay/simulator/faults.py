"""What goes wrong on Sofy's side when somebody asks for it, and how often: pure, everything drawn from one `Random`.

| fault | what happens |
|---|---|
| `timeout` | Sofy gives a request up within 50 ms: whatever the receiver answers comes too late, so it is replayed |
| `5xx` | a proxy in between answers 502, 503 or 504 though the receiver had the webhook; it is replayed |
| `duplicate` | a webhook is posted twice, now or later, under the same or another envelope id, or holds an item twice |
| `reorder` | an SMS's final status is posted before its `sent` |
| `malformed` | an unreadable body comes beside a good webhook, or an item that cannot be read stands among good ones |

`timeout` and `5xx` strike the first attempt of a webhook only, so that they alone never discard one. None of
them takes a status away: every SMS still gets its one final status.
"""

import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

DEFAULT_SHARE: Final = 0.1


class Fault(StrEnum):
    """What may be asked for; the value is the word on the command line."""

    TIMEOUT = "timeout"
    SERVER_ERROR = "5xx"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    MALFORMED = "malformed"


class FaultError(ValueError):
    """A text names no faults; the message is one sentence that says what is expected."""


def parse_faults(text: str) -> dict[Fault, float]:
    """Read ``timeout,duplicate=0.3``: faults, each with the share of what it may strike (else 0.1).

    Raises:
        FaultError: an unknown name, or a share that is not above 0 and at most 1.
    """
    shares: dict[Fault, float] = {}
    for word in text.replace(",", " ").split():
        name, given, share = word.partition("=")
        try:
            fault, value = Fault(name), float(share) if given else DEFAULT_SHARE
        except ValueError:
            value = -1.0
        if not 0 < value <= 1:
            message = f"expected {', '.join(Fault)}, each with or without a share such as {Fault.DUPLICATE}=0.3"
            raise FaultError(message)
        shares[fault] = value
    return shares


class Faults:
    """Decides what is struck. The same `rng` state and the same questions give the same answers."""

    def __init__(self, shares: Mapping[Fault, float], rng: random.Random) -> None:
        """Take the share (above 0, at most 1) of each fault that is wanted; the others never strike."""
        self._shares = {fault: _Share(share, rng) for fault, share in shares.items()}

    def strikes(self, fault: Fault) -> bool:
        """Say whether `fault` strikes the next of what it may strike."""
        share = self._shares.get(fault)
        return share is not None and share.strikes()


class _Share:
    """One strike in each block of 1/share, somewhere in it: even a short run shows the fault, at no fixed beat."""

    def __init__(self, share: float, rng: random.Random) -> None:
        self._share = share
        self._rng = rng
        self._asked = self._struck = 0
        self._next = rng.random() / share

    def strikes(self) -> bool:
        self._asked += 1
        if self._asked <= self._next:
            return False
        self._struck += 1
        self._next = (self._struck + self._rng.random()) / self._share
        return True
