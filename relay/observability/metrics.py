"""Every metric of the relay, declared once, as data. Metrics are an API: a test freezes this list.

Declaring is all that happens here; `relay.observability.instruments` makes them live. Labels are
closed and small: never an id, a number, a URL or an exception's text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class MetricType(StrEnum):
    """The Prometheus type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class WebhookOutcome(StrEnum):
    """How a request on the public port ended: the `outcome` label."""

    ACCEPTED = "accepted"
    """200: every item is durable, or a known duplicate."""
    PROBED = "probed"
    """204: a GET or HEAD."""
    REFUSED = "refused"
    """4xx: the sender's fault."""
    DEFERRED = "deferred"
    """503: ours or Kafka's fault; Sofy replays."""
    ABANDONED = "abandoned"
    """The sender left before it could be answered."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: what it is called, what it counts, and what to do when it moves."""

    name: str
    """As exposed; a counter's ends in `_total`."""
    type: MetricType
    labels: tuple[str, ...]
    unit: str
    """What one is: `seconds`, `bytes`, or the thing that is counted."""
    says: str
    """One sentence: what it measures."""
    when_it_moves: str
    """One sentence: what a reader of a graph should think of or do."""
    buckets: tuple[float, ...] = ()
    """A histogram's upper bounds, without infinity."""

    @property
    def help(self) -> str:
        """The text of the exposition's HELP line."""
        return f"{self.says} {self.when_it_moves}"


_ANSWER_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0)
_ACKNOWLEDGEMENT_BUCKETS: Final = (0.001, 0.0025, *_ANSWER_BUCKETS)
_LAG_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_BODY_BUCKETS: Final = (256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0)
# Up to two days: past the tenth replay of a webhook, and past an SMS's usual validity period.
_AGE_BUCKETS: Final = (
    *(0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0),
    *(3600.0, 10800.0, 21600.0, 43200.0, 86400.0, 172800.0),
)


def _counter(name: str, labels: str, unit: str, says: str, when_it_moves: str) -> Metric:
    return Metric(name, MetricType.COUNTER, tuple(labels.split()), unit, says, when_it_moves)


def _gauge(name: str, labels: str, unit: str, says: str, when_it_moves: str) -> Metric:
    return Metric(name, MetricType.GAUGE, tuple(labels.split()), unit, says, when_it_moves)


@dataclass(frozen=True, slots=True)
class _Histogram:
    """A distribution with these bounds, waiting for its name and meaning."""

    buckets: tuple[float, ...]
    unit: str = "seconds"

    def __call__(self, name: str, labels: str, says: str, when_it_moves: str) -> Metric:
        names = tuple(labels.split())
        return Metric(name, MetricType.HISTOGRAM, names, self.unit, says, when_it_moves, self.buckets)


