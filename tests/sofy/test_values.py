"""Scalars are read strictly: nothing is guessed."""

import math
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.events.times import Instant, rfc3339
from relay.sofy import values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (0.08, "0.08"),
        (0, "0"),
        (12, "12"),
        (-1, "-1"),
        (1e-7, "0.0000001"),
        (1.5e3, "1500.0"),
        ("0.0800", "0.0800"),  # a text keeps its zeros
        ("-12", "-12"),
        ("999999999999999.999999999", "999999999999999.999999999"),
    ],
)
def test_a_price_is_an_exact_decimal_without_exponent(given_value: object, expected: str) -> None:
    assert values.price(given_value) == expected


@pytest.mark.parametrize(
    "refused",
    [
        True,
        None,
        [],
        {},
        math.nan,
        math.inf,
        1e300,
        10**16,
        5e-324,
        "",
        " 1",
        "1_0",
        "1e3",
        "1e999999999",
        "NaN",
        "Infinity",
        "+1",
        "1.",
        ".5",
        "1,5",
        "٣",
        "1.0000000001",
        "1234567890123456",
        "0.08\n",
        "--1",
    ],
)
def test_what_is_no_price_is_not_made_one(refused: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        values.price(refused)


@pytest.mark.parametrize("accepted", [0, 1, 7, 255])
def test_segments_are_a_small_whole_number(accepted: int) -> None:
    assert values.segments(accepted) == accepted


@pytest.mark.parametrize("refused", [-1, 256, 10**30, True, False, 1.0, "2", "2_0", None, [], math.nan])
def test_what_is_no_count_of_segments_is_not_made_one(refused: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        values.segments(refused)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("abc", "abc"),
        (" Abc ", " Abc "),
        ("0012", "0012"),
        (9007199254740993, "9007199254740993"),
        (10**40, "1" + "0" * 40),
        (-5, "-5"),
        (0, "0"),
    ],
)
def test_an_id_is_kept_to_the_letter(accepted: object, expected: str) -> None:
    assert values.identifier(accepted) == expected


@pytest.mark.parametrize("refused", ["", "  ", "\t\n", None, True, 1.0, 1e30, [], {}, ["a"]])
def test_what_is_no_id_is_not_made_one(refused: object) -> None:
    with pytest.raises(ValueError, match=r"text|empty"):
        values.identifier(refused)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("2022-12-29T18:24:27.000Z", datetime(2022, 12, 29, 18, 24, 27, tzinfo=UTC)),
        ("2022-12-29T18:24:27Z", datetime(2022, 12, 29, 18, 24, 27, tzinfo=UTC)),
        ("2022-12-29t18:24:27z", datetime(2022, 12, 29, 18, 24, 27, tzinfo=UTC)),
        ("2022-12-29 18:24:27Z", datetime(2022, 12, 29, 18, 24, 27, tzinfo=UTC)),
        ("2022-12-29T19:24:27+01:00", datetime(2022, 12, 29, 18, 24, 27, tzinfo=UTC)),
        ("2022-12-29T14:24:27-0400", datetime(2022, 12, 29, 18, 24, 27, tzinfo=UTC)),
        ("2022-12-29T18:24:27.123456789Z", datetime(2022, 12, 29, 18, 24, 27, 123456, tzinfo=UTC)),
        ("2022-12-29T18:24:27.9Z", datetime(2022, 12, 29, 18, 24, 27, 900000, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_utc(accepted: str, expected: datetime) -> None:
    assert values.instant(accepted) == Instant(expected, rfc3339(expected))


def test_a_time_without_a_zone_is_utc_and_says_so() -> None:
    found = values.instant("2022-12-29T18:24:27.000")

    assert found.at == datetime(2022, 12, 29, 18, 24, 27, tzinfo=UTC)
    assert found.zone_assumed


@pytest.mark.parametrize(
    "refused",
    [
        1672338267,
        1672338267.5,
        "1672338267",
        "",
        "yesterday",
        "2022-12-29",
        "2022-02-30T00:00:00Z",
        None,
        True,
        "2022-12-29T24:00:01Z",
        "2022-12-29T18:24:60Z",
        "2022-12-29T18:24:27.1234567890Z",
        "２０２２-12-29T18:24:27Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2022-12-29T18:24:27Z ",
        "2022-12-29T18:24Z",
        "2022-12-29T18:24:27+99:99",
        "2022-W52-4T18:24:27Z",
    ],
)
def test_what_is_no_time_is_not_made_one(refused: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        values.instant(refused)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-840, 840))  # noqa: DTZ001
def test_any_time_with_an_offset_comes_back_as_the_same_moment(moment: datetime, minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    assert values.instant(zoned.isoformat()).at == zoned


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)))  # noqa: DTZ001
def test_a_time_that_is_taken_as_it_stands_is_the_one_that_is_converted(moment: datetime) -> None:
    as_written = rfc3339(moment.replace(tzinfo=UTC))

    taken = values.instant(as_written)
    assert taken == values.instant(as_written.lower()) == values.instant(as_written.replace("Z", "+00:00"))
    assert taken == Instant(taken.at, rfc3339(taken.at))


@given(
    JSON, st.sampled_from([values.text, values.word, values.identifier, values.price, values.segments, values.instant])
)
def test_a_reader_gives_a_value_or_raises_value_error_whatever_comes(value: object, read: object) -> None:
    try:
        read(value)  # type: ignore[operator]  # one of the readers above
    except ValueError:
        return


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_price_that_is_read_equals_the_number_given(number: float) -> None:
    try:
        found = values.price(number)
    except ValueError:
        return
    assert float(found) == float(number)
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", found)
