"""The script is drawn before anything runs: by its seed alone, one fault at a time, with quiet between."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.script import QUIET_S, Fault, kinds, mixed, repeated

SEEDS = st.integers(0, 2**32)


@given(SEEDS, st.floats(30, 3600))
def test_the_same_seed_gives_the_same_script(seed: int, seconds: float) -> None:
    assert mixed(seed, seconds) == mixed(seed, seconds)


@given(SEEDS, st.floats(30, 3600))
def test_one_thing_is_broken_at_a_time_and_all_is_whole_for_long_enough_before_the_end(
    seed: int, seconds: float
) -> None:
    script = mixed(seed, seconds)

    for before, after in pairwise(script):
        assert after.at_s >= before.at_s + before.for_s + QUIET_S - 0.11
    for strike in script:
        assert strike.at_s + strike.for_s + QUIET_S <= seconds + 0.11


@given(SEEDS)
def test_ten_minutes_see_every_kind_of_fault(seed: int) -> None:
    assert kinds(mixed(seed, 600)) == set(Fault)


def test_other_seeds_give_other_scripts() -> None:
    assert len({tuple(mixed(seed, 600)) for seed in range(20)}) == 20


def test_a_repeated_fault_strikes_the_targets_in_turn() -> None:
    script = repeated(Fault.RELAY_KILLED, 4)

    assert [strike.target % 2 for strike in script] == [0, 1, 0, 1]
    assert kinds(script) == {Fault.RELAY_KILLED}
