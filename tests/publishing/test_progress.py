"""Silence is traffic without acknowledgements; an offset that comes twice means that a topic is another one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from relay.publishing.progress import Progress

PARTITIONS = st.tuples(st.sampled_from(["status", "other"]), st.integers(0, 3))


def test_without_traffic_there_is_no_silence() -> None:
    assert Progress().silent_s == 0.0


def test_silence_is_the_time_over_which_records_came_and_no_acknowledgement() -> None:
    progress = Progress()

    progress.handed_over(100.0)
    after_one = progress.silent_s
    progress.handed_over(131.0)

    assert (after_one, progress.silent_s) == (0.0, 31.0)


def test_an_acknowledgement_ends_the_silence() -> None:
    progress = Progress()
    progress.handed_over(100.0)
    progress.handed_over(131.0)

    progress.acknowledged("status", 0, 7, 1)
    progress.handed_over(140.0)

    assert progress.silent_s == 0.0


@given(st.lists(st.tuples(PARTITIONS, st.integers(1, 500)), max_size=50))
def test_batches_one_after_another_in_each_partition_did_not_go_back(
    batches: list[tuple[tuple[str, int], int]],
) -> None:
    progress = Progress()
    next_offset = Counter[tuple[str, int]]()

    for partition, count in batches:
        progress.acknowledged(*partition, next_offset[partition], count)
        next_offset[partition] += count

    assert not progress.offsets_went_back


@given(PARTITIONS, st.integers(0, 1000), st.integers(1, 500), st.integers(1, 1500))
def test_an_offset_that_its_partition_had_passed_went_back(
    partition: tuple[str, int], before: int, count: int, less: int
) -> None:
    progress = Progress()
    progress.acknowledged(*partition, before, count)

    progress.acknowledged(*partition, max(0, before + count - less), 1)

    assert progress.offsets_went_back