class Catalogue:
    """All metrics, in the order in which they are exposed. Iterate with `catalogue()`."""

    # Requests

    WEBHOOKS = _counter(
        "sofy_relay_webhooks_total",
        "account outcome reason",
        "requests",
        "Requests on the public port by how they ended; account is empty where none was authenticated.",
        "deferred is ours or Kafka's fault: follow the reason; refused is the sender's: compare URL, token and secret.",
    )
    WEBHOOK_DURATION = _Histogram(_ANSWER_BUCKETS)(
        "sofy_relay_webhook_duration_seconds",
        "outcome",
        "Time from a request's first byte to its answer.",
        "Sofy gives up at 4 s: if accepted ones grow, compare with publish_duration (Kafka) and event_loop_lag (CPU).",
    )
    WEBHOOK_BODY = _Histogram(_BODY_BUCKETS, "bytes")(
        "sofy_relay_webhook_body_bytes",
        "",
        "Size of the bodies that were read whole.",
        "If it nears RELAY_HTTP__MAX_BODY_BYTES raise that limit before webhooks are refused with 413.",
    )
    WEBHOOKS_IN_FLIGHT = _gauge(
        "sofy_relay_webhooks_in_flight",
        "",
        "requests",
        "Requests that were begun and not yet answered.",
        "If it climbs and stays, Kafka acknowledges slowly or bodies come slowly: look at publish_duration.",
    )
    LAST_WEBHOOK = _gauge(
        "sofy_relay_last_webhook_timestamp_seconds",
        "",
        "seconds",
        "Unix time at which the last authenticated webhook ended; 0 before the first.",
        "If it stands still while SMS are sent, look at Sofy's registration, the ingress and the token.",
    )

    # Events

    EVENTS_RECEIVED = _counter(
        "sofy_relay_events_received_total",
        "account",
        "items",
        "Items of authenticated webhooks that were read; an unreadable body is one.",
        "It must equal the sum of events_total; a lasting difference is a fault of the relay's: report it.",
    )
    EVENTS = _counter(
        "sofy_relay_events_total",
        "account result",
        "items",
        "Items by what became of them; each received item has exactly one result.",
        "deferred rises while Kafka does not acknowledge; for dead_lettered see `relay dead-letters list`.",
    )
    DUPLICATES = _counter(
        "sofy_relay_duplicates_total",
        "account kind",
        "items",
        "Items whose first copy was known, as seen by this pod's window.",
        "A rise means that Sofy replays (look for answers that were late or not 2xx) or has two registrations.",
    )
    DEAD_LETTERS = _counter(
        "sofy_relay_dead_letters_total",
        "reason",
        "records",
        "Dead letters that are durable, by reason.",
        "Read them with `relay dead-letters list`; the reason says what could not be read.",
    )
    SMS_STATUS = _counter(
        "sofy_relay_sms_status_total",
        "status category",
        "events",
        "Status events that are durable; category is empty where the provider gave no reason.",
        "A shift towards failures is the carriers' or the account's: account_limit means that the balance is used up.",
    )
    UNKNOWN_STATUSES = _counter(
        "sofy_relay_unknown_statuses_total",
        "",
        "events",
        "Status events whose word the relay does not know; published as unknown with Sofy's word kept.",
        "Sofy has added a word: read source.status in the events and extend the table of statuses.",
    )
    UNREADABLE_FIELDS = _counter(
        "sofy_relay_unreadable_fields_total",
        "field",
        "fields",
        "Fields that were present but unreadable; the event has null there, the value stands in source.extra.",
        "Sofy has changed a type or a format: compare source.extra with the schema.",
    )
    OUT_OF_ORDER = _counter(
        "sofy_relay_out_of_order_total",
        "from to",
        "events",
        "Events older in rank than what this pod last published for the SMS.",
        "Harmless to consumers that compare is_final, status_rank, occurred_at; a rise shows replays or concurrency.",
    )
    EVENT_AGE = _Histogram(_AGE_BUCKETS)(
        "sofy_relay_event_age_seconds",
        "",
        "Time from occurred_at to the record's acknowledgement, by two clocks; never below 0.",
        "It grows when Sofy replays after an outage, and falls again once the backlog is through.",
    )
    SMS_DELIVERY = _Histogram(_AGE_BUCKETS)(
        "sofy_relay_sms_delivery_seconds",
        "status",
        "Time from created_at to occurred_at of a final status, both by Sofy's clock.",
        "If delivered grows the carriers are slow; nothing here is the relay's.",
    )

    # Kafka

    EVENTS_PUBLISHED = _counter(
        "sofy_relay_events_published_total",
        "topic",
        "records",
        "Records that Kafka has acknowledged (acks=all).",
        "If it stands still while webhooks come, look at publish_failures_total and readiness.",
    )
    PUBLISH_DURATION = _Histogram(_ACKNOWLEDGEMENT_BUCKETS)(
        "sofy_relay_publish_duration_seconds",
        "topic",
        "Time from handing a record to the producer to its acknowledgement.",
        "If it nears RELAY_HTTP__ANSWER_WITHIN_S answers turn to 503: look at the brokers and their replicas.",
    )
    PUBLISH_FAILURES = _counter(
        "sofy_relay_publish_failures_total",
        "topic reason",
        "records",
        "Records that were not acknowledged or were refused, by reason.",
        "Follow the reason: not_authorized is an ACL or a password, topic_missing asks for `relay topics apply`.",
    )
    LATE_ACKNOWLEDGEMENTS = _counter(
        "sofy_relay_late_acknowledgements_total",
        "",
        "records",
        "Records acknowledged after their webhook had been answered 503; the replay will be a duplicate.",
        "Kafka is slower than RELAY_HTTP__ANSWER_WITHIN_S: look at publish_duration.",
    )
    OLDEST_UNACKNOWLEDGED = _gauge(
        "sofy_relay_oldest_unacknowledged_seconds",
        "",
        "seconds",
        "Age of the oldest record that waits for Kafka's acknowledgement; 0 if none waits.",
        "Above a few seconds Kafka does not acknowledge: look at the brokers.",
    )
    PRODUCER_RESTARTS = _counter(
        "sofy_relay_producer_restarts_total",
        "cause",
        "producers",
        "Kafka producers that were given up and replaced, by cause.",
        "Repeated restarts: look at the log's lines about the producer, and at the brokers and topics.",
    )
    BREAKER_STATE = _gauge(
        "sofy_relay_breaker_state",
        "",
        "state",
        "Whether webhooks pass: 0 closed, 1 half-open (the next one may try), 2 open (refused in milliseconds).",
        "2 means that Kafka acknowledges nothing: look at the brokers; it closes by itself.",
    )
    TOPIC_MIN_INSYNC_REPLICAS = _gauge(
        "sofy_relay_topic_min_insync_replicas",
        "topic",
        "replicas",
        "The topic's min.insync.replicas; absent where the broker does not let the relay read it.",
        "In production it should be 2: with 1, acks=all is durable on one broker only.",
    )

    # Process

    READY = _gauge(
        "sofy_relay_ready",
        "",
        "pods",
        "1 while the pod is ready, else 0.",
        "If 0, `/readyz` on the admin port says why.",
    )
    DUPLICATE_WINDOW_ENTRIES = _gauge(
        "sofy_relay_duplicate_window_entries",
        "",
        "entries",
        "Ids that the duplicate window holds in this pod's memory.",
        "At RELAY_DUPLICATES__MAX_ENTRIES the oldest leave early: raise it, or shorten the window.",
    )
    DUPLICATE_WINDOW_ERRORS = _counter(
        "sofy_relay_duplicate_window_errors_total",
        "",
        "failures",
        "Look-ups that Redis left unanswered for 50 ms, marks that it never took, and failed attempts to reach it.",
        "While it rises a replay to another pod becomes a second record; nothing is lost: look at Redis and the log.",
    )
    CERTIFICATE_EXPIRY = _gauge(
        "sofy_relay_certificate_expiry_timestamp_seconds",
        "file",
        "seconds",
        "Unix time at which a certificate file of the Kafka connection expires: of the authorities the last one does.",
        "Renew the file before: the relay takes a new one over by itself. Absent without certificate files.",
    )
    SECRETS_STALE = _gauge(
        "sofy_relay_secrets_stale",
        "",
        "pods",
        "1 while a changed secret or certificate file cannot be used and the one before is still in force, else 0.",
        "If 1, the log says which file and what is wrong with it: the next restart would fail.",
    )
    EVENT_LOOP_LAG = _Histogram(_LAG_BUCKETS)(
        "sofy_relay_event_loop_lag_seconds",
        "",
        "How much later than asked the event loop woke a timer.",
        "Above 0.1 s the pod lacks CPU or is blocked: add pods, and look at the CPU limit.",
    )
    BUILD_INFO = _gauge(
        "sofy_relay_build_info",
        "version schema",
        "pods",
        "Always 1; the labels say which version of the relay runs and which event schema it writes.",
        "Two versions at once for longer than a rollout: the rollout is stuck.",
    )


