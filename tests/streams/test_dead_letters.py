"""A dead letter as its topic tells it, and which of many are meant."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.privacy import stub
from relay.reasons import Reason
from relay.streams.dead_letters import Choice, DeadLetter, Place, letter_of
from relay.streams.tail import TailedRecord
from tests.streams.letters import NOW, letter, letter_record

places = st.builds(Place, st.integers(0, 10**9), st.integers(0, 10**18))


@given(places)
def test_a_place_is_read_as_it_is_written(place: Place) -> None:
    assert Place.read(str(place)) == place


@pytest.mark.parametrize("text", ["", "3", "@", "3@", "@17", "-1@2", "1@-2", "1@2@3", "a@b", "1 @ 2", "٣@١"])
def test_what_is_no_place_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 3@17"):
        Place.read(text)


def test_a_letter_tells_what_its_record_says() -> None:
    record = letter_record("abc", account="paris", received_at=NOW)

    found = letter(record, partition=3, offset=17)

    assert (found.place, found.id, found.received_at) == (Place(3, 17), record.id, NOW)
    assert (found.account, found.reason, found.detail, found.sms_id) == (
        "paris",
        "missing_status",
        "status: absent",
        "abc",
    )
    assert (found.size, found.payload) == (len(record.value), record.value)


@pytest.mark.parametrize("received_at", ["", "yesterday", "2026-01-01T00:00:00"])
def test_of_a_record_of_somebody_else_a_letter_tells_what_there_is(received_at: str) -> None:
    record = TailedRecord(0, 1, 1_767_268_800_000, None, None, {"relay-received-at": received_at})

    found = letter_of(record)

    assert (found.id, found.account, found.reason, found.sms_id, found.size) == (None, None, "", None, 0)
    assert found.received_at == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert not found.payload_kept


def test_a_payload_counts_as_kept_unless_size_and_hash_stand_in_its_place() -> None:
    whole = letter_record()

    assert letter(whole).payload_kept
    assert not letter(stub(whole)).payload_kept
    assert letter(letter_record(payload=b"\xff")).payload_kept
    assert letter(letter_record(payload=b"[" * 100_000)).payload_kept


LETTER = letter(letter_record(account="paris", received_at=NOW), partition=1, offset=2)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (Choice(), True),
        (Choice(places=frozenset({Place(1, 2), Place(9, 9)})), True),
        (Choice(places=frozenset({Place(2, 1)})), False),
        (Choice(reasons=frozenset({"missing_status", "invalid_json"})), True),
        (Choice(reasons=frozenset({"invalid_json"})), False),
        (Choice(account="paris"), True),
        (Choice(account="default"), False),
        (Choice(since=NOW), True),  # the moment itself is in
        (Choice(since=NOW + HOUR), False),
        (Choice(until=NOW), False),  # the moment itself is out
        (Choice(until=NOW + HOUR), True),
        (Choice(account="paris", reasons=frozenset({"invalid_json"})), False),  # all must hold
    ],
)
def test_a_letter_is_meant_if_all_that_is_said_holds(choice: Choice, taken: bool) -> None:
    assert choice.takes(LETTER) is taken


letters = st.builds(
    lambda reason, account, age: letter(
        letter_record(reason=reason, account=account, received_at=NOW - timedelta(minutes=age))
    ),
    st.sampled_from([Reason.MISSING_STATUS, Reason.INVALID_JSON]),
    st.sampled_from(["default", "paris"]),
    st.integers(0, 5),
)


@given(letters, st.integers(0, 5))
def test_a_moment_parts_the_letters_into_those_since_and_those_until(found: DeadLetter, minutes: int) -> None:
    moment = NOW - timedelta(minutes=minutes)

    assert Choice(since=moment).takes(found) is not Choice(until=moment).takes(found)
