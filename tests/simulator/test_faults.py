"""Faults come as often as asked for, never unasked, and soon enough to be seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.simulator.faults import DEFAULT_SHARE, Fault, FaultError, Faults, parse_faults
from tests.simulator.reading import dice


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("", {}),
        ("timeout", {Fault.TIMEOUT: DEFAULT_SHARE}),
        ("5xx,duplicate=0.5", {Fault.SERVER_ERROR: DEFAULT_SHARE, Fault.DUPLICATE: 0.5}),
        ("timeout, 5xx duplicate,reorder,malformed", dict.fromkeys(Fault, DEFAULT_SHARE)),
        ("reorder=1", {Fault.REORDER: 1.0}),
    ],
)
def test_faults_are_read_with_or_without_their_share(text: str, shares: dict[Fault, float]) -> None:
    assert parse_faults(text) == shares


@pytest.mark.parametrize("text", ["slow", "timeout=0", "timeout=-1", "timeout=1.1", "timeout=much", "5xx=", "5xx=nan"])
def test_what_is_no_fault_is_refused_with_the_names(text: str) -> None:
    with pytest.raises(FaultError, match="timeout, 5xx, duplicate, reorder, malformed"):
        parse_faults(text)


@given(st.integers(), st.floats(0.01, 1), st.integers(1, 500))
def test_a_fault_strikes_its_share_to_within_one(seed: int, share: float, questions: int) -> None:
    faults = Faults({Fault.DUPLICATE: share}, dice(seed))

    struck = sum(faults.strikes(Fault.DUPLICATE) for _ in range(questions))

    assert abs(struck - share * questions) <= 1


def test_a_fault_that_nobody_asked_for_never_strikes() -> None:
    faults = Faults({Fault.DUPLICATE: 1.0}, dice())

    assert not any(faults.strikes(Fault.MALFORMED) for _ in range(100))


def test_the_same_seed_strikes_the_same() -> None:
    one, same, other = (Faults({Fault.REORDER: 0.2}, dice(seed)) for seed in (1, 1, 2))

    struck = [[faults.strikes(Fault.REORDER) for _ in range(100)] for faults in (one, same, other)]

    assert struck[0] == struck[1] != struck[2]
