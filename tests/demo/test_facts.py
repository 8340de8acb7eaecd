"""A fact is the same however often it is said, and read back from Kafka; anything else is another one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.demo.facts import fact_of_status_record, letter_fact, status_fact
from relay.events.status_event import written
from relay.sofy.authenticity import Authenticator, Claim, Credentials
from relay.sofy.reading import Reading, StatusFact, UnreadableFact, read

_SAID = {
    "account": "default",
    "sms_id": "x",
    "status": "errored",
    "reason": "EXPIRED",
    "time": "2024-01-01T00:00:00.000Z",
}


@pytest.mark.parametrize("field", sorted(_SAID))
def test_a_status_that_differs_in_one_word_is_another_fact(field: str) -> None:
    other = {**_SAID, field: "other"}

    assert status_fact(**_SAID) == status_fact(**_SAID)
    assert status_fact(**other) != status_fact(**_SAID)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_bytes_that_are_no_json_count_by_their_bytes(one: bytes, other: bytes) -> None:
    one, other = b"\xff" + one, b"\xff" + other

    assert (letter_fact("a", one) == letter_fact("a", other)) is (one == other)


def test_json_counts_by_its_content() -> None:
    assert letter_fact("a", b'{"id": 1, "data": ["\\u00e9"]}') == letter_fact("a", '{"data":["é"],"id":1}'.encode())
    assert letter_fact("a", b"1") != letter_fact("a", b"2")
    assert letter_fact("a", b"1") != letter_fact("b", b"1")


def test_what_the_relay_makes_of_an_item_states_the_items_fact() -> None:
    body = (
        b'{"type":"sms.status","id":"e","webhookId":"w","data":[{"id":"x","status":"errored",'
        b'"statusReason":"EXPIRED","updatedAt":"2024-01-01T00:00:00.000Z"}]}'
    )

    [fact] = _read(body).facts

    assert isinstance(fact, StatusFact)
    assert fact_of_status_record(written(fact.event)) == status_fact(**_SAID)


def test_what_the_relay_makes_of_a_broken_item_is_its_envelope_with_it_alone() -> None:
    body = b'{"type":"sms.status","id":"e","data":[{"id":"x","status":"sent"}, {"id":"y", "body":"\\u00e9t\\u00e9"}]}'

    _, broken = _read(body).facts

    assert isinstance(broken, UnreadableFact)
    alone = b'{"type":"sms.status","id":"e","data":[{"id":"y", "body":"\\u00e9t\\u00e9"}]}'
    assert letter_fact("default", broken.payload) == letter_fact("default", alone)


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"source":[]}', b'{"source":{}}', b"\xff", b"[" * 9999])
def test_a_record_that_is_no_event_states_nothing(value: bytes) -> None:
    assert fact_of_status_record(value) is None


def _read(body: bytes) -> Reading:
    authenticator = Authenticator({"default": Credentials(tokens=(b"t",))})
    delivery = authenticator.authenticate(Claim(None, b"t", ()), body, datetime(2024, 1, 1, tzinfo=UTC))
    assert not isinstance(delivery, str)
    reading = read(delivery, expects=authenticator.expects, e164=str)
    assert isinstance(reading, Reading)
    return reading
