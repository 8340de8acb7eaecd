"""The document declares every header that is written, and none that is not; the same of what is always there."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.asyncapi_settings import default_asyncapi_json
from relay.events import Record, Status
from relay.events.latest import take_in
from relay.events.records import dead_letter_record, latest_record, other_record, status_record, tombstone_record
from relay.events.schemas import example_event
from relay.events.status_event import StatusEvent
from relay.reasons import Reason
from relay.streams.dead_letters import letter_of
from relay.streams.judging import replayed
from relay.streams.tail import TailedRecord
from tests.asyncapi.reading import faults

DOCUMENT: dict[str, Any] = json.loads(default_asyncapi_json())
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TIMELESS = example_event(Status.SENT).model_copy(update={"occurred_at": None})
FULL = example_event(Status.DELIVERED)


def other(subject: str | None, trace: str | None) -> Record:
    return other_record(
        account="default",
        provider_type="sms.reply",
        subject=subject,
        payload=b'{"type":"sms.reply"}',
        received_at=NOW,
        traceparent=trace,
    )


def dead_letter(*, is_json: bool) -> Record:
    return dead_letter_record(
        account="default",
        reason=Reason.INVALID_JSON,
        detail="",
        sms_id=None,
        payload=b"{}",
        received_at=NOW,
        is_json=is_json,
    )


def again(record: Record) -> Record:
    """Give the record as a replay of a dead letter writes it."""
    letter = dead_letter(is_json=True)
    stored = TailedRecord(0, 0, letter.timestamp_ms, letter.key, letter.value, dict(letter.headers))
    return replayed(record, letter_of(stored), NOW)


# Each kind of record with all that is optional, and without.
WRITTEN: dict[str, tuple[Record, ...]] = {
    "smsStatus": (again(status_record(StatusEvent.of(FULL), TRACE)), status_record(StatusEvent.of(TIMELESS))),
    "webhookOther": (again(other("r1", TRACE)), other(None, None)),
    "deadLetter": (dead_letter(is_json=True), dead_letter(is_json=False)),
    "smsLatest": (latest_record(take_in(None, FULL, 0).state), latest_record(take_in(None, TIMELESS, 0).state)),
    "smsErased": (tombstone_record(b"sms", NOW),),
}


def headers_of(record: Record) -> dict[str, str]:
    """Give the headers as they lie in Kafka: the publisher adds the identity."""
    return {**record.headers, "correlation_id": record.id}


def test_every_message_is_written_here() -> None:
    assert WRITTEN.keys() == DOCUMENT["components"]["messages"].keys()


@pytest.mark.parametrize("message", WRITTEN)
def test_the_headers_declared_are_those_that_are_written(message: str) -> None:
    declared = DOCUMENT["components"]["messages"][message]["headers"]
    written = [set(headers_of(record)) for record in WRITTEN[message]]
    if message == "smsErased":
        written.append({"content-type", "correlation_id"})  # FastStream writes one always, if need be an empty one

    assert set(declared["properties"]) == set.union(*written)
    assert set(declared["required"]) == set.intersection(*written)


@pytest.mark.parametrize(
    ("message", "record"), [(message, record) for message, records in WRITTEN.items() for record in records]
)
def test_every_record_is_as_the_document_says(message: str, record: Record) -> None:
    key = None if record.key is None else record.key.decode()
    value = None if record.is_tombstone else record.value

    assert not faults(DOCUMENT, message, key=key, headers=headers_of(record), value=value)


@pytest.mark.parametrize(
    ("header", "wrong"),
    [
        ("ce_id", "1"),
        ("ce_source", "/other/default"),
        ("ce_specversion", "0.3"),
        ("ce_time", "2026-01-01T00:00:00Z"),
        ("ce_type", "frXsofy.sms.status.sent"),
        ("content-type", "text/plain"),
        ("correlation_id", ""),
        ("traceparent", "00-" + "0" * 32 + "-b7ad6b7169203331-01"),
        ("undeclared", "x"),
    ],
)
def test_a_record_that_is_not_as_it_should_be_is_found_out(header: str, wrong: str) -> None:
    record = status_record(StatusEvent.of(FULL), TRACE)

    found = faults(
        DOCUMENT, "smsStatus", key="zzzzz", headers={**headers_of(record), header: wrong}, value=record.value
    )

    assert len(found) == 1
