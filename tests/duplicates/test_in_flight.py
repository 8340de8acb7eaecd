"""A duplicate of a record on its way shares its outcome; marks come only after the acknowledgement."""

from uuid import UUID

from relay.duplicates.in_flight import InFlight
from relay.duplicates.memory import MemoryWindow
from relay.reasons import Reason

ID = str(UUID(int=7))


class Way:
    """An id on its way, with an owner and two copies that joined it; `told` is what those were told."""

    def __init__(self) -> None:
        self.window = MemoryWindow(max_entries=10, window_s=60, clock=lambda: 0.0)
        self.in_flight = InFlight(self.window)
        self.told: list[Reason | None] = []
        self.owned = [self.in_flight.own(ID) for _ in range(3)]
        for _ in range(2):
            self.in_flight.join(ID, self.told.append)


async def test_the_first_owns_the_id_and_the_others_join_it() -> None:
    way = Way()

    assert way.owned == [True, False, False]
    assert way.told == []
    assert not await way.window.known([ID])


async def test_an_acknowledged_one_is_remembered_and_those_who_joined_are_told() -> None:
    way = Way()

    way.in_flight.settle(ID, None)

    assert way.told == [None, None]
    assert list(await way.window.known([ID])) == [ID]
    assert len(way.in_flight) == 0


async def test_a_failed_one_is_forgotten_and_the_next_copy_owns_it_anew() -> None:
    way = Way()

    way.in_flight.settle(ID, Reason.NO_LEADER)

    assert way.told == [Reason.NO_LEADER, Reason.NO_LEADER]
    assert not await way.window.known([ID])
    assert way.in_flight.own(ID)


async def test_one_that_the_window_knows_is_durable_and_not_remembered_anew() -> None:
    way = Way()

    way.in_flight.release(ID)

    assert way.told == [None, None]
    assert len(way.window) == 0
    assert way.in_flight.own(ID)
