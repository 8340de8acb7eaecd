"""Record headers are CloudEvents 1.0 in Kafka's binary mode, as the specification's own SDK reads them."""

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat

from relay.events import Status
from relay.events.cloudevents import other_type
from relay.events.records import status_record
from relay.events.schemas import example_event
from relay.events.status_event import StatusEvent


def test_the_specifications_sdk_reads_our_headers_back() -> None:
    record = status_record(
        StatusEvent.of(example_event(Status.DELIVERED)), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    )
    message = KafkaMessage(
        headers={name: value.encode() for name, value in record.headers.items()}, key=record.key, value=record.value
    )

    event = from_binary_event(message, JSONFormat())

    assert event.get_id() == record.id
    assert event.get_source() == "/sofy/default"
    assert event.get_type() == "fr.sofy.sms.status.delivered"
    assert event.get_subject() == "zzzzz"
    assert event.get_specversion() == "1.0"
    assert event.get_dataschema() == "urn:sofy-relay:schema:sms-status:1"
    data = event.get_data()
    assert isinstance(data, dict)
    assert data["sms_id"] == "zzzzz"


def test_an_event_without_a_time_has_no_time_header() -> None:
    event = example_event(Status.SENT).model_copy(update={"occurred_at": None})

    assert "ce_time" not in status_record(StatusEvent.of(event)).headers


@pytest.mark.parametrize(
    ("provider_type", "expected"),
    [
        ("sms.reply", "fr.sofy.sms.reply"),
        ("rcs.reply", "fr.sofy.rcs.reply"),
        ("A_b-9", "fr.sofy.A_b-9"),
        ("", "fr.sofy.unknown"),
        ("x" * 64, "fr.sofy." + "x" * 64),
        ("x" * 65, "fr.sofy.unknown"),
        ("sms reply", "fr.sofy.unknown"),
        ("sms.reply\n", "fr.sofy.unknown"),
        ("téléphone", "fr.sofy.unknown"),
    ],
)
def test_only_a_well_formed_event_type_reaches_a_header(provider_type: str, expected: str) -> None:
    assert other_type(provider_type) == expected
