"""The window remembers what was acknowledged, bounded by count and age, and never invents."""

from hypothesis import given
from hypothesis import strategies as st

from relay.duplicates.memory import MemoryWindow
from tests.duplicates.fakes import Clock, ids


async def test_it_knows_what_it_was_told_and_nothing_else() -> None:
    window = MemoryWindow(max_entries=10, window_s=60, clock=Clock())
    window.remember(ids(1)[0])

    assert list(await window.known(ids(1, 2))) == ids(1)
    assert len(window) == 1


async def test_when_full_the_oldest_goes_and_memory_stays() -> None:
    window = MemoryWindow(max_entries=3, window_s=60, clock=Clock())

    for each in ids(1, 2, 3, 4):
        window.remember(each)

    assert list(await window.known(ids(1, 2, 3, 4))) == ids(2, 3, 4)
    assert len(window) == 3


async def test_cleared_it_knows_nothing_and_learns_anew() -> None:
    window = MemoryWindow(max_entries=3, window_s=60, clock=Clock())
    window.remember(ids(1)[0])

    window.clear()
    forgotten = not await window.known(ids(1)) and len(window) == 0
    window.remember(ids(1)[0])

    assert forgotten
    assert list(await window.known(ids(1))) == ids(1)


async def test_what_is_older_than_the_window_is_forgotten() -> None:
    clock = Clock()
    window = MemoryWindow(max_entries=10, window_s=60, clock=clock)
    window.remember(ids(1)[0])
    clock.now += 30
    window.remember(ids(2)[0])

    clock.now += 40

    assert list(await window.known(ids(1, 2))) == ids(2)
    assert len(window) == 1


async def test_remembering_again_neither_counts_twice_nor_makes_young() -> None:
    clock = Clock()
    window = MemoryWindow(max_entries=10, window_s=60, clock=clock)
    window.remember(ids(1)[0])
    clock.now += 50
    window.remember(ids(1)[0])

    assert len(window) == 1
    clock.now += 20
    assert not await window.known(ids(1))


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0, 5)), max_size=60), st.integers(1, 8), st.integers(1, 10))
async def test_it_agrees_with_a_plain_list(steps: list[tuple[int, float]], max_entries: int, window_s: int) -> None:
    clock = Clock()
    window = MemoryWindow(max_entries=max_entries, window_s=window_s, clock=clock)
    told: dict[int, float] = {}

    for number, pause in steps:
        clock.now += pause
        known = bool(await window.known(ids(number)))
        # Within a second of the edge either answer is right: ages are kept in whole seconds.
        if number not in told or clock.now - told[number] > window_s + 1:
            assert not known
        window.remember(ids(number)[0])
        if not known:
            told[number] = clock.now
        assert await window.known(ids(number))
        assert len(window) <= max_entries
