"""A duplicate of a record on its way shares its outcome; marks come only after the acknowledgement."""

from uuid import UUID

from relay.duplicates.in_flight import InFlight
from relay.duplicates.memory import MemoryWindow
from relay.reasons import Reason

ID = str(UUID(int=7))


def fresh() -> tuple[InFlight, MemoryWindow]:
    window = MemoryWindow(max_entries=10, window_s=60, clock=lambda: 0.0)
    return InFlight(window), window


async def test_the_first_owns_the_id_and_the_second_joins_it() -> None:
    in_flight, window = fresh()

    owner, joined = in_flight.join(ID), in_flight.join(ID)

    assert owner is None
    assert joined is not None
    assert not joined.done()
    assert not await window.known([ID])


async def test_an_acknowledged_one_is_remembered_and_those_who_joined_are_told() -> None:
    in_flight, window = fresh()
    in_flight.join(ID)
    joined = in_flight.join(ID)

    in_flight.settle(ID, None)

    assert joined is not None
    assert await joined is None
    assert list(await window.known([ID])) == [ID]
    assert len(in_flight) == 0


async def test_a_failed_one_is_forgotten_and_the_next_copy_owns_it_anew() -> None:
    in_flight, window = fresh()
    in_flight.join(ID)
    joined = in_flight.join(ID)

    in_flight.settle(ID, Reason.NO_LEADER)

    assert joined is not None
    assert await joined is Reason.NO_LEADER
    assert not await window.known([ID])
    assert in_flight.join(ID) is None


async def test_one_that_the_window_knows_is_durable_and_not_remembered_anew() -> None:
    in_flight, window = fresh()
    in_flight.join(ID)
    joined = in_flight.join(ID)

    in_flight.release(ID)

    assert joined is not None
    assert await joined is None
    assert len(window) == 0
    assert in_flight.join(ID) is None
