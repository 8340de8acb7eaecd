"""Silence is traffic without acknowledgements; an offset that comes twice means that a topic is another one."""

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

    progress.acknowledged("status", 0, 7)
    progress.handed_over(140.0)

    assert progress.silent_s == 0.0


@given(st.lists(PARTITIONS, max_size=50))
def test_offsets_that_grow_in_each_partition_did_not_go_back(partitions: list[tuple[str, int]]) -> None:
    progress = Progress()

    for offset, (topic, partition) in enumerate(partitions):
        progress.acknowledged(topic, partition, offset)

    assert not progress.offsets_went_back


@given(PARTITIONS, st.integers(0, 1000), st.integers(0, 1000))
def test_an_offset_that_its_partition_had_passed_went_back(partition: tuple[str, int], before: int, less: int) -> None:
    progress = Progress()
    progress.acknowledged(*partition, before)

    progress.acknowledged(*partition, max(0, before - less))

    assert progress.offsets_went_back
