"""The history of a run: every attempt of the generator, and every time in which something was broken."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from relay.demo.facts import Fact, fact_of
from relay.simulator import faults, payloads
from relay.simulator.attempts import Attempt, End
from relay.simulator.lives import Life
from relay.simulator.payloads import Webhook
from relay.simulator.poster import Answer, Trouble
from tests.chaos.script import Fault

_REFUSED_AT_ONCE: Final = frozenset({"breaker_open", "overloaded", "draining"})
_CUT_OFF: Final = "cut off"
UNTOLD: Final = "?"
"""Who took an attempt that the run's end cut off: that is not known."""


@dataclass(frozen=True, slots=True)
class Said:
    """One item of a webhook."""

    fact: Fact
    sms_id: str
    """Empty for what cannot be read, as are the other two."""
    status: str = ""
    time: str = ""
    """Its `updatedAt`."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a 2xx says became of its webhook's items."""

    accepted: int
    duplicates: int
    dead_lettered: int


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
    """The relay's own answer, whatever Sofy saw of it; None: no answer."""
    trouble: str
    reason: str
    """The answer's `error`."""
    own_s: float
    """How long the generator itself did not get to run meanwhile."""
    disguised: bool
    """Whether Sofy itself gave it up, by a fault of its own or at the run's end: no answer says nothing then."""
    due: float = 0.0
    retry_after: str | None = None
    counts: Counts | None = None
    """None: it was no 2xx, or one that cannot be read."""

    @property
    def acknowledged(self) -> bool:
        """Whether the relay said that all of it is safe."""
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

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        place: Callable[[], str],
        answer: Callable[[], Answer | Trouble | None],
        own: Callable[[float, float], float],
    ) -> None:
        """Take the clock of attempts; who tells of the current task's last one who took it, and its true answer.

        The engine tells what Sofy saw, which its own faults may change. `own` gives for how long between two times
        the generator did not get to run.
        """
        self.tried: list[Tried] = []
        self.broken: list[Broken] = []
        self.out: list[Out] = []
        self.discarded = 0
        self.inputs: dict[Fact, int] = {}
        """In how many items of how many webhooks each fact was to be posted."""
        self._clock = clock
        self._place = place
        self._answer = answer
        self._own = own
        self._webhooks: dict[Webhook, int] = {}
        self._items: dict[Webhook, tuple[Said, ...]] = {}
        self._begun: dict[Webhook, tuple[int, float]] = {}

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
        self._begun[webhook] = number, self._clock()

    def attempted(self, attempt: Attempt) -> None:
        """An attempt has ended."""
        self._begun.pop(attempt.webhook, None)
        answer = self._answer()
        full = answer if isinstance(answer, Answer) else None
        said = {} if full is None else _object(full.body)
        self.tried.append(
            Tried(
                webhook=self._webhooks[attempt.webhook],
                number=attempt.number,
                items=self._items[attempt.webhook],
                replica=self._place(),
                started=attempt.started,
                ended=attempt.ended,
                status=None if full is None else full.status,
                trouble=answer.value if isinstance(answer, Trouble) else "",
                reason=str(said.get("error", "")),
                own_s=0.0,
                disguised=attempt.fault is faults.Fault.TIMEOUT,
                due=attempt.due,
                retry_after=None if full is None else full.retry_after,
                counts=_counts(said),
            )
        )

    def settled(self, webhook: Webhook, end: End) -> None:
        """A webhook has ended."""
        self.discarded += end is End.DISCARDED
        del webhook

    def close(self) -> None:
        """Keep what was begun and cut off by the run's end; once, after the engine has stopped.

        Only now is it known of each attempt for how long the generator did not get to run.
        """
        self.tried += [
            Tried(
                webhook=self._webhooks[webhook],
                number=number,
                items=self._items[webhook],
                replica=UNTOLD,
                started=started,
                ended=self._clock(),
                status=None,
                trouble=_CUT_OFF,
                reason="",
                own_s=0.0,
                disguised=True,
            )
            for webhook, (number, started) in self._begun.items()
        ]
        self._begun.clear()
        self.tried = [replace(tried, own_s=self._own(tried.started, tried.ended)) for tried in self.tried]

    @property
    def unended(self) -> int:
        """Attempts that were begun and cut off by the run's end; known once it is closed."""
        return sum(tried.trouble == _CUT_OFF for tried in self.tried)

    def dump(self, file: Path) -> None:
        """Write all of it, a JSON object a line: what was broken first, then the attempts in order of their end."""
        with file.open("w") as out:
            for line in self._lines():
                out.write(json.dumps(line, default=bytes.hex) + "\n")

    def _lines(self) -> Iterator[dict[str, object]]:
        for broken in self.broken:
            yield {"kind": "broken", **asdict(broken)}
        for away in self.out:
            yield {"kind": "out", **asdict(away), "until": away.until if math.isfinite(away.until) else None}
        for tried in self.tried:
            yield {"kind": "tried", **asdict(tried)}


def _said(account: str, said: payloads.Fact) -> Said:
    fact = fact_of(account, said)
    if isinstance(said, payloads.StatusFact):
        return Said(fact, said.sms_id, said.status, said.updated_at)
    return Said(fact, "")


def _object(answer: bytes) -> dict[str, object]:
    try:
        content = json.loads(answer)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _counts(said: dict[str, object]) -> Counts | None:
    numbers = [said.get(name) for name in ("accepted", "duplicates", "dead_lettered")]
    known = [number for number in numbers if isinstance(number, int)]
    return Counts(*known) if len(known) == len(numbers) else None
