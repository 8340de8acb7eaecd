"""The breaker opens on failures in a row or on silence, lets one try a second, and closes on an acknowledgement."""

import pytest

from relay.publishing.breaker import Breaker, BreakerState

CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN


def breaker() -> Breaker:
    return Breaker(failures_to_open=3, silence_to_open_s=2.0, trial_every_s=1.0)


@pytest.mark.parametrize(
    ("failures", "oldest_s", "acknowledged_before_s", "expected"),
    [
        (0, 0.0, None, CLOSED),
        (2, 0.0, None, CLOSED),
        (3, 0.0, None, OPEN),  # failures in a row
        (0, 1.9, None, CLOSED),
        (0, 2.0, None, OPEN),  # a record waits, and nothing was ever acknowledged
        (0, 60.0, 1.9, CLOSED),  # one partition is stuck, others are acknowledged
        (0, 60.0, 2.0, OPEN),  # silence on all of them
        (0, 0.0, 3600.0, CLOSED),  # nothing waits: that nothing is acknowledged says nothing
    ],
)
def test_it_opens_on_failures_in_a_row_and_on_silence(
    failures: int, oldest_s: float, acknowledged_before_s: float | None, expected: BreakerState
) -> None:
    judged = breaker()
    if acknowledged_before_s is not None:
        judged.acknowledged(10_000.0 - acknowledged_before_s)
    for _ in range(failures):
        judged.failed(9_999.0)

    assert judged.judge(10_000.0, oldest_s) is expected


def test_while_open_one_may_try_each_second() -> None:
    judged = breaker()
    assert judged.judge(100.0, 2.0) is OPEN

    states = [judged.judge(100.9, 3.0), judged.judge(101.0, 3.0)]
    judged.tried(101.0)
    states += [judged.judge(101.9, 4.0), judged.judge(102.0, 4.0)]

    assert states == [OPEN, HALF_OPEN, OPEN, HALF_OPEN]


def test_an_acknowledgement_closes_it_even_a_late_one() -> None:
    judged = breaker()
    judged.judge(100.0, 5.0)

    judged.acknowledged(101.0)

    assert judged.judge(101.1, 5.0) is CLOSED


def test_an_acknowledgement_between_failures_starts_the_count_anew() -> None:
    judged = breaker()
    for _ in range(5):
        judged.failed(100.0)
        judged.failed(100.0)
        judged.acknowledged(100.0)

    assert judged.judge(101.0, 0.0) is CLOSED


def test_a_whole_batch_of_one_partition_that_fails_while_others_are_acknowledged_does_not_open_it() -> None:
    judged = breaker()
    judged.acknowledged(100.5)

    for _ in range(20):
        judged.failed(100.0)

    assert judged.judge(101.5, 0.0) is CLOSED


def test_another_producer_starts_with_a_closed_breaker() -> None:
    judged = breaker()
    for _ in range(3):
        judged.failed(99.0)
    judged.judge(100.0, 0.0)

    judged.reset()

    assert judged.judge(100.1, 0.0) is CLOSED


def test_a_try_while_closed_changes_nothing() -> None:
    judged = breaker()

    judged.tried(100.0)

    assert judged.judge(100.0, 0.0) is CLOSED
