"""A recipient is E.164 where its digits are a valid number as they stand, else verbatim."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sofy.numbers import PhoneNumbers


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("590690112233", "+590690112233"),
        ("+590690112233", "+590690112233"),
        ("33612345678", "+33612345678"),
        ("0612345678", "0612345678"),  # national: which country is not ours to guess
        ("0033612345678", "0033612345678"),
        ("336123456", "336123456"),  # too short for France
        ("+33 6 12 34 56 78", "+33 6 12 34 56 78"),
        ("36789", "36789"),
        ("APITEST", "APITEST"),
        ("", ""),
        ("++33612345678", "++33612345678"),
        ("٣٣٦١٢٣٤٥٦٧٨", "٣٣٦١٢٣٤٥٦٧٨"),
        ("33612345678\n", "33612345678\n"),
    ],
)
def test_only_a_valid_number_gets_its_plus(provider: str, expected: str) -> None:
    assert PhoneNumbers().e164(provider) == expected


@given(st.text())
def test_whatever_comes_is_kept_or_gets_a_plus(number: str) -> None:
    assert PhoneNumbers().e164(number) in {number, f"+{number}"}


def test_the_memory_of_numbers_is_bounded() -> None:
    numbers = PhoneNumbers(remembered=10)

    for last in range(100):
        numbers.e164(f"336123456{last:02}")

    assert len(numbers) == 10


def test_what_is_too_long_to_be_a_number_is_kept_and_not_remembered() -> None:
    numbers = PhoneNumbers()

    assert numbers.e164("3" * 100_000) == "3" * 100_000

    assert len(numbers) == 0
