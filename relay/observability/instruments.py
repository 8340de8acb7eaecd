"""The declared metrics made live on one registry, every child made once and kept.

Each combination of label values that can occur is made at construction: it is exposed at zero from the start, and
counting is a dictionary look-up.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector

from relay.observability.metrics import Catalogue, Metric, WebhookOutcome
from relay.observability.tallies import Children, Counter, CounterCollector, Histogram, HistogramCollector
from relay.reasons import MEANING, Kind, Reason

NO_ACCOUNT: Final = ""
"""The `account` label of a request that was not authenticated."""

_RESULTS: Final = ("published", "duplicate", "dead_lettered", "other", "deferred")
_DUPLICATE_KINDS: Final = ("in_webhook", "in_flight", "window")

# What can still be refused once a request's token, and so its account, is known.
_REFUSED_WITH_ACCOUNT: Final = (
    Reason.BODY_TOO_LARGE,
    Reason.SLOW_REQUEST,
    Reason.BAD_FRAMING,
    Reason.UNEXPECTED_WEBHOOK_ID,
)
# Said by the relay before a publisher is asked, so never a publisher's.
_NEVER_PUBLISHERS: Final = (Reason.DRAINING,)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The closed label values that are known only where the application is put together."""

    accounts: tuple[str, ...]
    """The configured accounts' names."""
    topics: Mapping[str, str]
    """Each destination's word (`status`, `other`, `dead_letter`) and its topic's name."""
    statuses: Mapping[str, tuple[bool, int]]
    """Each status word's (is_final, rank)."""
    status_categories: frozenset[tuple[str, str]]
    """Each (status, category) that can occur; the category is empty where there is no reason."""
    causes: tuple[str, ...]
    """Why a producer may be replaced."""
    fields: tuple[str, ...]
    """The provider's field names that can be unreadable."""
    version: str
    """The relay's version."""
    schema: int
    """The event schema's version."""


class Instruments:
    """Every metric of the catalogue, live. Only the event loop's thread may count."""

    def __init__(self, registry: CollectorRegistry, vocabulary: Vocabulary) -> None:
        """Register all metrics, and prometheus-client's process, gc and platform ones, on `registry`."""
        make = Maker(registry)
        accounts = vocabulary.accounts
        topics = [(topic,) for topic in dict.fromkeys(vocabulary.topics.values())]

        self.webhooks = make.counters(Catalogue.WEBHOOKS, _webhook_labels(accounts))
        self.webhook_duration = make.histograms(
            Catalogue.WEBHOOK_DURATION, [(outcome.value,) for outcome in WebhookOutcome]
        )
        self.webhook_body = make.histogram(Catalogue.WEBHOOK_BODY)
        self.webhooks_in_flight = make.gauge(Catalogue.WEBHOOKS_IN_FLIGHT)
        self.last_webhook = make.gauge(Catalogue.LAST_WEBHOOK)

        self.events_received = make.counters(Catalogue.EVENTS_RECEIVED, [(account,) for account in accounts])
        self.events = make.counters(Catalogue.EVENTS, product(accounts, _RESULTS))
        self.duplicates = make.counters(Catalogue.DUPLICATES, product(accounts, _DUPLICATE_KINDS))
        self.dead_letters = make.counters(
            Catalogue.DEAD_LETTERS, [(reason.value,) for reason in _reasons(Kind.DEAD_LETTERED)]
        )
        self.sms_status = make.counters(Catalogue.SMS_STATUS, sorted(vocabulary.status_categories))
        self.unknown_statuses = make.counter(Catalogue.UNKNOWN_STATUSES)
        self.unreadable_fields = make.counters(Catalogue.UNREADABLE_FIELDS, [(field,) for field in vocabulary.fields])
        self.out_of_order = make.counters(Catalogue.OUT_OF_ORDER, older(vocabulary.statuses))
        self.event_age = make.histogram(Catalogue.EVENT_AGE)
        self.sms_delivery = make.histograms(
            Catalogue.SMS_DELIVERY,
            [(status,) for status, (is_final, _) in vocabulary.statuses.items() if is_final],
        )

        self.events_published = make.counters(Catalogue.EVENTS_PUBLISHED, topics)
        self.publish_duration = make.histograms(Catalogue.PUBLISH_DURATION, topics)
        self.publish_failures = make.counters(
            Catalogue.PUBLISH_FAILURES,
            [(*topic, reason) for topic in topics for reason in publish_failures()],
        )
        self.late_acknowledgements = make.counter(Catalogue.LATE_ACKNOWLEDGEMENTS)
        self._oldest_unacknowledged = make.gauge(Catalogue.OLDEST_UNACKNOWLEDGED)
        self.producer_restarts = make.counters(Catalogue.PRODUCER_RESTARTS, [(cause,) for cause in vocabulary.causes])
        self._breaker_state = make.gauge(Catalogue.BREAKER_STATE)
        self._min_insync_replicas = make.gauge(Catalogue.TOPIC_MIN_INSYNC_REPLICAS)
        self._topics = dict(vocabulary.topics)

        self._ready = make.gauge(Catalogue.READY)
        self._duplicate_window_entries = make.gauge(Catalogue.DUPLICATE_WINDOW_ENTRIES)
        self.duplicate_window_errors = make.counter(Catalogue.DUPLICATE_WINDOW_ERRORS)
        self._certificate_expiry = make.gauge(Catalogue.CERTIFICATE_EXPIRY)
        self.secrets_stale = make.gauge(Catalogue.SECRETS_STALE)
        self.event_loop_lag = make.histogram(Catalogue.EVENT_LOOP_LAG)
        make.gauge(Catalogue.BUILD_INFO).labels(vocabulary.version, str(vocabulary.schema)).set(1)

        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        PlatformCollector(registry=registry)

    def watch(
        self,
        *,
        ready: Callable[[], bool] | None = None,
        oldest_unacknowledged_seconds: Callable[[], float] | None = None,
        breaker_state: Callable[[], int] | None = None,
        duplicate_window_entries: Callable[[], int] | None = None,
    ) -> None:
        """Read these gauges from elsewhere at each scrape; what is not given stays as it was.

        Each callable is called on the event loop's thread, must not block and must not raise.
        """
        if ready is not None:
            self._ready.set_function(ready)
        if oldest_unacknowledged_seconds is not None:
            self._oldest_unacknowledged.set_function(oldest_unacknowledged_seconds)
        if breaker_state is not None:
            self._breaker_state.set_function(breaker_state)
        if duplicate_window_entries is not None:
            self._duplicate_window_entries.set_function(duplicate_window_entries)

    def certificate_expiries(self, timestamps: Mapping[str, float]) -> None:
        """Show when each certificate file expires, by path, in Unix time; and no file but these."""
        self._certificate_expiry.clear()
        for path, timestamp in timestamps.items():
            self._certificate_expiry.labels(path).set(timestamp)

    def know_accounts(self, accounts: Iterable[str]) -> None:
        """Count for these accounts too from now on; each new one costs some series, so they are a person's to name."""
        new = tuple(account for account in accounts if (account,) not in self.events_received)
        self.webhooks.add(_webhook_labels(new))
        self.events_received.add((account,) for account in new)
        self.events.add(product(new, _RESULTS))
        self.duplicates.add(product(new, _DUPLICATE_KINDS))

    def min_insync_replicas(self, destination: str, replicas: int) -> None:
        """Show a topic's `min.insync.replicas`, once the broker has let it be read.

        Until then the series is absent: zero would be a lie. An unknown destination shows nothing.
        """
        topic = self._topics.get(destination)
        if topic is not None:
            self._min_insync_replicas.labels(topic).set(replicas)


