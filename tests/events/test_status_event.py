"""The status event in hand and the contract are one thing: names, order, values, and every byte that is written."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.events import SmsStatusEvent, Source, Status, StatusReason
from relay.events.records import contract_record, status_record
from relay.events.schemas import example_event
from relay.events.sms_status import SCHEMA_VERSION
from relay.events.status_event import StatusEvent, written
from relay.sofy.authenticity import AuthenticDelivery
from relay.sofy.numbers import PhoneNumbers
from relay.sofy.reading import Reading, StatusFact, read
from tests.sofy.payloads import body, item

NUMBERS = PhoneNumbers()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TIMES = st.sampled_from(
    [
        "2026-01-25T16:51:49.253Z",
        "2026-01-25T16:51:49.253999Z",
        "2026-01-25 16:51:49",
        "2026-01-25T16:51:49.253+0530",
        "0001-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999999999Z",
        "2026-02-30T00:00:00.000Z",
        "2026-01-25T24:00:00.000Z",
        "",
    ]
)
WORDS = st.sampled_from(["delivered", "errored", "sent", "pending", " Expired ", "a new word"]) | st.text(min_size=1)
FIELDS = st.fixed_dictionaries(
    {"id": st.text(min_size=1) | st.integers(), "status": WORDS},
    optional={
        "statusReason": st.sampled_from(["", "DELIVRD", "EXPIRED", "invalid_phone_number"]) | JSON,
        "body": st.text() | JSON,
        "from": st.text() | JSON,
        "to": st.sampled_from(["33612345678", "+590690112233", "12"]) | JSON,
        "createdAt": TIMES | JSON,
        "updatedAt": TIMES | JSON,
        "price": st.sampled_from([0.08, "0.080", 1e-7, 12, -0.0]) | JSON,
        "parts": st.integers(-1, 300) | JSON,
        "isSmsFallback": st.booleans(),
        "_envelope": JSON,
    },
)
ENVELOPES = st.fixed_dictionaries({"id": JSON, "webhookId": JSON}, optional={"region": JSON})
RECEIVED = st.datetimes(datetime(1970, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def events(fields: dict[str, Any], envelope: dict[str, Any], received_at: datetime) -> list[StatusEvent]:
    delivery = AuthenticDelivery("default", body(fields, **envelope), received_at)
    found = read(delivery, expects=lambda _account, _id: True, e164=NUMBERS.e164)
    assert isinstance(found, Reading)
    return [fact.event for fact in found.facts if isinstance(fact, StatusFact)]


@given(FIELDS, ENVELOPES, RECEIVED)
def test_whatever_is_read_is_written_to_the_byte_as_the_contract_writes_it(
    fields: dict[str, Any], envelope: dict[str, Any], received_at: datetime
) -> None:
    for event in events(fields, envelope, received_at):
        value = written(event)

        contract = SmsStatusEvent.model_validate_json(value)
        assert value == contract.model_dump_json().encode()
        assert written(StatusEvent.of(contract)) == value


@pytest.mark.parametrize("status", Status)
def test_fields_stand_in_the_contracts_order_and_none_is_missing(status: Status) -> None:
    value = json.loads(written(StatusEvent.of(example_event(status))))

    assert list(value) == list(SmsStatusEvent.model_fields)
    assert list(value["source"]) == list(Source.model_fields)
    assert value["reason"] is None or list(value["reason"]) == list(StatusReason.model_fields)
    assert value["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize(
    "name",
    [
        "event_id",
        "sms_id",
        "status",
        "status_rank",
        "is_final",
        "reason",
        "recipient",
        "sender",
        "body",
        "segments",
        "price",
        "created_at",
        "occurred_at",
        "received_at",
    ],
)
@pytest.mark.parametrize("changes", [{}, {"status": "sent", "statusReason": "", "createdAt": None, "updatedAt": None}])
def test_what_the_event_in_hand_says_is_what_a_consumer_reads(name: str, changes: dict[str, Any]) -> None:
    [event] = events(item(**changes), {}, datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC))

    told: Callable[[object], object] = lambda it: getattr(it, name)  # noqa: E731 - of both sides
    assert told(event) == told(SmsStatusEvent.model_validate_json(written(event)))


def test_the_account_is_the_sources() -> None:
    event = example_event(Status.SENT)

    assert StatusEvent.of(event).account == event.source.account


@pytest.mark.parametrize("status", Status)
def test_the_record_of_an_event_in_hand_is_the_one_that_the_contracts_model_makes(status: Status) -> None:
    event = example_event(status)

    assert status_record(StatusEvent.of(event)) == contract_record(event)
