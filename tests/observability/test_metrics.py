from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder

from relay.observability.metrics import SHARED, MetricType, catalogue, projector_catalogue
from relay.observability.metrics import Metric as Declared
from tests.observability.relay_words import instruments, projector_instruments, series

FROZEN = {
    "sofy_relay_webhooks_total": ("counter", "account outcome reason"),
    "sofy_relay_webhook_duration_seconds": ("histogram", "outcome"),
    "sofy_relay_webhook_body_bytes": ("histogram", ""),
    "sofy_relay_webhooks_in_flight": ("gauge", ""),
    "sofy_relay_last_webhook_timestamp_seconds": ("gauge", ""),
    "sofy_relay_events_received_total": ("counter", "account"),
    "sofy_relay_events_total": ("counter", "account result"),
    "sofy_relay_duplicates_total": ("counter", "account kind"),
    "sofy_relay_dead_letters_total": ("counter", "reason"),
    "sofy_relay_sms_status_total": ("counter", "status category"),
    "sofy_relay_unknown_statuses_total": ("counter", ""),
    "sofy_relay_unreadable_fields_total": ("counter", "field"),
    "sofy_relay_out_of_order_total": ("counter", "from to"),
    "sofy_relay_event_age_seconds": ("histogram", ""),
    "sofy_relay_sms_delivery_seconds": ("histogram", "status"),
    "sofy_relay_events_published_total": ("counter", "topic"),
    "sofy_relay_publish_duration_seconds": ("histogram", "topic"),
    "sofy_relay_publish_failures_total": ("counter", "topic reason"),
    "sofy_relay_late_acknowledgements_total": ("counter", ""),
    "sofy_relay_oldest_unacknowledged_seconds": ("gauge", ""),
    "sofy_relay_producer_restarts_total": ("counter", "cause"),
    "sofy_relay_breaker_state": ("gauge", ""),
    "sofy_relay_topic_min_insync_replicas": ("gauge", "topic"),
    "sofy_relay_ready": ("gauge", ""),
    "sofy_relay_duplicate_window_entries": ("gauge", ""),
    "sofy_relay_duplicate_window_errors_total": ("counter", ""),
    "sofy_relay_certificate_expiry_timestamp_seconds": ("gauge", "file"),
    "sofy_relay_secrets_stale": ("gauge", ""),
    "sofy_relay_event_loop_lag_seconds": ("histogram", ""),
    "sofy_relay_build_info": ("gauge", "version schema"),
}
"""What dashboards, alerts and operators rely on: a change here is a line in CHANGELOG.md."""
PROJECTORS = {
    "sofy_relay_projector_events_total": ("counter", "transition"),
    "sofy_relay_projector_duplicates_total": ("counter", ""),
    "sofy_relay_projector_out_of_order_total": ("counter", "from to"),
    "sofy_relay_projector_unreadable_total": ("counter", ""),
    "sofy_relay_projector_rewritten_total": ("counter", ""),
    "sofy_relay_projector_erased_total": ("counter", ""),
    "sofy_relay_projector_partitions": ("gauge", ""),
    "sofy_relay_projector_entries": ("gauge", ""),
    "sofy_relay_projector_lag_records": ("gauge", ""),
    "sofy_relay_projector_last_commit_timestamp_seconds": ("gauge", ""),
    "sofy_relay_stuck_sms": ("gauge", ""),
}
"""The same, of `relay project`."""


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    instruments(made)
    return made


def families(registry: CollectorRegistry) -> Iterator[Metric]:
    return (family for family in registry.collect() if family.name.startswith("sofy_relay_"))


def test_the_list_of_metrics_is_frozen() -> None:
    declared, projectors = (
        {metric.name: (metric.type.value, " ".join(metric.labels)) for metric in metrics}
        for metrics in (catalogue(), projector_catalogue())
    )

    assert declared == FROZEN
    assert projectors == PROJECTORS


def test_a_projector_exposes_what_is_declared_of_it_and_what_it_shares_with_a_relay() -> None:
    registry = CollectorRegistry()
    projector_instruments(registry)
    declared = {
        (metric.name.removesuffix("_total"), metric.type.value, metric.help)
        for metric in (*projector_catalogue(), *SHARED)
    }

    assert {(family.name, family.type, family.documentation) for family in families(registry)} == declared


def test_what_is_exposed_is_what_is_declared(registry: CollectorRegistry) -> None:
    declared = {(metric.name.removesuffix("_total"), metric.type.value, metric.help) for metric in catalogue()}

    exposed = {(family.name, family.type, family.documentation) for family in families(registry)}

    assert exposed == declared


def test_every_sample_has_exactly_the_declared_labels(registry: CollectorRegistry) -> None:
    declared = {metric.name.removesuffix("_total"): set(metric.labels) for metric in catalogue()}

    for family in families(registry):
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == declared[family.name]


@pytest.mark.parametrize("declared", [pytest.param(it, id=it.name) for it in (*catalogue(), *projector_catalogue())])
def test_every_metric_says_what_it_is_and_what_to_do_when_it_moves(declared: Declared) -> None:
    assert declared.says.endswith(".")
    assert declared.when_it_moves.endswith(".")
    assert declared.unit
    assert "\n" not in declared.help
    assert bool(declared.buckets) == (declared.type is MetricType.HISTOGRAM)
    assert list(declared.buckets) == sorted(declared.buckets)


