"""From what the relay has to say to the record that says it: status event, other event, dead letter."""

from datetime import datetime
from typing import Final

from relay.events import cloudevents
from relay.events.identity import payload_id
from relay.events.latest import SmsLatestState
from relay.events.record import Destination, Record
from relay.events.sms_status import SmsStatusEvent, Status
from relay.events.status_event import StatusEvent, written
from relay.events.times import milliseconds, rfc3339
from relay.reasons import Reason

DEAD_LETTER_SCHEMA: Final = "urn:sofy-relay:schema:dead-letter:1"


def source_of(account: str) -> str:
    """Give the `ce_source` of an account."""
    return f"/sofy/{account}"


def status_record(event: StatusEvent, traceparent: str | None = None) -> Record:
    """Give the record of a status event; its key is the SMS id in UTF-8, so one SMS is one partition."""
    reception, sms_id = event.reception, event.sms_id
    occurred = None if event.occurred is None else event.occurred.text
    headers = _status_headers(event.event_id, reception.account, event.meaning.status, sms_id, occurred, traceparent)
    # By position, which costs half of what names cost.
    return Record(Destination.STATUS, event.event_id, sms_id.encode(), written(event), headers, reception.received_ms)


def contract_record(event: SmsStatusEvent) -> Record:
    """Give what `status_record` gives, with the value that the contract's own model writes: of examples."""
    occurred = None if event.occurred_at is None else rfc3339(event.occurred_at)
    return Record(
        destination=Destination.STATUS,
        id=event.event_id,
        key=event.sms_id.encode(),
        value=event.model_dump_json().encode(),
        headers=_status_headers(event.event_id, event.source.account, event.status, event.sms_id, occurred, None),
        timestamp_ms=milliseconds(event.received_at),
    )


def _status_headers(  # noqa: PLR0913, PLR0917 - one argument a fact; by position, which costs half
    event_id: str, account: str, status: Status, sms_id: str, occurred: str | None, traceparent: str | None
) -> dict[str, str]:
    return cloudevents.headers(
        id=event_id,
        source=source_of(account),
        type=cloudevents.SMS_STATUS_TYPE + status,
        dataschema=cloudevents.SMS_STATUS_SCHEMA,
        subject=sms_id,
        time=occurred,
        partitionkey=sms_id,
        traceparent=traceparent,
    )


def latest_record(state: SmsLatestState) -> Record:
    """Give the record of an SMS's latest state: another record for the same key takes its place once compacted."""
    value = state.model_dump_json().encode()
    identity = payload_id(state.source.account, value)
    return Record(
        destination=Destination.LATEST,
        id=identity,
        key=state.sms_id.encode(),
        value=value,
        headers=cloudevents.headers(
            id=identity,
            source=source_of(state.source.account),
            type=cloudevents.SMS_LATEST_TYPE + state.status,
            dataschema=cloudevents.SMS_LATEST_SCHEMA,
            subject=state.sms_id,
            time=None if state.occurred_at is None else rfc3339(state.occurred_at),
            partitionkey=state.sms_id,
            traceparent=None,
        ),
        timestamp_ms=milliseconds(state.received_at),
    )


def tombstone_record(sms_id: bytes, now: datetime) -> Record:
    """Give the record that erases an SMS from the latest-state topic, at the aware moment `now`."""
    return Record(
        destination=Destination.LATEST,
        id=payload_id("", sms_id),
        key=sms_id,
        value=b"",
        headers={},
        timestamp_ms=milliseconds(now),
    )


def other_record(  # noqa: PLR0913 - one argument a fact
    *,
    account: str,
    provider_type: str,
    subject: str | None,
    payload: bytes,
    received_at: datetime,
    traceparent: str | None = None,
) -> Record:
    """Give the record of an event that is passed on whole: `payload` is the body as received.

    `subject` is the item's id if there is one, else the envelope's, else None; it is the key.
    """
    identity = payload_id(account, payload)
    return Record(
        destination=Destination.OTHER,
        id=identity,
        key=None if subject is None else subject.encode(),
        value=payload,
        headers=cloudevents.headers(
            id=identity,
            source=source_of(account),
            type=cloudevents.other_type(provider_type),
            dataschema=cloudevents.OTHER_SCHEMA,
            subject=subject,
            time=None,
            partitionkey=subject,
            traceparent=traceparent,
        ),
        timestamp_ms=milliseconds(received_at),
    )


def dead_letter_record(  # noqa: PLR0913 - one argument a fact
    *,
    account: str,
    reason: Reason,
    detail: str,
    sms_id: str | None,
    payload: bytes,
    received_at: datetime,
    is_json: bool,
) -> Record:
    """Give the record of a dead letter: `payload` is what could not be read, and why it could not.

    `detail` is for a person and holds no personal data: places and types, never values.
    """
    identity = payload_id(account, payload)
    return Record(
        destination=Destination.DEAD_LETTER,
        id=identity,
        key=None if sms_id is None else sms_id.encode(),
        value=payload,
        headers={
            "content-type": cloudevents.JSON if is_json else "application/octet-stream",
            "relay-id": identity,
            "relay-reason": reason.value,
            "relay-detail": detail,
            "relay-account": account,
            "relay-received-at": rfc3339(received_at),
            "relay-schema": DEAD_LETTER_SCHEMA,
        },
        timestamp_ms=milliseconds(received_at),
    )
