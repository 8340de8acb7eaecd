"""The history of a run: every attempt of the generator, as Sofy saw it, and every time that something was broken."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from relay.demo.facts import Fact, fact_of
from relay.simulator import payloads
from relay.simulator.attempts import Attempt, End
from relay.simulator.lives import Life
from relay.simulator.payloads import Webhook
from tests.chaos.script import Fault

_REFUSED_AT_ONCE: Final = frozenset({"breaker_open", "overloaded", "draining"})


@dataclass(frozen=True, slots=True)
class Said:
    """One item of a webhook."""

    fact: Fact
    sms_id: str
    """Empty for what cannot be read."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt, ended or not. Times are of the generator's monotonic clock, in seconds."""

    webhook: int
    """Of the run; a replay has the same number."""
    number: int
    """0: the first attempt."""
    items: tuple[Said, ...]
    replica: str
    """Which process took it, such as `b#3`: the third process of replica b. Empty: none could be reached."""
    started: float
    ended: float
    status: int | None
    """None: no answer."""
    trouble: str
    reason: str
    """The answer's `error`."""
    own_s: float
    """How long the generator itself did not get to run meanwhile."""
    disguised: bool
    """Whether the generator's Sofy saw something else than the relay's answer, by a fault of its own."""

    @property
    def acknowledged(self) -> bool:
        """Whether Sofy was told that it is safe."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused_at_once(self) -> bool:
        """Whether the relay refused it before it tried anything."""
        return self.reason in _REFUSED_AT_ONCE

    @property
    def seconds(self) -> float:
        """How long the answer took, without the generator's own delay."""
        return max(0.0, self.ended - self.started - self.own_s)


@dataclass(frozen=True, slots=True)
class Broken:
    """A time in which something was broken. By the generator's clock."""

    fault: Fault
    what: str
    """A broker, or a replica's process."""
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Out:
    """A time in which a replica's process was stopped, ended or not yet serving: no answer of its is a time."""

    replica: str
    since: float
    until: float


class History:
    """Collects as the run goes on; an `Observer` of the simulator's engine. Within one event loop."""

    def __init__(self, *, clock: Callable[[], float], place: Callable[[], str], own: Callable[[float], float]) -> None:
        """Take the clock of attempts, who took the attempt of the current task, and the own delay since a time."""
        self.tried: list[Tried] = []
        self.broken: list[Broken] = []
        self.out: list[Out] = []
        self.discarded = 0
        self.inputs: dict[Fact, int] = {}
        """In how many items of how many webhooks each fact was to be posted."""
        self._clock = clock
        self._place = place
        self._own = own
        self._webhooks: dict[Webhook, int] = {}
        self._items: dict[Webhook, tuple[Said, ...]] = {}
        self._begun: dict[tuple[int, int], float] = {}

    def born(self, life: Life) -> None:
        """Nothing to keep: its webhooks follow."""

    def made(self, webhook: Webhook) -> None:
        """Number it and keep what it says."""
        self._webhooks[webhook] = len(self._webhooks)
        account = webhook.registration.account
        self._items[webhook] = tuple(_said(account, fact) for fact in webhook.facts)
        for item in self._items[webhook]:
            self.inputs[item.fact] = self.inputs.get(item.fact, 0) + 1

    def starts(self, webhook: Webhook, number: int) -> None:
        """An attempt begins; what is never told to have ended stays without an answer."""
        self._begun[self._webhooks[webhook], number] = self._clock()

    def attempted(self, attempt: Attempt) -> None:
        """An attempt has ended."""
        number = self._webhooks[attempt.webhook]
        self._begun.pop((number, attempt.number), None)
        self.tried.append(
            Tried(
                webhook=number,
                number=attempt.number,
                items=self._items[attempt.webhook],
                replica=self._place(),
                started=attempt.started,
                ended=attempt.ended,
                status=attempt.status,
                trouble="" if attempt.trouble is None else attempt.trouble.value,
                reason=_reason(attempt.answer),
                own_s=self._own(attempt.started),
                disguised=attempt.fault is not None,
            )
        )

    def settled(self, webhook: Webhook, end: End) -> None:
        """A webhook has ended."""
        self.discarded += end is End.DISCARDED
        del webhook

    @property
    def unended(self) -> int:
        """Attempts that were begun and cut off by the run's end."""
        return len(self._begun)

    def dump(self, file: Path) -> None:
        """Write all of it, a JSON object a line: what was broken first, then the attempts in order of their end."""
        with file.open("w") as out:
            for line in self._lines():
                out.write(json.dumps(line, default=bytes.hex) + "\n")

    def _lines(self) -> Iterator[dict[str, object]]:
        for broken in self.broken:
            yield {"kind": "broken", **asdict(broken)}
        for away in self.out:
            yield {"kind": "out", **asdict(away)}
        for tried in self.tried:
            yield {"kind": "tried", **asdict(tried)}


def _said(account: str, fact: payloads.Fact) -> Said:
    sms_id = fact.sms_id if isinstance(fact, payloads.StatusFact) else ""
    return Said(fact_of(account, fact), sms_id)


def _reason(answer: bytes) -> str:
    try:
        error = json.loads(answer).get("error", "")
    except (ValueError, AttributeError):
        return ""
    return error if isinstance(error, str) else ""
