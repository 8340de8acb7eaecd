from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from relay.observability.health import Health, Readiness, log_readiness
from relay.reasons import Reason


class Process:
    """A relay process's health, its producer, and the changes that were announced."""

    def __init__(self) -> None:
        self.alive = True
        self.announced: list[Readiness] = []
        self.health = Health(producer_alive=lambda: self.alive, announce=self.announced.append)


def verified(process: Process) -> None:
    process.health.mark_verified()


def topic_missing(process: Process) -> None:
    process.health.mark_unverified(Reason.TOPIC_MISSING, "Topic t.status does not exist; run `relay topics apply`.")


def draining(process: Process) -> None:
    process.health.mark_draining()


def producer_dies(process: Process) -> None:
    process.alive = False


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        ([], Reason.KAFKA_UNREACHABLE),  # nothing is known yet
        ([topic_missing], Reason.TOPIC_MISSING),
        ([producer_dies], Reason.KAFKA_UNREACHABLE),  # before Kafka is verified there need be no producer
        ([verified], None),
        ([topic_missing, verified], None),
        ([verified, topic_missing], None),  # verified once is enough: an outage hits all pods alike
        ([verified, producer_dies], Reason.PRODUCER_FAILED),
        ([verified, draining], Reason.DRAINING),
        ([draining, verified], Reason.DRAINING),
        ([verified, producer_dies, draining], Reason.DRAINING),
    ],
)
def test_readiness_is_verified_not_draining_and_a_living_producer(
    happened: list[Callable[[Process], None]], reason: Reason | None
) -> None:
    process = Process()

    for event in happened:
        event(process)

    now = process.health.readiness()
    assert now.reason is reason
    assert now.ready is (reason is None)
    assert bool(now.detail) is not now.ready


def test_started_means_that_the_port_listens() -> None:
    health = Process().health
    assert not health.started

    health.mark_started()

    assert health.started


def test_each_change_is_announced_once_however_often_it_is_asked() -> None:
    process = Process()

    for event in (topic_missing, topic_missing, verified, verified, producer_dies):
        event(process)
        process.health.readiness()
        process.health.readiness()

    assert [change.reason for change in process.announced] == [Reason.TOPIC_MISSING, None, Reason.PRODUCER_FAILED]


def test_another_detail_is_news() -> None:
    process = Process()

    process.health.mark_unverified(Reason.TOPIC_MISSING, "Topic a does not exist.")
    process.health.mark_unverified(Reason.TOPIC_MISSING, "Topic b does not exist.")

    assert [change.detail for change in process.announced] == ["Topic a does not exist.", "Topic b does not exist."]


def test_a_start_that_is_quick_announces_only_that_it_is_ready() -> None:
    process = Process()

    process.health.readiness()
    process.health.mark_verified()

    assert process.announced == [Readiness()]


def test_the_log_line_names_reason_and_detail() -> None:
    with capture_logs() as lines:
        log_readiness(Readiness(Reason.TOPIC_MISSING, "Topic a does not exist."))
        log_readiness(Readiness())

    assert lines == [
        {
            "event": "not ready",
            "log_level": "warning",
            "reason": "topic_missing",
            "detail": "Topic a does not exist.",
        },
        {"event": "ready", "log_level": "info"},
    ]
