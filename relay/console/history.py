"""The last quarter of an hour: rates and latencies as curves, and what was counted in it. Pure."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from relay.console.readings import Reading, increase
from relay.console.watching import Durations
from relay.observability.metrics import Catalogue

LOOKS_BACK_S: Final = 900.0
"""The page's window: a quarter of an hour."""
STEP_S: Final = 2.0
"""Between two points of the curves."""
_MARK_EVERY_S: Final = 30.0
"""How exactly the window's beginning is known, for what was counted in it."""
_MILLISECONDS: Final = 1000


class Point(NamedTuple):
    """One point of the curves: what happened between the point before and `at`."""

    at: float
    """Unix time in seconds."""
    accepted: float
    """Webhooks a second, as the next two."""
    deferred: float
    refused: float
    published: float
    """Items a second, as the next two."""
    duplicate: float
    dead_lettered: float
    answer_p50: float | None
    """Milliseconds from a request's first byte to its 200; None where there was none, as the next three."""
    answer_p99: float | None
    acknowledgement_p50: float | None
    acknowledgement_p99: float | None


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts by name, of one kind: since the start, and in the window."""

    since_start: Mapping[str, int]
    in_window: Mapping[str, int]


Counts = Mapping[str, Mapping[str, int]]


def counts(reading: Reading) -> Counts:
    """Give all that the page counts, by kind and name."""
    refused = reading.by(Catalogue.WEBHOOKS, "reason", outcome="refused")
    deferred = reading.by(Catalogue.WEBHOOKS, "reason", outcome="deferred")
    return {
        "webhooks": reading.by(Catalogue.WEBHOOKS, "outcome"),
        "refusals": {**refused, **deferred},
        "items": reading.by(Catalogue.EVENTS, "result"),
        "statuses": reading.by(Catalogue.SMS_STATUS, "status"),
        "duplicates": reading.by(Catalogue.DUPLICATES, "kind"),
        "dead_letters": reading.by(Catalogue.DEAD_LETTERS, "reason"),
        "topics": reading.by(Catalogue.EVENTS_PUBLISHED, "topic"),
        "restarts": reading.by(Catalogue.PRODUCER_RESTARTS, "cause"),
        "late": {"": int(reading.total(Catalogue.LATE_ACKNOWLEDGEMENTS))},
    }


class History:
    """Points and marks of the last `LOOKS_BACK_S`; bounded."""

    def __init__(self, start: Reading) -> None:
        """Begin with the first reading."""
        self._last = start
        self._points: deque[Point] = deque(maxlen=int(LOOKS_BACK_S / STEP_S))
        self._marks: deque[tuple[float, Counts]] = deque([(start.at, counts(start))])

    @property
    def points(self) -> Sequence[Point]:
        """All points, the oldest first."""
        return tuple(self._points)

    def add(self, now: Reading, durations: Durations) -> Point:
        """Take in a reading, and what was measured since the one before; give the point that they make."""
        point = _point(self._last, now, durations)
        self._last = now
        self._points.append(point)
        if now.at - self._marks[-1][0] >= _MARK_EVERY_S:
            self._marks.append((now.at, counts(now)))
        while len(self._marks) > 1 and self._marks[1][0] <= now.at - LOOKS_BACK_S:
            self._marks.popleft()
        return point

    def counted(self, now: Reading) -> dict[str, Counted]:
        """Give what was counted, by kind: since the start, and in the window."""
        total, before = counts(now), self._marks[0][1]
        return {kind: Counted(names, increase(names, before[kind])) for kind, names in total.items()}

    def recent(self, seconds: float) -> Sequence[Point]:
        """Give the points of the last `seconds`."""
        return [point for point in self._points if point.at > self._last.at - seconds]


def mean(points: Sequence[Point], name: str) -> float:
    """Give the mean of one of the rates; 0 without points."""
    return sum(getattr(point, name) for point in points) / len(points) if points else 0.0


def _point(before: Reading, now: Reading, durations: Durations) -> Point:
    span = max(now.at - before.at, 0.001)
    webhooks = increase(now.by(Catalogue.WEBHOOKS, "outcome"), before.by(Catalogue.WEBHOOKS, "outcome"))
    items = increase(now.by(Catalogue.EVENTS, "result"), before.by(Catalogue.EVENTS, "result"))
    answers, acknowledgements = sorted(durations.answers), sorted(durations.acknowledgements)
    return Point(
        at=now.at,
        accepted=webhooks.get("accepted", 0) / span,
        deferred=webhooks.get("deferred", 0) / span,
        refused=webhooks.get("refused", 0) / span,
        published=items.get("published", 0) / span,
        duplicate=items.get("duplicate", 0) / span,
        dead_lettered=items.get("dead_lettered", 0) / span,
        answer_p50=_milliseconds(answers, 0.5),
        answer_p99=_milliseconds(answers, 0.99),
        acknowledgement_p50=_milliseconds(acknowledgements, 0.5),
        acknowledgement_p99=_milliseconds(acknowledgements, 0.99),
    )


def _milliseconds(ordered: Sequence[float], share: float) -> float | None:
    """Give a quantile of ordered seconds in milliseconds, by nearest rank; None of nothing."""
    if not ordered:
        return None
    return round(ordered[int(share * (len(ordered) - 1))] * _MILLISECONDS, 3)
