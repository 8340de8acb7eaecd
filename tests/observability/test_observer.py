from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from relay.duplicates.port import WindowObserver
from relay.duplicates.store import Failure
from relay.events.record import Destination
from relay.events.sms_status import Status
from relay.observability.metrics import WebhookOutcome
from relay.observability.observer import Observer
from relay.pipeline import DuplicateKind, PipelineObserver, Result
from relay.publishing.port import PublishObserver
from relay.reasons import MEANING, Kind, Reason
from tests.observability.published import Published
from tests.observability.relay_words import VOCABULARY, instruments, moved, series

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Watched:
    """An observer, and what it has moved so far."""

    def __init__(self, remembered_sms: int = 100) -> None:
        self.registry = CollectorRegistry()
        self.observer = Observer(
            instruments(self.registry), VOCABULARY, clock=NOW.timestamp, remembered_sms=remembered_sms
        )
        self._before = series(self.registry)

    def moved(self) -> dict[str, float]:
        return moved(self._before, series(self.registry))

    def new_series(self) -> set[str]:
        return set(series(self.registry)) - set(self._before)

    def status(self, sms_id: str, status: Status, *, age_s: float = 0.0, took_s: float | None = None) -> None:
        occurred_at = NOW - timedelta(seconds=age_s)
        created_at = None if took_s is None else occurred_at - timedelta(seconds=took_s)
        event = Published(sms_id, status, recipient="+33612345678", created_at=created_at, occurred_at=occurred_at)
        self.observer.statuses_published("default", [event])

    def overtaken(self) -> dict[str, float]:
        return {name: by for name, by in self.moved().items() if "out_of_order" in name}


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_it_is_the_pipelines_and_the_publishers_observer(watched: Watched) -> None:
    pipelines: PipelineObserver = watched.observer
    publishers: PublishObserver = watched.observer

    pipelines.items_settled("default", Result.OTHER, 1)
    publishers.published(Destination.OTHER, [0.01])

    assert watched.moved() == {
        'sofy_relay_events_total{account="default",result="other"}': 1,
        'sofy_relay_events_published_total{topic="t.other"}': 1,
        'sofy_relay_publish_duration_seconds_count{topic="t.other"}': 1,
    }


def test_it_is_the_shared_windows_observer(watched: Watched) -> None:
    windows: WindowObserver = watched.observer

    with capture_logs() as lines:
        windows.window_failed()
        windows.window_failed(3)
        windows.window_away(Failure.TIMEOUT)
        windows.window_back()

    assert watched.moved() == {"sofy_relay_duplicate_window_errors_total{}": 4}
    assert [(line["log_level"], line.get("why")) for line in lines] == [("warning", "timeout"), ("info", None)]


def test_an_accepted_webhook_counts_once_everywhere(watched: Watched) -> None:
    watched.observer.webhook_started()
    watched.observer.webhook_ended("default", WebhookOutcome.ACCEPTED, "", 0.02, 512)

    assert watched.moved() == {
        'sofy_relay_webhooks_total{account="default",outcome="accepted",reason=""}': 1,
        'sofy_relay_webhook_duration_seconds_count{outcome="accepted"}': 1,
        "sofy_relay_webhook_body_bytes_count{}": 1,
        "sofy_relay_last_webhook_timestamp_seconds{}": NOW.timestamp(),
    }


def test_a_webhook_that_has_begun_is_in_flight_until_it_ends(watched: Watched) -> None:
    watched.observer.webhook_started()

    assert watched.moved() == {"sofy_relay_webhooks_in_flight{}": 1}


def test_who_is_not_authenticated_does_not_silence_the_alarm_of_silence(watched: Watched) -> None:
    watched.observer.webhook_started()
    watched.observer.webhook_ended("", WebhookOutcome.REFUSED, Reason.UNKNOWN_TOKEN, 0.001, None)

    assert watched.moved() == {
        'sofy_relay_webhooks_total{account="",outcome="refused",reason="unknown_token"}': 1,
        'sofy_relay_webhook_duration_seconds_count{outcome="refused"}': 1,
    }


@pytest.mark.parametrize("reason", [reason for reason in Reason if MEANING[reason].kind is not Kind.DEAD_LETTERED])
def test_every_reason_of_a_request_has_its_series_from_the_start(watched: Watched, reason: Reason) -> None:
    watched.observer.webhook_ended("", MEANING[reason].kind, reason, 0.001, None)

    assert watched.new_series() == set()


@pytest.mark.parametrize("reason", [reason for reason in Reason if MEANING[reason].kind is Kind.DEAD_LETTERED])
def test_every_reason_of_a_dead_letter_has_its_series_from_the_start(watched: Watched, reason: Reason) -> None:
    watched.observer.dead_lettered("default", reason, "what is amiss")

    assert watched.new_series() == set()
    assert watched.moved() == {f'sofy_relay_dead_letters_total{{reason="{reason}"}}': 1}


def test_a_dead_letter_is_a_line_in_the_log(watched: Watched) -> None:
    with capture_logs() as lines:
        watched.observer.dead_lettered("default", Reason.MISSING_STATUS, "status: absent")

    (line,) = lines
    assert (line["account"], line["reason"], line["detail"]) == ("default", "missing_status", "status: absent")


