"""The metrics of `relay project`, live and counted.

Implements `relay.streams.projection.ProjectionObserver`, `relay.streams.projector.ProjectorObserver` and
`relay.publishing.port.PublishObserver` by shape: their words are text here.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from relay.observability.instruments import Maker, older, publish_failures
from relay.observability.metrics import Catalogue, ProjectorCatalogue


@dataclass(frozen=True, slots=True)
class ProjectorVocabulary:
    """The closed label values that are known only where the projector is put together."""

    latest_topic: str
    transitions: tuple[str, ...]
    statuses: Mapping[str, tuple[bool, int]]
    """Each status word's (is_final, rank)."""
    causes: tuple[str, ...]
    """Why a producer may be replaced."""
    version: str
    schema: int


class ProjectorInstruments:
    """Counts. No method blocks, awaits or raises; all are called on the event loop's thread."""

    def __init__(
        self,
        registry: CollectorRegistry,
        vocabulary: ProjectorVocabulary,
        *,
        ready: Callable[[], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Register all metrics on `registry`; `ready` is asked at each scrape, `clock` gives Unix seconds."""
        make, words = Maker(registry), vocabulary
        self._topic = words.latest_topic
        self._clock = clock
        self._events = make.counters(ProjectorCatalogue.EVENTS, [(word,) for word in words.transitions])
        self._duplicates = make.counter(ProjectorCatalogue.DUPLICATES)
        self._out_of_order = make.counters(ProjectorCatalogue.OUT_OF_ORDER, older(words.statuses))
        self._unreadable = make.counter(ProjectorCatalogue.UNREADABLE)
        self._rewritten = make.counter(ProjectorCatalogue.REWRITTEN)
        self._erased = make.counter(ProjectorCatalogue.ERASED)
        self._partitions = make.gauge(ProjectorCatalogue.PARTITIONS)
        self._entries = make.gauge(ProjectorCatalogue.ENTRIES)
        self._lag = make.gauge(ProjectorCatalogue.LAG)
        self._last_commit = make.gauge(ProjectorCatalogue.LAST_COMMIT)
        self._stuck = make.gauge(ProjectorCatalogue.STUCK)
        self._published = make.counters(Catalogue.EVENTS_PUBLISHED, [(self._topic,)])
        self._publish_duration = make.histograms(Catalogue.PUBLISH_DURATION, [(self._topic,)])
        self._publish_failures = make.counters(
            Catalogue.PUBLISH_FAILURES, [(self._topic, reason) for reason in publish_failures()]
        )
        self.producer_restarts = make.counters(Catalogue.PRODUCER_RESTARTS, [(cause,) for cause in words.causes])
        make.gauge(Catalogue.READY).set_function(ready)
        self._certificate_expiry = make.gauge(Catalogue.CERTIFICATE_EXPIRY)
        self.secrets_stale = make.gauge(Catalogue.SECRETS_STALE)
        self.event_loop_lag = make.histogram(Catalogue.EVENT_LOOP_LAG)
        make.gauge(Catalogue.BUILD_INFO).labels(words.version, str(words.schema)).set(1)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        PlatformCollector(registry=registry)

    def certificate_expiries(self, timestamps: Mapping[str, float]) -> None:
        """Show when each certificate file expires, by path, in Unix time; and no file but these."""
        self._certificate_expiry.clear()
        for path, timestamp in timestamps.items():
            self._certificate_expiry.labels(path).set(timestamp)

    # Publishing

    def published(self, _destination: str, seconds: Sequence[float]) -> None:
        """Records were acknowledged, each so many seconds after it was handed over."""
        self._published[(self._topic,)].inc(len(seconds))
        for each in seconds:
            self._publish_duration[(self._topic,)].observe(each)

    def publish_failed(self, _destination: str, reason: str) -> None:
        """A record was not acknowledged, or was refused."""
        self._publish_failures[self._topic, reason].inc()

    # The projection

    def taken_in(self, transition: str) -> None:
        """A fact was new, and did this to the state of its SMS."""
        self._events[(transition,)].inc()

    def duplicate(self) -> None:
        """A fact came a second time, in a record of its own."""
        self._duplicates.inc()

    def out_of_order(self, newest: str, late: str) -> None:
        """A fact came after a newer one of the same SMS."""
        self._out_of_order[newest, late].inc()

    def unreadable(self) -> None:
        """A record of the status topic is no status event of version 1."""
        self._unreadable.inc()

    # The member of the group

    def assigned(self, partitions: int) -> None:
        """So many partitions are this member's now."""
        self._partitions.set(partitions)

    def looked(self, *, entries: int, stuck: int, lag: int) -> None:
        """How many SMS are known, how many of them are stuck, how many records are still to be taken in."""
        self._entries.set(entries)
        self._stuck.set(stuck)
        self._lag.set(lag)

    def erased(self, count: int) -> None:
        """So many SMS were erased, their retention being over."""
        self._erased.inc(count)

    def rewritten(self, count: int) -> None:
        """So many states were written again."""
        self._rewritten.inc(count)

    def committed(self) -> None:
        """Offsets were committed."""
        self._last_commit.set(self._clock())
