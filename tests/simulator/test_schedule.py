"""Sofy's replay rule: ten replays with growing pauses, then never again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.simulator.schedule import ASSUMED_DELAYS_S, REPLAYS, ReplaySchedule, ScheduleError, parse_delays


@pytest.mark.parametrize(
    ("failed", "pause_s"),
    [
        (1, 5.0),
        (2, 10.0),
        (3, 20.0),
        (4, 40.0),
        (5, 80.0),
        (6, 160.0),
        (7, 320.0),
        (8, 640.0),
        (9, 1280.0),
        (10, 2560.0),  # the tenth replay comes after it
        (11, None),  # and when that fails too, it is discarded
    ],
)
def test_after_so_many_failed_attempts_the_next_one_waits_so_long(failed: int, pause_s: float | None) -> None:
    assert ReplaySchedule().after(failed) == pause_s


@given(st.integers(1, REPLAYS), st.floats(0, 1000))
def test_the_time_scale_multiplies_every_pause(failed: int, scale: float) -> None:
    assert ReplaySchedule(scale=scale).after(failed) == ASSUMED_DELAYS_S[failed - 1] * scale


@pytest.mark.parametrize(
    ("text", "delays"),
    [
        ("5", (5.0,) * 10),
        ("1,2,4", (1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0)),
        ("1 2 3 4 5 6 7 8 9 10", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0)),
        ("250ms, 1.5s, .5m, 1h", (0.25, 1.5, 30.0, *(3600.0,) * 7)),
        ("0", (0.0,) * 10),
    ],
)
def test_delays_are_read_with_or_without_units_and_the_last_one_repeats(text: str, delays: tuple[float, ...]) -> None:
    assert parse_delays(text) == pytest.approx(delays)


@pytest.mark.parametrize("text", ["", ",", "soon", "-1", "1d", "nan", "inf", "1e3", "1,2,3,4,5,6,7,8,9,10,11", "٣"])
def test_what_is_no_schedule_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ScheduleError, match="such as 5,10,20"):
        parse_delays(text)


@pytest.mark.parametrize("delays", [(), (1.0,) * 9, (1.0,) * 11, (-1.0,) * 10, (float("nan"),) * 10])
def test_a_schedule_has_ten_delays(delays: tuple[float, ...]) -> None:
    with pytest.raises(ScheduleError):
        ReplaySchedule(delays)
