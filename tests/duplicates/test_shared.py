"""The window of all replicas over a store that is steered: what is asked when, and what happens when it fails."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from relay.duplicates.ids import packed
from relay.duplicates.memory import MemoryWindow
from relay.duplicates.shared import PAUSE_S, WAITING_MARKS, SharedWindow
from relay.duplicates.store import Failure, StoreError
from tests.duplicates.fakes import Clock, SteeredStore, Told, ids, until

FAR_MORE_THAN_50_MS = 0.5


@dataclass
class House:
    """A shared window on a steered store."""

    store: SteeredStore = field(default_factory=SteeredStore)
    told: Told = field(default_factory=Told)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        local = MemoryWindow(max_entries=100_000, window_s=60, clock=self.clock)
        self.window = SharedWindow(local=local, store=self.store, window_s=60, observer=self.told, clock=self.clock)

    def elsewhere(self, *numbers: int) -> None:
        """Let another replica have remembered these."""
        self.store.known.update((packed(id_), 60) for id_ in ids(*numbers))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A window whose store answers."""
    made = House()
    made.window.start()
    await until(lambda: made.told.back == 1)
    made.store.exchanges.clear()
    yield made
    made.store.go_on()
    await made.window.close(1.0)


async def test_what_another_replica_remembers_is_known(house: House) -> None:
    house.elsewhere(1)

    assert set(await house.window.known(ids(1, 2))) == set(ids(1))
    assert house.told.failed == 0


async def test_what_this_process_remembers_is_not_asked_for(house: House) -> None:
    house.window.remember(ids(1)[0])

    assert set(await house.window.known(ids(1))) == set(ids(1))
    assert all(asked == [] for _, asked in house.store.exchanges)


async def test_what_is_remembered_is_told_to_the_store_with_the_windows_length(house: House) -> None:
    house.window.remember(ids(1)[0])

    await until(lambda: house.store.known.get(packed(ids(1)[0])) == 60)
    assert len(house.window) == 1


async def test_what_was_only_found_is_not_remembered_by_this_process(house: House) -> None:
    """Else it would live for a second window here."""
    house.elsewhere(1)

    await house.window.known(ids(1))

    assert len(house.window) == 0


async def test_under_load_many_look_ups_share_an_exchange_and_each_gets_its_own_answer(house: House) -> None:
    house.elsewhere(*range(0, 300, 7))
    asked = [range(start, start + 1 + start % 4) for start in range(0, 300, 4)]

    found = await asyncio.gather(*(house.window.known(ids(*numbers)) for numbers in asked))

    assert [set(each) for each in found] == [{*ids(*(it for it in numbers if it % 7 == 0))} for numbers in asked]
    assert len(house.store.exchanges) < len(asked)


async def test_a_store_that_hangs_is_waited_for_once_and_then_not_asked(house: House) -> None:
    house.store.hang()
    began = time.monotonic()

    first = await house.window.known(ids(1))
    asked = len(house.store.exchanges)
    others = [await house.window.known(ids(number)) for number in range(2, 100)]

    assert time.monotonic() - began < FAR_MORE_THAN_50_MS
    assert [first, *others] == [set()] * 99
    assert len(house.store.exchanges) == asked
    assert house.told.away == [Failure.TIMEOUT]
    assert house.told.failed >= 99


async def test_while_the_store_is_away_this_process_still_knows_its_own(house: House) -> None:
    house.store.hang()
    house.window.remember(ids(1)[0])

    assert set(await house.window.known(ids(1, 2))) == set(ids(1))


async def test_marks_made_while_the_store_is_away_are_told_when_it_is_back(house: House) -> None:
    house.store.hang()
    await house.window.known(ids(9))
    house.window.remember(ids(1)[0])

    house.store.go_on()

    await until(lambda: packed(ids(1)[0]) in house.store.known)
    assert house.told.back == 2


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (StoreError(Failure.REFUSED), Failure.REFUSED),
        (TimeoutError(), Failure.TIMEOUT),
        (ZeroDivisionError(), Failure.UNEXPECTED),
    ],
)
async def test_whatever_the_store_raises_the_window_answers_and_recovers(
    house: House, error: Exception, why: Failure
) -> None:
    house.store.raises = error
    found = await house.window.known(ids(1))
    house.elsewhere(1)

    house.store.raises = None

    assert found == set()
    await until(lambda: house.told.back == 2)
    assert set(await house.window.known(ids(1))) == set(ids(1))
    assert house.told.away == [why]


async def test_a_connection_that_broke_while_nobody_looked_costs_no_answer() -> None:
    clock = Clock()
    house = House(clock=clock)
    house.window.start()
    await until(lambda: house.told.back == 1)
    house.elsewhere(1)
    clock.now += 60

    house.store.break_once()

    assert set(await house.window.known(ids(1))) == set(ids(1))
    assert (house.store.connections, house.told.failed) == (2, 1)
    await house.window.close(1.0)


async def test_a_store_that_stays_away_is_said_once_and_counted_at_each_attempt(house: House) -> None:
    house.store.raises = StoreError(Failure.CONNECTION)
    await house.window.known(ids(1))
    failed = house.told.failed

    await until(lambda: house.told.failed >= failed + 2)

    assert house.told.away == [Failure.CONNECTION]


async def test_a_store_that_stays_away_is_tried_once_a_pause(house: House) -> None:
    house.store.raises = StoreError(Failure.CONNECTION)
    await house.window.known(ids(1))
    began, failed = time.monotonic(), house.told.failed

    await until(lambda: house.told.failed >= failed + 2)

    assert house.told.failed - failed <= (time.monotonic() - began) / PAUSE_S + 1


async def test_a_caller_that_is_cancelled_disturbs_nobody(house: House) -> None:
    house.elsewhere(2)
    house.store.hang()
    given_up = asyncio.create_task(house.window.known(ids(1)))
    staying = asyncio.create_task(house.window.known(ids(2)))
    await until(lambda: len(house.store.exchanges) > 0)

    given_up.cancel()
    await asyncio.wait({given_up})
    house.store.go_on()

    assert set(await staying) == set(ids(2))
    assert given_up.cancelled()


async def test_marks_beyond_the_bound_are_lost_and_counted() -> None:
    house = House()  # its store is never reached

    for number in range(WAITING_MARKS + 3):
        house.window.remember(ids(number)[0])

    assert house.told.failed == 3
    assert len(house.window) == WAITING_MARKS + 3


async def test_before_start_it_answers_from_memory_and_counts() -> None:
    house = House()
    house.window.remember(ids(1)[0])

    assert set(await house.window.known(ids(1, 2))) == set(ids(1))
    assert house.told.failed == 1


async def test_close_tells_the_store_what_is_left_and_disconnects(house: House) -> None:
    for number in range(2000):
        house.window.remember(ids(number)[0])

    await house.window.close(5.0)

    assert {*house.store.known} >= {packed(id_) for id_ in ids(*range(2000))}
    assert not house.store.open
    assert house.told.failed == 0


async def test_close_does_not_wait_for_a_store_that_hangs_and_counts_what_is_lost(house: House) -> None:
    house.store.hang()
    house.window.remember(ids(1)[0])
    house.window.remember(ids(2)[0])
    began = time.monotonic()

    await house.window.close(0.2)

    assert time.monotonic() - began < 2.0
    assert house.told.failed >= 2
    assert set(await house.window.known(ids(1, 3))) == set(ids(1))


async def test_close_before_the_store_was_ever_reached_returns_at_once() -> None:
    house = House()
    house.store.hang()
    house.window.start()

    await house.window.close(60.0)

    assert not house.store.open
