"""The last quarter of an hour: points of the curves, and what was counted in it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.console.history import LOOKS_BACK_S, STEP_S, History, mean
from relay.console.readings import Reading
from relay.console.watching import Durations
from relay.observability.metrics import Catalogue

BEGIN = 1_800_000_000.0
REASONS = {"deferred": "overloaded", "refused": "unknown_token"}
NOTHING = Durations((), ())
SLACK_S = 32.0
"""How exactly the window's beginning is known: half a minute, and a step."""


def reading(after_s: float, webhooks: Mapping[str, int], items: Mapping[str, int] | None = None) -> Reading:
    """Give a reading with so many webhooks by outcome, and items by result."""
    values: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    values[Catalogue.WEBHOOKS.name] = {
        ("default", outcome, REASONS.get(outcome, "")): count for outcome, count in webhooks.items()
    }
    values[Catalogue.EVENTS.name] = {("default", result): count for result, count in (items or {}).items()}
    return Reading(BEGIN + after_s, values)


def test_a_point_holds_what_happened_a_second_since_the_one_before() -> None:
    history = History(reading(0, {"accepted": 10}))

    history.add(reading(2, {"accepted": 14, "deferred": 2}, {"published": 6, "duplicate": 2}), NOTHING)
    point = history.add(reading(6, {"accepted": 22, "deferred": 2, "refused": 4}, {"published": 6}), NOTHING)

    first = history.points[0]
    assert (first.at, first.accepted, first.deferred, first.refused) == (BEGIN + 2, 2, 1, 0)
    assert (first.published, first.duplicate, first.dead_lettered) == (3, 1, 0)
    assert (point.at, point.accepted, point.deferred, point.refused, point.published) == (BEGIN + 6, 2, 0, 1, 0)
    assert history.points == (first, point)


def test_latencies_are_quantiles_in_milliseconds() -> None:
    history = History(reading(0, {}))
    hundred = tuple(number / 1000 for number in range(1, 101))

    point = history.add(reading(2, {}), Durations(tuple(reversed(hundred)), (0.0045,)))

    assert (point.answer_p50, point.answer_p99) == (50, 99)
    assert (point.acknowledgement_p50, point.acknowledgement_p99) == (4.5, 4.5)


def test_where_nothing_was_measured_there_is_no_latency() -> None:
    point = History(reading(0, {})).add(reading(2, {}), NOTHING)

    assert (point.answer_p50, point.answer_p99, point.acknowledgement_p50, point.acknowledgement_p99) == (None,) * 4


def test_two_readings_of_one_moment_give_a_number() -> None:
    point = History(reading(0, {})).add(reading(0, {"accepted": 1}), NOTHING)

    assert point.accepted > 0


def test_points_older_than_the_window_go() -> None:
    history = History(reading(0, {}))
    steps = int(LOOKS_BACK_S / STEP_S)

    for number in range(1, 2 * steps + 1):
        history.add(reading(number * STEP_S, {}), NOTHING)

    assert len(history.points) == steps
    assert history.points[0].at == BEGIN + (steps + 1) * STEP_S


def test_what_was_counted_before_the_window_is_counted_since_the_start_only() -> None:
    history = History(reading(0, {}))
    for number in range(1, int(3 * LOOKS_BACK_S / STEP_S)):
        last = reading(number * STEP_S, {"accepted": 5, "deferred": 0 if number < 1000 else 7})
        history.add(last, NOTHING)

    webhooks = history.counted(last)["webhooks"]

    assert webhooks.since_start == {"accepted": 5, "deferred": 7}
    assert webhooks.in_window == {"deferred": 7}


def test_what_was_counted_a_moment_ago_is_in_the_window_before_it_is_in_a_point() -> None:
    history = History(reading(0, {"accepted": 3}))

    counted = history.counted(reading(1, {"accepted": 4}))

    assert asdict(counted["webhooks"]) == {"since_start": {"accepted": 4}, "in_window": {"accepted": 1}}


def test_recent_points_are_those_of_the_last_seconds_and_their_mean_is_theirs() -> None:
    history = History(reading(0, {}))
    for number, accepted in enumerate((100, 100, 104, 112), 1):
        history.add(reading(number * 2, {"accepted": accepted}), NOTHING)

    recent = history.recent(4)

    assert [point.at - BEGIN for point in recent] == [6, 8]
    assert mean(recent, "accepted") == 3
    assert mean((), "accepted") == 0


steps_of_time = st.lists(
    st.tuples(st.floats(0.5, 200), st.sampled_from(["accepted", "deferred", "refused"]), st.integers(0, 50)),
    min_size=1,
    max_size=60,
)


@given(steps_of_time)
def test_in_the_window_is_all_that_happened_in_it_and_little_that_happened_before(
    steps: list[tuple[float, str, int]],
) -> None:
    history = History(reading(0, {}))
    totals: dict[str, int] = {}
    after_s = 0.0
    happened: list[tuple[float, str, int]] = []
    for pause_s, outcome, count in steps:
        after_s += pause_s
        totals[outcome] = totals.get(outcome, 0) + count
        happened.append((after_s, outcome, count))
        now = reading(after_s, totals)
        history.add(now, NOTHING)

    counted = history.counted(now)["webhooks"]

    assert counted.since_start == {name: count for name, count in totals.items() if count}
    longest = max(pause_s for pause_s, _, _ in steps)
    for name, total in totals.items():
        within = counted.in_window.get(name, 0)
        surely = sum(count for at, it, count in happened if it == name and at > after_s - LOOKS_BACK_S)
        at_most = sum(
            count for at, it, count in happened if it == name and at > after_s - LOOKS_BACK_S - SLACK_S - longest
        )
        assert surely <= within <= min(at_most, total)


@pytest.mark.parametrize("kind", ["refusals", "items", "statuses", "duplicates", "dead_letters", "topics", "restarts"])
def test_every_kind_is_there_from_the_start(kind: str) -> None:
    start = reading(0, {})

    assert asdict(History(start).counted(start)[kind]) == {"since_start": {}, "in_window": {}}
