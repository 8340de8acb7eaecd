"""Looks at the pod once a second, and tells every open page what it saw."""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final, NoReturn

import structlog
from prometheus_client import CollectorRegistry

from relay.console.history import LOOKS_BACK_S, STEP_S, History, mean
from relay.console.readings import Meter, Reading, increase
from relay.console.verdict import LATELY_S, RECENTLY_S, Shows, judge, worst
from relay.console.watching import WatchingObserver
from relay.observability.health import Readiness
from relay.observability.metrics import Catalogue

LOOK_EVERY_S: Final = 1.0
"""How often the pod is looked at: what happens shows within a second of its being known."""
MOST_PAGES: Final = 16
"""Pages open at once: more people do not look at one pod, and each costs a message a second."""
_FIGURES_OVER_S: Final = 10.0
_LOOKS_A_STEP: Final = round(STEP_S / LOOK_EVERY_S)
_BREAKER: Final = ("closed", "half-open", "open")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What does not change while the pod runs."""

    pod: str
    """The pod's name."""
    version: str
    """The relay's."""
    schema: int
    """The version of the event schema."""
    kafka: str
    """The bootstrap servers."""
    settings: Mapping[str, tuple[str, bool]]
    """By name: the effective value as a person may see it (secrets are stars), and whether it is the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """Where the present state is asked; no callable blocks or raises, each is called on the loop's thread."""

    readiness: Callable[[], Readiness]
    in_touch: Callable[[], bool]
    """Whether a broker answered when it was last asked."""
    breaker_state: Callable[[], int]
    """0 closed, 1 half-open, 2 open."""
    oldest_unacknowledged_s: Callable[[], float]
    records_in_flight: Callable[[], int]


