"""A partition has one batch under way; a batch leaves when its leader is free; each record's outcome is told once."""

import asyncio

import pytest
from aiokafka.errors import NotLeaderForPartitionError, ProducerClosed, UnknownTopicOrPartitionError
from hypothesis import given
from hypothesis import strategies as st

from relay.publishing.batches import Batches
from tests.publishing.stand import record
from tests.publishing.steered_producer import TOPIC, SteeredProducer, Told

KEYS = {0: b"1", 1: b"4", 2: b"0"}
"""A key of each of three partitions."""


class House:
    """Batches on a steered producer."""

    def __init__(self, *leaders: int, batch_bytes: int = 10_000, linger_s: float = 0.0) -> None:
        self.producer = SteeredProducer(leaders, batch_bytes=batch_bytes)
        self.batches: Batches[str] = Batches(self.producer, self.producer.backdate, linger_s=linger_s)
        self.told = Told()

    def add(self, ticket: str, partition: int = 0, size: int = 10) -> None:
        self.batches.add(TOPIC, record(bytes(size), key=KEYS[partition]), ticket, self.told)


async def turns(count: int = 4) -> None:
    """Let the loop do what is due: a task, its answer, a callback, and what that one asks for."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_record_alone_leaves_in_the_next_turn() -> None:
    house = House(1, 1, 1)

    house.add("a")
    await turns()

    assert house.producer.sent == {0: 1}
    assert house.told.of == {}


async def test_what_is_added_in_one_turn_leaves_together() -> None:
    house = House(1, 1, 1)

    for ticket, partition in (("a", 0), ("b", 1), ("c", 0), ("d", 2)):
        house.add(ticket, partition)
    await turns()

    assert house.producer.sent == {0: 2, 1: 1, 2: 1}
    assert house.producer.requests == [{0, 1, 2}]


async def test_what_comes_while_a_leader_is_asked_makes_up_its_next_request() -> None:
    house = House(1, 1, 1)
    house.add("first", 0)
    await turns()

    house.add("b", 0)
    house.add("c", 1)
    await turns()
    house.add("d", 1)
    before = dict(house.producer.sent)
    house.producer.answer(0)
    await turns()

    assert before == {0: 1}
    assert house.producer.sent == {0: 1, 1: 2}
    assert house.producer.requests == [{0}, {0, 1}]


async def test_another_leader_is_not_waited_for() -> None:
    house = House(1, 2, 1)
    house.add("slow", 0)
    await turns()

    house.add("b", 1)
    await turns()

    assert house.producer.sent == {0: 1, 1: 1}


async def test_a_leader_that_has_answered_for_one_partition_gets_the_others_though_one_is_tried_again() -> None:
    house = House(1, 1, 1)
    house.add("tried again", 0)
    house.add("b", 1)
    await turns()

    house.add("behind", 0)
    house.add("d", 1)
    house.producer.answer(1)
    await turns()

    assert house.producer.sent == {0: 1, 1: 1}
    assert house.told.of == {"b": 0}


async def test_a_partition_without_leader_holds_no_other_one_back() -> None:
    house = House(-1, -1, 1)

    for ticket, partition in (("a", 0), ("c", 2)):
        house.add(ticket, partition)
    await turns()
    house.add("b", 1)
    await turns()

    assert house.producer.sent == {0: 1, 1: 1, 2: 1}


async def test_each_record_has_the_offset_of_its_place_in_the_batch() -> None:
    house = House(1, 1, 1)
    for ticket in "abc":
        house.add(ticket)
    await turns()

    house.producer.answer(0)
    await turns()

    assert house.told.of == {"a": 0, "b": 1, "c": 2}


async def test_a_batch_that_is_full_is_followed_by_another_and_order_is_kept() -> None:
    house = House(1, batch_bytes=1000)

    for number in range(7):
        house.batches.add(TOPIC, record(bytes(300), key=None), str(number), house.told)
    counts = []
    while len(house.told.of) < 7:
        await turns()
        counts.append(house.producer.sent[0])
        house.producer.answer(0)
        await turns()

    assert house.told.of == {str(number): number for number in range(7)}
    assert len(counts) > 1
    assert sum(counts) == 7


async def test_a_record_larger_than_a_batch_has_one_for_itself() -> None:
    house = House(1, 1, 1, batch_bytes=1000)

    house.add("small")
    house.add("large", size=5000)
    await turns()
    first = house.producer.sent[0]
    house.producer.answer(0)
    await turns()

    assert (first, house.producer.sent[0]) == (1, 1)


async def test_a_record_that_cannot_be_written_leaves_no_batch_behind() -> None:
    house = House(1, 1, 1)
    unwritable = record(b"{}", key=KEYS[0])._replace(headers={"content-type": "\ud800"})

    with pytest.raises(UnicodeEncodeError):
        house.batches.add(TOPIC, unwritable, "unwritable", house.told)
    await turns()
    nothing = dict(house.producer.sent)
    house.add("next")
    await turns()

    assert (nothing, house.producer.sent) == ({}, {0: 1})


async def test_records_of_a_failed_batch_fail_and_the_partition_goes_on() -> None:
    house = House(1, 1, 1)
    house.add("a")
    house.add("b")
    await turns()

    house.add("c")
    house.producer.fail(NotLeaderForPartitionError(), 0)
    await turns()

    assert house.told.of == {"a": NotLeaderForPartitionError, "b": NotLeaderForPartitionError}
    assert house.producer.sent == {0: 1}


async def test_a_producer_that_takes_no_batch_fails_its_records() -> None:
    house = House(1, 1, 1)
    house.producer.refusal = ProducerClosed()

    house.add("a")
    await turns()

    assert house.told.of == {"a": ProducerClosed}


async def test_of_a_topic_that_went_away_nothing_reaches_the_producer_which_would_ask_for_it_by_name() -> None:
    house = House(1, 1, 1)

    house.add("a")
    house.producer.leaders = {}
    await turns()

    assert house.told.of == {"a": UnknownTopicOrPartitionError}
    assert house.producer.requests == []


async def test_a_key_follows_the_number_of_partitions_when_that_grows() -> None:
    house = House(1)
    house.add("alone", 1)
    await turns()
    house.producer.answer(0)
    house.producer.leaders = {0: 1, 1: 1, 2: 1}
    house.add("as before", 1)
    await turns()
    house.producer.answer(0)
    await turns()

    house.add("by the new number", 1)
    await turns()

    assert house.told.of == {"alone": 0, "as before": 1}
    assert house.producer.sent == {1: 1}


async def test_a_linger_gathers_company() -> None:
    house = House(1, 1, 1, linger_s=0.01)

    house.add("a")
    await turns()
    house.add("b")
    at_once = dict(house.producer.sent)
    await asyncio.sleep(0.02)

    assert (at_once, house.producer.sent) == ({}, {0: 2})


async def test_a_batch_is_as_old_to_the_producer_as_its_first_record() -> None:
    house = House(1, 1, 1)
    house.add("under way")
    await turns()
    house.add("waits")
    await asyncio.sleep(0.02)
    house.add("waits less")

    house.producer.answer(0)
    await turns()

    at_once, after_waiting = house.producer.ages
    assert at_once < after_waiting
    assert after_waiting >= 0.02


async def test_drained_waits_for_what_waits_and_for_what_is_under_way() -> None:
    house = House(1, 1, 1)
    await house.batches.drained()
    house.add("a")
    await turns()
    house.add("b")

    draining = asyncio.ensure_future(house.batches.drained())
    house.producer.answer(0)
    await turns()
    with_one_left = draining.done()
    house.producer.answer(0)
    await turns()

    assert (with_one_left, draining.done()) == (False, True)


async def test_what_still_waits_can_be_given_up() -> None:
    house = House(1, 1, 1)
    house.add("under way")
    await turns()
    house.add("waits")

    house.batches.fail_waiting(ProducerClosed())
    house.producer.answer(0)
    await turns()

    assert house.told.of == {"under way": 0, "waits": ProducerClosed}
    await house.batches.drained()


MOVES = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 2)),
    st.tuples(st.sampled_from(["answer", "fail", "turn"]), st.integers(0, 2)),
)


@pytest.mark.parametrize("leaders", [(1, 1, 1), (1, 2, 1), (-1, 1, 2)])
@given(moves=st.lists(MOVES, max_size=40))
def test_whatever_happens_each_record_is_told_once_and_offsets_follow_the_order(
    leaders: tuple[int, ...], moves: list[tuple[str, int]]
) -> None:
    async def live() -> dict[int, list[int | type[BaseException]]]:
        house = House(*leaders)
        added: dict[int, list[str]] = {0: [], 1: [], 2: []}
        for step, (move, partition) in enumerate(moves):
            if move == "add":
                house.add(f"{step}", partition)
                added[partition].append(f"{step}")
            elif move == "turn":
                await turns(1)
            elif partition in house.producer.sent:
                house.producer.answer(partition) if move == "answer" else house.producer.fail(
                    NotLeaderForPartitionError(), partition
                )
        draining = asyncio.ensure_future(house.batches.drained())
        while not draining.done():
            await turns()
            house.producer.answer(*house.producer.sent)
        return {partition: [house.told.of[ticket] for ticket in tickets] for partition, tickets in added.items()}

    for outcomes in asyncio.run(live()).values():
        offsets = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert offsets == list(range(len(offsets)))
