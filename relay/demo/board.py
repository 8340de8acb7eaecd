"""What a run looks like at this moment: rates, latency, statuses, last events; kept as it goes, shown as a value."""

import json
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from relay.demo.reading import Found
from relay.events.record import Destination
from relay.simulator.attempts import Attempt
from relay.simulator.progress import quantile

WINDOW_S: Final = 10.0
"""Seconds that rates and latencies look back."""
_EVENTS: Final = 60
_NO_ANSWER: Final = "no answer"


@dataclass(frozen=True, slots=True)
class Event:
    """One record of the topics, as the view lists it. All texts are as read: neutralise before printing."""

    timestamp_ms: int
    what: str
    """The event's status, or `dead letter`."""
    is_dead_letter: bool
    why: str
    """The provider's reason, or why it is a dead letter."""
    sms_id: str
    place: str
    """`partition@offset`."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a run at one moment."""

    elapsed_s: float
    phase: str
    items_per_s: float
    records_per_s: float
    latency_p50_s: float | None
    """None before the first answer within the window."""
    latency_p99_s: float | None
    posts: int
    items: int
    answers: Mapping[str, int]
    """By HTTP status, or `no answer`."""
    duplicates: int
    dead_lettered: int
    """As the answers said."""
    records: Mapping[Destination, int]
    """Read from Kafka."""
    statuses: Mapping[str, int]
    """Read from Kafka."""
    events: Sequence[Event]
    """The last ones read, newest first."""


class Board:
    """Collects what is told about a run. Within one thread; its snapshots may go anywhere."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock: seconds that never go back."""
        self._clock = clock
        self._start = clock()
        self.phase = "running"
        """What the run is doing, in a word or two."""
        self._attempts: deque[tuple[float, int, float | None]] = deque()
        self._reads: deque[tuple[float, int]] = deque()
        self._posts = self._items = self._duplicates = self._dead_lettered = 0
        self._answers: Counter[str] = Counter()
        self._records: Counter[Destination] = Counter()
        self._statuses: Counter[str] = Counter()
        self._events: deque[Event] = deque(maxlen=_EVENTS)

    def attempted(self, attempt: Attempt) -> None:
        """Sofy's attempt has ended."""
        items = len(attempt.webhook.facts)
        duplicates, dead_lettered = _counts(attempt.answer)
        self._posts += 1
        self._items += items
        self._duplicates += duplicates
        self._dead_lettered += dead_lettered
        self._answers[_NO_ANSWER if attempt.status is None else str(attempt.status)] += 1
        latency = None if attempt.status is None else attempt.seconds
        self._attempts.append((self._clock(), items, latency))

    def read(self, found: Found) -> None:
        """A record was read from Kafka."""
        event = _event(found)
        self._records[found.destination] += 1
        if found.destination is Destination.STATUS:
            self._statuses[event.what] += 1
        self._events.appendleft(event)
        self._reads.append((self._clock(), 1))

    def snapshot(self) -> Snapshot:
        """Give the state of now."""
        now = self._clock()
        for window in (self._attempts, self._reads):
            while window and window[0][0] < now - WINDOW_S:
                window.popleft()
        seconds = min(WINDOW_S, max(now - self._start, 1.0))
        latencies = sorted(latency for _, _, latency in self._attempts if latency is not None)
        return Snapshot(
            elapsed_s=now - self._start,
            phase=self.phase,
            items_per_s=sum(items for _, items, _ in self._attempts) / seconds,
            records_per_s=len(self._reads) / seconds,
            latency_p50_s=quantile(latencies, 0.50),
            latency_p99_s=quantile(latencies, 0.99),
            posts=self._posts,
            items=self._items,
            answers=MappingProxyType(dict(sorted(self._answers.items()))),
            duplicates=self._duplicates,
            dead_lettered=self._dead_lettered,
            records=MappingProxyType(dict(self._records)),
            statuses=MappingProxyType(dict(self._statuses.most_common())),
            events=tuple(self._events),
        )


def _counts(answer: bytes) -> tuple[int, int]:
    """Give the duplicates and dead letters that the relay's answer speaks of: for the eye only."""
    try:
        counts = json.loads(answer)
        return int(counts["duplicates"]), int(counts["dead_lettered"])
    except (ValueError, TypeError, KeyError):
        return 0, 0


def _event(found: Found) -> Event:
    headers = {name: value.decode(errors="replace") for name, value in found.headers.items()}
    place = f"{found.partition}@{found.offset}"
    if found.destination is Destination.DEAD_LETTER:
        reason, detail = headers.get("relay-reason", "?"), headers.get("relay-detail", "")
        return Event(
            timestamp_ms=found.timestamp_ms,
            what="dead letter",
            is_dead_letter=True,
            why=f"{reason}: {detail}",
            sms_id="-" if found.key is None else found.key.decode(errors="replace"),
            place=place,
        )
    value = _object(found.value)
    why = value.get("reason")
    return Event(
        timestamp_ms=found.timestamp_ms,
        what=str(value.get("status", "?")),
        is_dead_letter=False,
        why=str(why.get("code", "")) if isinstance(why, dict) else "",
        sms_id=str(value.get("sms_id", "")),
        place=place,
    )


def _object(value: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