class Maker:
    """Makes prometheus-client's objects out of declarations, on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counters(self, metric: Metric, combinations: Iterable[tuple[str, ...]]) -> Children[Counter]:
        """Give a counter for each of the label values' `combinations`."""
        children = Children(Counter, combinations)
        self._registry.register(CounterCollector(metric, children))
        return children

    def counter(self, metric: Metric) -> Counter:
        """Give the one counter of a metric without labels."""
        return self.counters(metric, [()])[()]

    def histograms(self, metric: Metric, combinations: Iterable[tuple[str, ...]]) -> Children[Histogram]:
        """Give a histogram for each of the label values' `combinations`."""
        children = Children(lambda: Histogram(metric.buckets), combinations)
        self._registry.register(HistogramCollector(metric, children, _unit(metric)))
        return children

    def histogram(self, metric: Metric) -> Histogram:
        """Give the one histogram of a metric without labels."""
        return self.histograms(metric, [()])[()]

    def gauge(self, metric: Metric) -> Gauge:
        """Give a gauge, or its parent where it has labels."""
        return Gauge(metric.name, metric.help, metric.labels, unit=_unit(metric), registry=self._registry)


def _unit(metric: Metric) -> str:
    """Give the unit where it is a base unit that the name ends in; others are for readers only."""
    return metric.unit if metric.name.endswith(f"_{metric.unit}") else ""


def _reasons(kind: Kind) -> list[Reason]:
    return [reason for reason in Reason if MEANING[reason].kind is kind]


def publish_failures() -> list[str]:
    """Give every reason for which a publisher may fail."""
    publishers = [reason for reason in _reasons(Kind.DEFERRED) if reason not in _NEVER_PUBLISHERS]
    return [reason.value for reason in (*publishers, Reason.RECORD_TOO_LARGE)]


def _webhook_labels(accounts: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Give each (account, outcome, reason) that can occur."""
    yield NO_ACCOUNT, WebhookOutcome.PROBED.value, ""
    for reason in _reasons(Kind.REFUSED):
        yield NO_ACCOUNT, WebhookOutcome.REFUSED.value, reason.value
    for account in accounts:
        yield account, WebhookOutcome.ACCEPTED.value, ""
        for reason in _REFUSED_WITH_ACCOUNT:
            yield account, WebhookOutcome.REFUSED.value, reason.value
    # Draining, overload and an outage are also told to senders who have not proven who they are.
    for account in (NO_ACCOUNT, *accounts):
        for reason in _reasons(Kind.DEFERRED):
            yield account, WebhookOutcome.DEFERRED.value, reason.value
        for reason in _reasons(Kind.ABANDONED):
            yield account, WebhookOutcome.ABANDONED.value, reason.value


def older(statuses: Mapping[str, tuple[bool, int]]) -> Iterator[tuple[str, str]]:
    """Give each (from, to) in which `to` is older by (is_final, rank)."""
    return ((newest, late) for newest, late in product(statuses, repeat=2) if statuses[late] < statuses[newest])