def test_every_word_of_the_pipeline_has_its_series_from_the_start(watched: Watched) -> None:
    for result in Result:
        watched.observer.items_settled("shop-2", result, 1)
    for kind in DuplicateKind:
        watched.observer.duplicate("shop-2", kind)
    for destination in VOCABULARY.topics:
        watched.observer.published(destination, [0.1])
        watched.observer.publish_failed(destination, Reason.ACKNOWLEDGEMENT_TIMEOUT)
    watched.observer.statuses_published(
        "shop-2",
        [Published(f"{status} {why}", status, category=why) for status, why in VOCABULARY.status_categories],
    )

    assert watched.new_series() == set()


def test_items_duplicates_fields_and_late_ones_are_counted(watched: Watched) -> None:
    watched.observer.items_received("default", 3)
    watched.observer.duplicate("default", DuplicateKind.WINDOW)
    watched.observer.field_unreadable("price")
    watched.observer.acknowledged_late()
    watched.observer.publish_failed(Destination.STATUS, Reason.NO_LEADER)

    assert watched.moved() == {
        'sofy_relay_events_received_total{account="default"}': 3,
        'sofy_relay_duplicates_total{account="default",kind="window"}': 1,
        'sofy_relay_unreadable_fields_total{field="price"}': 1,
        "sofy_relay_late_acknowledgements_total{}": 1,
        'sofy_relay_publish_failures_total{reason="no_leader",topic="t.status"}': 1,
    }


def test_a_final_status_counts_its_age_and_its_delivery(watched: Watched) -> None:
    watched.status("a", Status.DELIVERED, age_s=30, took_s=4)

    now = series(watched.registry)
    assert now["sofy_relay_event_age_seconds_sum{}"] == pytest.approx(30)
    assert now['sofy_relay_sms_delivery_seconds_sum{status="delivered"}'] == pytest.approx(4)


def test_a_status_that_is_not_final_counts_no_delivery(watched: Watched) -> None:
    watched.status("a", Status.SENT, took_s=4)

    assert not any("sms_delivery" in name for name in watched.moved())


def test_clocks_that_disagree_never_make_a_negative_age(watched: Watched) -> None:
    watched.status("a", Status.DELIVERED, age_s=-5, took_s=-3)

    now = series(watched.registry)
    assert now["sofy_relay_event_age_seconds_sum{}"] == 0
    assert now['sofy_relay_sms_delivery_seconds_sum{status="delivered"}'] == 0


def test_an_unknown_status_is_counted_by_itself_as_well(watched: Watched) -> None:
    watched.status("a", Status.UNKNOWN)

    assert watched.moved()["sofy_relay_unknown_statuses_total{}"] == 1
    assert watched.moved()['sofy_relay_sms_status_total{category="",status="unknown"}'] == 1


@pytest.mark.parametrize(
    ("published", "counted"),
    [
        ([Status.PENDING, Status.SENT, Status.DELIVERED], {}),
        ([Status.SENT, Status.SENT], {}),  # the same rank is not older
        ([Status.DELIVERED, Status.EXPIRED], {}),  # two finals: a conflict, not an order
        ([Status.DELIVERED, Status.SENT], {("delivered", "sent"): 1}),
        ([Status.SENT, Status.UNKNOWN], {("sent", "unknown"): 1}),
        # The newest stays what later ones are compared with.
        ([Status.DELIVERED, Status.PENDING, Status.SENT], {("delivered", "pending"): 1, ("delivered", "sent"): 1}),
    ],
)
def test_an_older_event_after_a_newer_one_is_out_of_order(
    watched: Watched, published: list[Status], counted: dict[tuple[str, str], int]
) -> None:
    for status in published:
        watched.status("a", status)

    names = {
        f'sofy_relay_out_of_order_total{{from="{newest}",to="{late}"}}': by for (newest, late), by in counted.items()
    }
    assert watched.overtaken() == names
    assert watched.new_series() == set()


def test_order_is_judged_per_sms(watched: Watched) -> None:
    watched.status("a", Status.DELIVERED)
    watched.status("b", Status.SENT)

    assert watched.overtaken() == {}


def test_the_memory_of_order_is_bounded_and_forgets_the_oldest() -> None:
    watched = Watched(remembered_sms=2)
    for sms_id in ("a", "b", "c"):
        watched.status(sms_id, Status.DELIVERED)

    watched.status("a", Status.SENT)  # forgotten, and takes the place of b
    watched.status("c", Status.SENT)  # remembered

    assert watched.overtaken() == {'sofy_relay_out_of_order_total{from="delivered",to="sent"}': 1}


hostile = st.text(max_size=8) | st.sampled_from(["default", "", "accepted", "refused", "overloaded", "delivered"])


@given(words=st.lists(st.tuples(hostile, hostile, hostile), max_size=30))
def test_whatever_is_passed_no_word_from_outside_becomes_a_label(words: list[tuple[str, str, str]]) -> None:
    watched = Watched()
    closed = {value for name in series(watched.registry) for value in name.split('"')[1::2]} | {""}

    for first, second, third in words:
        watched.observer.webhook_ended(first, second, third, 0.1, None)
        watched.observer.items_settled(first, second, 1)
        watched.observer.dead_lettered(first, second, third)
        watched.observer.published(first, [0.1])
        watched.observer.publish_failed(first, second)
        watched.observer.field_unreadable(third)

    assert {value for name in watched.new_series() for value in name.split('"')[1::2]} <= closed


def test_an_unknown_account_counts_under_the_empty_one(watched: Watched) -> None:
    watched.observer.webhook_ended("evil", WebhookOutcome.ACCEPTED, "", 0.1, None)

    assert watched.moved()['sofy_relay_webhooks_total{account="",outcome="accepted",reason=""}'] == 1
