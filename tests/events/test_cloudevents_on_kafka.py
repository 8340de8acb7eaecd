"""What lies in Kafka is CloudEvents 1.0 to the specification's own SDK, and what the SDK writes is what we write.

Where the two differ is written down here, one claim each.
"""

import json
from datetime import datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event, from_kafka_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent

from tests.events.on_kafka import LATEST, OTHERS, STATUSES, TRACE, UNUSUAL, Stored, stored
from tests.kafka.choice import Kafka
from tests.kafka.topics import Topics

pytestmark = pytest.mark.kafka

NOT_CLOUDEVENTS = {"correlation_id", "traceparent"}
"""Headers that are ours or W3C's: no attributes of the event, so the SDK drops them."""


@pytest.fixture
async def events(kafka: Kafka, topics: Topics) -> list[Stored]:
    """Every kind of event as a plain consumer gets it."""
    return await stored(kafka, topics, [*STATUSES, *OTHERS, *LATEST])


def message(event: Stored) -> KafkaMessage:
    assert event.read.value is not None
    return KafkaMessage(headers=event.headers, key=event.read.key, value=event.read.value)


def ours(event: Stored) -> dict[str, Any]:
    """Give the attributes that the relay meant, from the record before it went to Kafka."""
    meant: dict[str, Any] = {
        name.removeprefix("ce_"): value for name, value in event.written.headers.items() if name.startswith("ce_")
    }
    if "time" in meant:
        meant["time"] = datetime.fromisoformat(meant["time"])
    return meant | {"datacontenttype": event.written.headers["content-type"]}


async def test_the_sdk_reads_the_attributes_and_the_data_that_the_relay_meant(events: list[Stored]) -> None:
    assert len(events) == len(STATUSES) + len(OTHERS) + len(LATEST)
    for event in events:
        read = from_binary_event(message(event))

        found = dict(read.get_attributes())
        if "ce_time" not in event.headers:
            del found["time"]  # invented: see below
        assert found == ours(event)
        assert read.get_data() == json.loads(event.written.value)


async def test_the_sdk_knows_the_mode_by_the_headers(events: list[Stored]) -> None:
    for event in events:
        assert from_kafka_event(message(event)).get_id() == event.written.id


async def test_the_sdk_writes_what_it_read_as_it_lies_in_kafka(events: list[Stored]) -> None:
    for event in events:
        assert_same_message(to_binary_event(from_binary_event(message(event))), event)


async def test_the_sdk_writes_an_event_of_its_own_making_as_the_relay_does(events: list[Stored]) -> None:
    for event in events:
        made = CloudEvent(attributes=ours(event), data=json.loads(event.written.value))

        assert_same_message(to_binary_event(made), event)


async def test_differences_of_writing_alone_remain(events: list[Stored]) -> None:
    """The SDK writes six digits of a second where there are any, and JSON with blanks and escapes."""
    (event,) = (event for event in events if event.written.key == UNUSUAL.encode())

    written = to_binary_event(from_binary_event(message(event)))

    assert event.headers["ce_time"] == b"2022-12-29T18:24:44.938Z"
    assert written.headers["ce_time"] == b"2022-12-29T18:24:44.938000Z"
    assert written.value == json.dumps(json.loads(event.read.value or b"")).encode() != event.read.value
    assert event.headers["traceparent"] == TRACE.encode()
    assert event.headers.keys() - written.headers.keys() == NOT_CLOUDEVENTS


async def test_the_sdk_invents_a_time_where_there_is_none(events: list[Stored]) -> None:
    """A consumer that wants to know when it occurred reads `occurred_at`, which is null, and not the SDK's time."""
    (event,) = (event for event in events if event.written.key == b"timeless")

    read = from_binary_event(message(event))

    assert "ce_time" not in event.headers
    assert json.loads(event.read.value or b"")["occurred_at"] is None
    assert read.get_time() is not None


def assert_same_message(written: KafkaMessage, event: Stored) -> None:
    """Compare headers, key and value; of a time the instant, of JSON the content."""
    headers, expected = dict(written.headers), event.headers
    assert expected.keys() & NOT_CLOUDEVENTS >= {"correlation_id"}
    expected = {name: value for name, value in expected.items() if name not in NOT_CLOUDEVENTS}
    time, expected_time = headers.pop("ce_time"), expected.pop("ce_time", None)
    assert expected_time is None or instant(time) == instant(expected_time)
    assert headers == expected
    assert written.key == (None if event.read.key is None else event.read.key.decode())
    assert json.loads(written.value) == json.loads(event.read.value or b"")


def instant(time: bytes) -> datetime:
    return datetime.fromisoformat(time.decode())
