"""What an expression asks for is read as Prometheus reads it."""

from datetime import timedelta

import pytest

from tests.deploy.promql import Grouping, Matcher, Selector, groupings, selectors

pytestmark = pytest.mark.ops

UP = Selector("up", (Matcher("job", "=", "relay"),))


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ('up{job="relay"}', [UP]),
        ('sum by (job) (up{job="relay"}) > 0 unless vector(1)', [UP]),
        ('-(up{job="relay"} offset 5m) or vector(time())', [UP]),
        ('absent(up{job="relay"} == 1)', [Selector(UP.metric, UP.matchers, None, ("absent",))]),
        (
            'increase(up{job="relay"}[5m]) and max_over_time(up{job="relay"}[1h:1m])',
            [
                Selector(UP.metric, UP.matchers, timedelta(minutes=5), ("increase",)),
                Selector(UP.metric, UP.matchers, timedelta(hours=1), ("max_over_time",)),
            ],
        ),
        (
            'histogram_quantile(0.9, sum by (le) (rate(lag_bucket{le!="+Inf"}[1m])))',
            [
                Selector(
                    "lag_bucket",
                    (Matcher("le", "!=", "+Inf"),),
                    timedelta(minutes=1),
                    ("histogram_quantile", "rate"),
                )
            ],
        ),
        (
            'label_replace(up{job="relay"}, "a", "up{b}", "c", "")',
            [Selector(UP.metric, UP.matchers, None, ("label_replace",))],
        ),
    ],
)
def test_selectors_are_found_with_what_is_done_to_them(expression: str, found: list[Selector]) -> None:
    assert selectors(expression) == found


def test_groupings_are_found_with_what_they_are_about() -> None:
    expression = "sum by (a, b) (x) / on (c) group_left (d) max without (e) (y)"
    x, y = Selector("x", ()), Selector("y", ())

    assert groupings(expression) == [Grouping(("c", "d"), (x, y)), Grouping(("a", "b"), (x,)), Grouping(("e",), (y,))]


@pytest.mark.parametrize(
    ("matcher", "values"),
    [
        (Matcher("outcome", "=", "deferred"), ("deferred",)),
        (Matcher("outcome", "!=", "deferred"), ("deferred",)),
        (Matcher("outcome", "=~", "accepted|deferred"), ("accepted", "deferred")),
        (Matcher("outcome", "!~", "accepted"), ("accepted",)),
        (Matcher("outcome", "=~", "acc.+d"), None),
    ],
)
def test_a_matcher_gives_the_words_that_it_names(matcher: Matcher, values: tuple[str, ...] | None) -> None:
    assert matcher.values() == values


@pytest.mark.parametrize("text", ["sum by (", "rate(x)[5m]", "x{a=}"])
def test_what_is_not_promql_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        selectors(text)