class ProjectorCatalogue:
    """The metrics of `relay project`, beside those of `SHARED` that it exposes as well."""

    EVENTS = _counter(
        "sofy_relay_projector_events_total",
        "transition",
        "events",
        "Status events that were new, by what they did to the latest state of their SMS.",
        "final_conflict rises: Sofy tells two different ends of one SMS; the later one by its clock holds.",
    )
    DUPLICATES = _counter(
        "sofy_relay_projector_duplicates_total",
        "",
        "records",
        "Records of the status topic whose event had stood there before: exact, unlike the windows of single pods.",
        "A rise means replays that reached another pod, or a restart of pods: a shared duplicate window lowers it.",
    )
    OUT_OF_ORDER = _counter(
        "sofy_relay_projector_out_of_order_total",
        "from to",
        "events",
        "Events that came after a newer one of the same SMS; the latest state stayed.",
        "Harmless: that is what the latest-state topic is for. A rise shows replays.",
    )
    UNREADABLE = _counter(
        "sofy_relay_projector_unreadable_total",
        "",
        "records",
        "Records of the status topic that are no status events of version 1; passed over.",
        "Somebody else writes to the status topic: look at its access rights.",
    )
    REWRITTEN = _counter(
        "sofy_relay_projector_rewritten_total",
        "",
        "records",
        "States that were written again since a former member of the group had written over them.",
        "Some after a rebalance are normal; a steady rate means two groups that write one topic.",
    )
    ERASED = _counter(
        "sofy_relay_projector_erased_total",
        "",
        "records",
        "SMS that were erased from the latest-state topic, RELAY_TOPICS__LATEST_RETENTION_H after their last event.",
        "It follows the number of SMS sent that long ago.",
    )
    PARTITIONS = _gauge(
        "sofy_relay_projector_partitions",
        "",
        "partitions",
        "Partitions of the status topic that this member owns.",
        "Summed over pods it must be the topic's partitions: fewer, and some SMS get no latest state.",
    )
    ENTRIES = _gauge(
        "sofy_relay_projector_entries",
        "",
        "entries",
        "SMS whose latest state this member knows.",
        "Each takes about a kilobyte of /tmp and page cache: shorten RELAY_TOPICS__LATEST_RETENTION_H or add members.",
    )
    LAG = _gauge(
        "sofy_relay_projector_lag_records",
        "",
        "records",
        "Records of the owned partitions that are not taken in yet.",
        "If it grows, add members (up to one a partition), or look at the latest-state topic's brokers.",
    )
    LAST_COMMIT = _gauge(
        "sofy_relay_projector_last_commit_timestamp_seconds",
        "",
        "seconds",
        "Unix time at which offsets were last committed; 0 before the first.",
        "If it stands still while lag is above 0, the log says what it waits for.",
    )
    STUCK = _gauge(
        "sofy_relay_stuck_sms",
        "",
        "SMS",
        "SMS without a final status RELAY_PROJECTOR__STUCK_AFTER_H after they were first seen.",
        "Their last webhooks were discarded, or the carrier never told: ask Sofy about them.",
    )


SHARED: Final = (
    Catalogue.EVENTS_PUBLISHED,
    Catalogue.PUBLISH_DURATION,
    Catalogue.PUBLISH_FAILURES,
    Catalogue.PRODUCER_RESTARTS,
    Catalogue.READY,
    Catalogue.CERTIFICATE_EXPIRY,
    Catalogue.SECRETS_STALE,
    Catalogue.EVENT_LOOP_LAG,
    Catalogue.BUILD_INFO,
)
"""What `relay project` exposes under the same names as `relay serve`; the scrape's `job` tells them apart."""


def catalogue() -> Iterator[Metric]:
    """Give every metric of `relay serve`, in the order of its declaration."""
    return (value for value in vars(Catalogue).values() if isinstance(value, Metric))


def projector_catalogue() -> Iterator[Metric]:
    """Give the metrics that only `relay project` has, in the order of their declaration."""
    return (value for value in vars(ProjectorCatalogue).values() if isinstance(value, Metric))