class Console:
    """The page's source. For one event loop; `run` as a task of its owner's, who cancels it and calls `close`."""

    def __init__(
        self,
        *,
        about: About,
        pod: Pod,
        registry: CollectorRegistry,
        observer: WatchingObserver,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the parts; `clock` gives Unix seconds."""
        self._about = about
        self._pod = pod
        self._observer = observer
        self._clock = clock
        self._meter = Meter(registry)
        first = self._meter.read(clock())
        self._started_at = first.at
        self._history = History(first)
        self._marks: deque[Reading] = deque([first])
        self._lags: deque[tuple[float, float]] = deque()
        self._number = 0
        self._pages = 0
        self._closed = False
        self._turn = asyncio.Event()
        self._message = b""
        self._look_once(point=False)

    async def run(self) -> NoReturn:
        """Look every `LOOK_EVERY_S`, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                self._look_once(point=(self._number + 1) % _LOOKS_A_STEP == 0)
            except Exception:  # noqa: BLE001 - a fault of the page's must not end it for good
                _log.exception("the console page's look at the pod failed")
            else:
                self._number += 1
                self._wake()

    def close(self) -> None:
        """End every page's stream; idempotent. A page then asks again, until a pod answers."""
        self._closed = True
        self._wake()

    def lagged(self, seconds: float) -> None:
        """The event loop woke a timer so much later than asked."""
        self._lags.append((self._clock(), seconds))
        while self._lags[0][0] < self._clock() - RECENTLY_S:
            self._lags.popleft()

    @property
    def full(self) -> bool:
        """Whether as many pages are open as may be."""
        return self._pages >= MOST_PAGES

    @asynccontextmanager
    async def page(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a page; give its messages as server-sent events: all there is, then what is new each second.

        They end with `close`. A page that takes them too slowly is told all there is again.
        """
        self._pages += 1
        try:
            async with aclosing(self._messages()) as messages:
                yield messages
        finally:
            self._pages -= 1

    async def _messages(self) -> AsyncGenerator[bytes, None]:
        told: int | None = None
        while not self._closed:
            turn = self._turn
            if told == self._number:
                await turn.wait()
                continue
            message = self._message if told == self._number - 1 else self._everything()
            told = self._number
            yield message

    def _wake(self) -> None:
        self._turn.set()
        self._turn = asyncio.Event()

    def _look_once(self, *, point: bool) -> None:
        reading = self._meter.read(self._clock())
        events = [asdict(event) for event in self._observer.new_events()]
        points = [self._history.add(reading, self._observer.durations())] if point else []
        self._now = self._seen(reading)
        self._message = _event("look", {**self._now, "events": events, "points": points})
        if point:
            self._marks.append(reading)
            while len(self._marks) > 1 and self._marks[1].at <= reading.at - LATELY_S:
                self._marks.popleft()

    def _everything(self) -> bytes:
        about = asdict(self._about)
        events = [asdict(event) for event in self._observer.last_events]
        about |= {"looks_back_s": LOOKS_BACK_S, "step_s": STEP_S, "started_at": self._started_at}
        return _event("everything", {**self._now, "about": about, "events": events, "points": self._history.points})

    def _seen(self, reading: Reading) -> dict[str, Any]:
        """Give what a page shows of this moment."""
        counted = self._history.counted(reading)
        findings = judge(self._shows(reading, {kind: it.in_window for kind, it in counted.items()}))
        recent = self._history.recent(_FIGURES_OVER_S)
        return {
            "at": reading.at,
            "level": worst(findings),
            "findings": [asdict(finding) for finding in findings],
            "figures": {
                "webhooks_per_s": mean(recent, "accepted") + mean(recent, "deferred") + mean(recent, "refused"),
                "items_per_s": mean(recent, "published"),
                "answer_p50_ms": _latest([point.answer_p50 for point in recent]),
                "answer_p99_ms": _latest([point.answer_p99 for point in recent]),
                "acknowledgement_p99_ms": _latest([point.acknowledgement_p99 for point in recent]),
                "in_flight": int(reading.total(Catalogue.WEBHOOKS_IN_FLIGHT)),
                "last_webhook_at": reading.total(Catalogue.LAST_WEBHOOK),
            },
            "kafka": self._kafka(reading),
            "counted": {kind: asdict(it) for kind, it in counted.items()},
        }

    def _kafka(self, reading: Reading) -> dict[str, Any]:
        pod = self._pod
        return {
            "in_touch": pod.in_touch(),
            "breaker": _BREAKER[pod.breaker_state()],
            "oldest_unacknowledged_s": round(pod.oldest_unacknowledged_s(), 3),
            "records_in_flight": pod.records_in_flight(),
            "late_acknowledgements": int(reading.total(Catalogue.LATE_ACKNOWLEDGEMENTS)),
            "producer_restarts": int(reading.total(Catalogue.PRODUCER_RESTARTS)),
            "publish_failures": reading.by(Catalogue.PUBLISH_FAILURES, "reason"),
            "min_insync_replicas": reading.by(Catalogue.TOPIC_MIN_INSYNC_REPLICAS, "topic"),
            "window_entries": int(reading.total(Catalogue.DUPLICATE_WINDOW_ENTRIES)),
        }

    def _shows(self, reading: Reading, in_window: Mapping[str, Mapping[str, int]]) -> Shows:
        lately = self._marks[0]
        recently = next((mark for mark in self._marks if mark.at >= reading.at - RECENTLY_S), reading)
        pod, readiness = self._pod, self._pod.readiness()
        expiries = reading.values[Catalogue.CERTIFICATE_EXPIRY.name]
        return Shows(
            now=reading.at,
            started_at=self._started_at,
            last_webhook_at=reading.total(Catalogue.LAST_WEBHOOK),
            not_ready=readiness.reason,
            not_ready_says=readiness.detail,
            in_touch=pod.in_touch(),
            breaker_open=pod.breaker_state() != 0,
            oldest_unacknowledged_s=pod.oldest_unacknowledged_s(),
            deferred=_grown(reading, recently, "deferred"),
            accepted_since_deferred=self._accepted_since_deferred(),
            refused=_grown(reading, lately, "refused"),
            accepted=sum(_grown(reading, lately, "accepted").values()),
            dead_letters=in_window["dead_letters"],
            unknown_statuses=in_window["statuses"].get("unknown", 0),
            late_acknowledgements=in_window["late"].get("", 0),
            producer_restarts=in_window["restarts"],
            window_errors=int(
                reading.total(Catalogue.DUPLICATE_WINDOW_ERRORS) - lately.total(Catalogue.DUPLICATE_WINDOW_ERRORS)
            ),
            secrets_stale=bool(reading.total(Catalogue.SECRETS_STALE)),
            certificates={path: expires for (path,), expires in expiries.items()},
            loop_lag_s=max((lag for _, lag in self._lags), default=0.0),
        )

    def _accepted_since_deferred(self) -> bool:
        for point in reversed(self._history.recent(RECENTLY_S)):
            if point.deferred or point.accepted:
                return not point.deferred
        return False


def _grown(now: Reading, before: Reading, outcome: str) -> dict[str, int]:
    """Give how many webhooks have ended so since, by reason."""
    return increase(
        now.by(Catalogue.WEBHOOKS, "reason", outcome=outcome),
        before.by(Catalogue.WEBHOOKS, "reason", outcome=outcome),
    )


def _latest(values: list[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _event(name: str, content: Mapping[str, Any]) -> bytes:
    data = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return f"event: {name}\nretry: 1000\ndata: {data}\n\n".encode()
