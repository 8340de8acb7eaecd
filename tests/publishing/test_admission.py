"""Admission counts what waits for an acknowledgement, and says when to refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.publishing.admission import Admission


@pytest.mark.parametrize(
    ("sizes", "full"),
    [
        ([], False),
        ([1, 1], False),  # below both caps
        ([1, 1, 1], True),  # the cap of records is reached
        ([99], False),  # below the cap of bytes
        ([100], True),  # the cap of bytes is reached
        ([99, 5000], True),  # a large one got in while there was room: overshot by one
        ([0, 0, 0], True),  # empty records count too
    ],
)
def test_it_is_full_when_a_cap_is_reached(sizes: list[int], *, full: bool) -> None:
    admission = Admission(max_records=3, max_bytes=100)

    for size in sizes:
        admission.enter(size, 0.0)

    assert admission.full is full


def test_it_has_room_again_once_records_leave() -> None:
    admission = Admission(max_records=1)

    admission.enter(10, 0.0)
    admission.leave(10, 0.0)

    assert not admission.full


def test_the_oldest_is_the_one_that_entered_first_among_those_waiting() -> None:
    admission = Admission(max_records=10)

    admission.enter(1, 100.0)
    admission.enter(1, 100.0)
    admission.enter(1, 103.0)
    admission.leave(1, 100.0)
    with_first = admission.oldest_unacknowledged_seconds(105.0)
    admission.leave(1, 100.0)

    assert (with_first, admission.oldest_unacknowledged_seconds(105.0)) == (5.0, 2.0)


def test_with_nothing_waiting_the_oldest_is_zero_seconds_old() -> None:
    assert Admission(max_records=1).oldest_unacknowledged_seconds(1000.0) == 0.0


def test_no_more_leave_than_have_entered() -> None:
    admission = Admission(max_records=1)
    admission.enter(1, 0.0)
    admission.leave(1, 0.0)

    with pytest.raises(KeyError):
        admission.leave(1, 0.0)


@given(st.lists(st.tuples(st.integers(0, 1000), st.sampled_from(["enter", "enter a tick later", "leave"]))))
def test_counts_and_the_oldest_are_those_of_the_records_that_have_not_left(moves: list[tuple[int, str]]) -> None:
    admission = Admission(max_records=5, max_bytes=2000)
    waiting: list[tuple[int, float]] = []
    now = 0.0

    for size, move in moves:
        if move == "leave" and waiting:
            admission.leave(*waiting.pop(size % len(waiting)))
        else:
            now += move != "enter"
            admission.enter(size, now)
            waiting.append((size, now))

    total = sum(size for size, _ in waiting)
    assert admission.in_flight_records == len(waiting)
    assert admission.in_flight_bytes == total
    assert admission.full == (len(waiting) >= 5 or total >= 2000)
    assert admission.oldest_unacknowledged_seconds(now) == now - min((since for _, since in waiting), default=now)


def test_it_is_full_behind_as_many_webhooks_as_fill_it_by_what_the_last_ones_handed_over() -> None:
    admission = Admission(max_records=1_000)
    for _ in range(200):
        admission.handed_over(100)
    admission.enter(1, 0.0)

    assert [admission.full_behind(webhooks) for webhooks in (0, 1, 9, 10, 20)] == [False, False, False, True, True]

    for _ in range(200):
        admission.handed_over(1)

    assert [admission.full_behind(webhooks) for webhooks in (0, 900, 999, 1_100)] == [False, False, True, True]


def test_with_nothing_handed_over_yet_a_webhook_is_taken_for_one_record() -> None:
    admission = Admission(max_records=10)

    assert [admission.full_behind(webhooks) for webhooks in (9, 10)] == [False, True]
