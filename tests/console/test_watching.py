"""The observer of a relay with a page: counts as any does, and keeps the last events and durations, no more."""

from dataclasses import asdict

from prometheus_client import CollectorRegistry

from relay.console.watching import EVENTS_A_LOOK, EVENTS_KEPT, LiveEvent
from relay.observability.observer import Observer
from tests.console.stand import BEGIN, Clock, publish_status, watching
from tests.observability.relay_words import VOCABULARY, instruments, series

MANY = 50_000


def test_an_event_is_kept_with_its_time_and_a_masked_number() -> None:
    observer = watching(instruments(CollectorRegistry()), Clock())

    publish_status(observer, "zzzzz")

    assert observer.new_events() == [LiveEvent(int(BEGIN * 1000), "default", "zzzzz", "delivered", "", recipient="*78")]


def test_a_dead_letter_is_kept_with_its_reason_and_without_its_detail() -> None:
    observer = watching(instruments(CollectorRegistry()), Clock())

    observer.dead_lettered("default", "invalid_json", "what stood there")

    [event] = observer.new_events()
    assert (event.what, event.why, event.sms_id, event.recipient) == ("dead letter", "invalid_json", "", "")
    assert "what stood there" not in str(asdict(event))


def test_an_event_without_a_recipient_shows_none() -> None:
    observer = watching(instruments(CollectorRegistry()), Clock())

    publish_status(observer, "zzzzz", recipient=None)

    assert asdict(observer.new_events()[0]) == {
        "at_ms": int(BEGIN * 1000),
        "account": "default",
        "sms_id": "zzzzz",
        "what": "delivered",
        "why": "",
        "recipient": "",
    }


def test_new_events_are_told_once_and_kept_for_a_page_that_comes_later() -> None:
    observer = watching(instruments(CollectorRegistry()), Clock())
    publish_status(observer, "first")
    publish_status(observer, "second")

    told = observer.new_events()

    assert [event.sms_id for event in told] == ["first", "second"]
    assert observer.new_events() == []
    assert list(observer.last_events) == list(told)


def test_of_very_many_the_last_ones_are_kept() -> None:
    observer = watching(instruments(CollectorRegistry()), Clock())

    for look in range(5):
        for number in range(1000):
            publish_status(observer, f"{look}-{number}")
        told = observer.new_events()

    assert len(told) == EVENTS_A_LOOK
    assert told[-1].sms_id == "4-999"
    assert len(observer.last_events) == EVENTS_KEPT
    assert observer.last_events[-1] == told[-1]


def test_durations_are_those_of_acceptances_and_acknowledgements_since_the_last_time() -> None:
    observer = watching(instruments(CollectorRegistry()), Clock())
    observer.webhook_ended("default", "accepted", "", 0.003, 100)
    observer.webhook_ended("", "refused", "unknown_token", 0.001, None)
    observer.webhook_ended("default", "deferred", "overloaded", 0.002, None)
    observer.published("status", [0.0015])

    first, second = observer.durations(), observer.durations()

    assert (first.answers, first.acknowledgements) == ((0.003,), (0.0015,))
    assert (second.answers, second.acknowledgements) == ((), ())


def test_durations_are_bounded_when_nobody_asks_for_them() -> None:
    observer = watching(instruments(CollectorRegistry()), Clock())

    for number in range(MANY):
        observer.published("status", [float(number)])

    kept = observer.durations().acknowledgements
    assert len(kept) < MANY
    assert kept[-1] == MANY - 1


def test_it_counts_just_as_an_observer_without_a_page_does() -> None:
    registries = CollectorRegistry(), CollectorRegistry()
    plain = Observer(instruments(registries[0]), VOCABULARY, clock=Clock())
    observers = plain, watching(instruments(registries[1]), Clock())

    for observer in observers:
        observer.webhook_started()
        observer.webhook_ended("default", "accepted", "", 0.003, 100)
        observer.published("status", [0.0015])
        observer.dead_lettered("default", "invalid_json", "")
        publish_status(observer, "zzzzz")
        publish_status(observer, "zzzzz", status="sent")
    counted, watched = (without_process(series(registry)) for registry in registries)

    assert watched == counted
    assert counted


def without_process(values: dict[str, float]) -> dict[str, float]:
    """Leave out when the process and each series began, and how old the test's events are by the wall clock."""
    return {name: value for name, value in values.items() if "_created" not in name and "_age_" not in name}