def test_the_durations_have_the_promised_buckets() -> None:
    buckets = {metric.name: metric.buckets for metric in catalogue()}

    assert buckets["sofy_relay_webhook_duration_seconds"] == (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4)
    assert buckets["sofy_relay_event_age_seconds"][-1] == 2 * 86400
    assert buckets["sofy_relay_sms_delivery_seconds"][-1] == 2 * 86400


@pytest.mark.parametrize(
    "name",
    [
        'sofy_relay_webhooks_total{account="shop-2",outcome="accepted",reason=""}',
        'sofy_relay_webhooks_total{account="",outcome="probed",reason=""}',
        'sofy_relay_webhooks_total{account="",outcome="refused",reason="unknown_token"}',
        'sofy_relay_webhooks_total{account="default",outcome="refused",reason="unexpected_webhook_id"}',
        'sofy_relay_webhooks_total{account="",outcome="deferred",reason="overloaded"}',
        'sofy_relay_webhooks_total{account="default",outcome="deferred",reason="acknowledgement_timeout"}',
        'sofy_relay_webhooks_total{account="",outcome="abandoned",reason="client_disconnected"}',
        'sofy_relay_webhook_duration_seconds_count{outcome="deferred"}',
        "sofy_relay_webhook_body_bytes_count{}",
        'sofy_relay_events_received_total{account="default"}',
        'sofy_relay_events_total{account="default",result="deferred"}',
        'sofy_relay_duplicates_total{account="default",kind="in_flight"}',
        'sofy_relay_dead_letters_total{reason="record_too_large"}',
        'sofy_relay_sms_status_total{category="",status="delivered"}',
        'sofy_relay_sms_status_total{category="validity_expired",status="expired"}',
        "sofy_relay_unknown_statuses_total{}",
        'sofy_relay_unreadable_fields_total{field="createdAt"}',
        'sofy_relay_out_of_order_total{from="delivered",to="sent"}',
        'sofy_relay_sms_delivery_seconds_count{status="cancelled"}',
        'sofy_relay_events_published_total{topic="t.dead-letter"}',
        'sofy_relay_publish_duration_seconds_count{topic="t.status"}',
        'sofy_relay_publish_failures_total{reason="no_leader",topic="t.other"}',
        "sofy_relay_late_acknowledgements_total{}",
        'sofy_relay_producer_restarts_total{cause="sender_stopped"}',
        "sofy_relay_oldest_unacknowledged_seconds{}",
        "sofy_relay_ready{}",
        "sofy_relay_duplicate_window_errors_total{}",
        "sofy_relay_event_loop_lag_seconds_count{}",
    ],
)
def test_what_can_occur_exists_at_zero_from_the_start(registry: CollectorRegistry, name: str) -> None:
    assert series(registry)[name] == 0


@pytest.mark.parametrize(
    "name",
    [
        'sofy_relay_sms_status_total{category="validity_expired",status="delivered"}',
        'sofy_relay_sms_delivery_seconds_count{status="sent"}',
        'sofy_relay_out_of_order_total{from="sent",to="delivered"}',
        'sofy_relay_out_of_order_total{from="delivered",to="expired"}',
        'sofy_relay_dead_letters_total{reason="overloaded"}',
        'sofy_relay_webhooks_total{account="",outcome="accepted",reason=""}',
        'sofy_relay_topic_min_insync_replicas{topic="t.status"}',
    ],
)
def test_what_cannot_occur_or_is_not_known_is_absent(registry: CollectorRegistry, name: str) -> None:
    assert name not in series(registry)


def test_build_info_says_version_and_schema(registry: CollectorRegistry) -> None:
    assert series(registry)['sofy_relay_build_info{schema="1",version="1.2.3"}'] == 1


def test_gauges_are_read_from_elsewhere_at_each_scrape() -> None:
    registry = CollectorRegistry()
    state = {"ready": False, "age": 0.0, "breaker": 0, "entries": 0}
    instruments(registry).watch(
        ready=lambda: bool(state["ready"]),
        oldest_unacknowledged_seconds=lambda: float(state["age"]),
        breaker_state=lambda: int(state["breaker"]),
        duplicate_window_entries=lambda: int(state["entries"]),
    )

    state.update(ready=True, age=1.5, breaker=2, entries=7)

    now = series(registry)
    assert now["sofy_relay_ready{}"] == 1
    assert now["sofy_relay_oldest_unacknowledged_seconds{}"] == 1.5
    assert now["sofy_relay_breaker_state{}"] == 2
    assert now["sofy_relay_duplicate_window_entries{}"] == 7


def test_min_insync_replicas_appear_once_they_are_known() -> None:
    registry = CollectorRegistry()
    live = instruments(registry)

    live.min_insync_replicas("status", 2)
    live.min_insync_replicas("no-such-destination", 2)

    found = {name: value for name, value in series(registry).items() if "min_insync" in name}
    assert found == {'sofy_relay_topic_min_insync_replicas{topic="t.status"}': 2}


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
def test_no_created_series_in_either_format(registry: CollectorRegistry, accept: str) -> None:
    encode, _ = choose_encoder(accept)

    assert b"_created" not in encode(registry)


def test_a_second_registry_shares_nothing_with_the_first() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    live = instruments(first)
    instruments(second)

    live.late_acknowledgements.inc()

    assert series(first)["sofy_relay_late_acknowledgements_total{}"] == 1
    assert series(second)["sofy_relay_late_acknowledgements_total{}"] == 0


def test_process_gc_and_platform_are_exposed_too(registry: CollectorRegistry) -> None:
    names = {family.name for family in registry.collect()}

    assert {"python_gc_objects_collected", "python_info", "process_resident_memory_bytes"} <= names
