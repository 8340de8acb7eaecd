"""Marks wait for the store in order, bounded, and for no longer than the window lasts."""

from hypothesis import given
from hypothesis import strategies as st

from relay.duplicates.marks import MarkQueue
from relay.duplicates.store import Mark


def test_a_mark_lives_for_what_is_left_of_its_window() -> None:
    queue = MarkQueue(most=10, window_s=60)
    queue.put(b"old", 100.0)
    queue.put(b"young", 130.0)

    marks = queue.marks(queue.take(10), 140.0)

    assert marks == [Mark(b"old", 20), Mark(b"young", 50)]


def test_one_that_waited_for_the_whole_window_is_not_told() -> None:
    queue = MarkQueue(most=10, window_s=60)
    queue.put(b"old", 100.0)

    assert queue.marks(queue.take(10), 160.0) == []


def test_when_full_the_oldest_are_lost() -> None:
    queue = MarkQueue(most=2, window_s=60)

    lost = [queue.put(id_, 0.0) for id_ in (b"1", b"2", b"3")]

    assert lost == [0, 0, 1]
    assert [waiting.id for waiting in queue.take(10)] == [b"2", b"3"]


def test_what_is_put_back_is_the_oldest_again_and_lost_first() -> None:
    queue = MarkQueue(most=3, window_s=60)
    for id_ in (b"1", b"2"):
        queue.put(id_, 0.0)
    taken = queue.take(2)
    for id_ in (b"3", b"4"):
        queue.put(id_, 0.0)

    lost = queue.put_back(taken)

    assert lost == 1
    assert [waiting.id for waiting in queue.take(10)] == [b"2", b"3", b"4"]


@given(st.lists(st.integers(0, 6)), st.integers(1, 5))
def test_nothing_is_lost_uncounted(takes: list[int], most: int) -> None:
    queue = MarkQueue(most=most, window_s=60)
    put, lost, told = 0, 0, 0

    for number, take in enumerate(takes):
        lost += queue.put(b"%d" % number, 0.0)
        put += 1
        taken = queue.take(take)
        if number % 2:
            lost += queue.put_back(taken)
        else:
            told += len(taken)
        assert len(queue) <= most

    assert put == lost + told + queue.clear()
