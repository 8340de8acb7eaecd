"""The contract as files: JSON Schema 2020-12 and golden examples, generated from the models."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from relay.events.identity import event_id
from relay.events.record import Record
from relay.events.records import dead_letter_record, other_record, status_record
from relay.events.sms_status import (
    SCHEMA_VERSION,
    Category,
    SmsStatusEvent,
    Source,
    Status,
    StatusReason,
)
from relay.events.times import PATTERN, rfc3339
from relay.reasons import MEANING, Kind, Reason

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_CREATED: Final = datetime(2022, 12, 29, 18, 24, 27, tzinfo=UTC)
_OCCURRED: Final = datetime(2022, 12, 29, 18, 24, 44, 938_000, tzinfo=UTC)
_RECEIVED: Final = datetime(2022, 12, 29, 18, 24, 45, 120_000, tzinfo=UTC)

# Each status as the provider's words that lead to it, its category and permanence.
_EXAMPLES: Final[dict[Status, tuple[str, str, Category | None, bool | None]]] = {
    Status.PENDING: ("pending", "", None, None),
    Status.SENT: ("sent", "", None, None),
    Status.DELIVERED: ("delivered", "DELIVRD", Category.DELIVERED_TO_HANDSET, None),
    Status.UNDELIVERED: ("errored", "UNDELIV", Category.UNDELIVERABLE, None),
    Status.EXPIRED: ("errored", "EXPIRED", Category.VALIDITY_EXPIRED, None),
    Status.REJECTED: ("errored", "REJECTD", Category.REJECTED_BY_CARRIER, None),
    Status.FAILED: ("errored", "invalid_phone_number", Category.INVALID_DESTINATION, True),
    Status.CANCELLED: ("errored", "DELETED", Category.CANCELLED, None),
    Status.UNKNOWN: ("teleported", "BEAM", Category.UNSPECIFIED, None),
}


def documents() -> dict[str, bytes]:
    """Give every file of `schemas/`: relative path to content. Deterministic."""
    found = {
        "sms-status/1.json": _json(_sms_status_schema()),
        "webhook-other/1.json": _json(_other_schema()),
        "dead-letter/1.json": _json(_dead_letter_schema()),
        "webhook-other/examples/sms.reply.json": _json(_shown(example_other())),
        "dead-letter/examples/missing_status.json": _json(_shown(example_dead_letter())),
    }
    for status in Status:
        found[f"sms-status/examples/{status}.json"] = _json(_shown(status_record(example_event(status))))
    return dict(sorted(found.items()))


def example_event(status: Status) -> SmsStatusEvent:
    """Give the golden event of a status."""
    word, code, category, permanent = _EXAMPLES[status]
    reason = None if category is None else StatusReason(category=category, permanent=permanent, code=code)
    return SmsStatusEvent(
        schema_version=SCHEMA_VERSION,
        event_id=event_id(account="default", sms_id="zzzzz", status=word, reason=code, time=rfc3339(_OCCURRED)),
        sms_id="zzzzz",
        status=status,
        status_rank=status.rank,
        is_final=status.is_final,
        reason=reason,
        recipient="+590690112233",
        sender="36789",
        body="Hello world !",
        segments=1,
        price="0.08",
        created_at=_CREATED,
        occurred_at=_OCCURRED,
        received_at=_RECEIVED,
        source=Source(
            provider="sofy",
            account="default",
            webhook_id="xxxxx",
            delivery_id="yyyyy",
            status=word,
            status_reason=code,
            extra={},
        ),
    )


def example_other() -> Record:
    """Give the golden record of an event that is passed on whole."""
    payload = b'{"type":"sms.reply","id":"yyyyy","webhookId":"xxxxx","data":{"id":"zzzzz","body":"STOP"}}'
    return other_record(
        account="default", provider_type="sms.reply", subject="zzzzz", payload=payload, received_at=_RECEIVED
    )


def example_dead_letter() -> Record:
    """Give the golden record of a dead letter."""
    return dead_letter_record(
        account="default",
        reason=Reason.MISSING_STATUS,
        detail="status: absent",
        sms_id="zzzzz",
        payload=b'{"data":[{"id":"zzzzz"}],"webhookId":"xxxxx","id":"yyyyy","type":"sms.status"}',
        received_at=_RECEIVED,
        is_json=True,
    )


def _shown(record: Record) -> dict[str, Any]:
    """Give a record as a reader of Kafka would see it."""
    return {
        "key": None if record.key is None else record.key.decode(),
        "headers": {**record.headers, "correlation_id": record.id},
        "timestamp": record.timestamp_ms,
        "value": json.loads(record.value),
    }


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _sms_status_schema() -> dict[str, Any]:
    schema = SmsStatusEvent.model_json_schema(mode="serialization")
    examples = [json.loads(example_event(status).model_dump_json()) for status in (Status.DELIVERED, Status.EXPIRED)]
    return {
        "$schema": DIALECT,
        "$id": "urn:sofy-relay:schema:sms-status:1",
        **schema,
        "title": "SMS status event, version 1",
        "examples": examples,
    }


def _other_schema() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": "urn:sofy-relay:schema:webhook-other:1",
        "title": "Other webhook event, version 1",
        "description": (
            "A webhook of a type other than sms.status, passed on whole and as received. "
            "Only its type is promised; the provider does not document the rest."
        ),
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"type": "string", "description": "The provider's event type, verbatim.", "examples": ["sms.reply"]}
        },
        "additionalProperties": True,
        "examples": [json.loads(example_other().value)],
    }


def _dead_letter_schema() -> dict[str, Any]:
    reasons = [reason.value for reason in Reason if MEANING[reason].kind is Kind.DEAD_LETTERED]
    uuid = SmsStatusEvent.model_fields["event_id"].metadata[0].pattern
    texts: dict[str, dict[str, Any]] = {
        "relay-id": {"description": "UUIDv5 over account and the unreadable bytes.", "pattern": uuid},
        "relay-reason": {"description": "Why it could not be read.", "enum": reasons},
        "relay-detail": {"description": "For a person: places and types, never values."},
        "relay-account": {"description": "The relay's name of the account."},
        "relay-received-at": {"description": "When the webhook was received.", "pattern": PATTERN},
        "relay-schema": {"description": "This schema.", "const": "urn:sofy-relay:schema:dead-letter:1"},
        "content-type": {"enum": ["application/json", "application/octet-stream"]},
    }
    return {
        "$schema": DIALECT,
        "$id": "urn:sofy-relay:schema:dead-letter:1",
        "title": "Dead letter's headers, version 1",
        "description": (
            "The record headers of a dead letter, as one object. The value is the bytes as received; for one bad item "
            "of a readable webhook the envelope with that item alone; for record_too_large, or where payloads are "
            'dropped, {"size", "sha256"} of it.'
        ),
        "type": "object",
        "required": list(texts),
        "properties": {name: {"type": "string", **rest} for name, rest in texts.items()},
        "additionalProperties": True,
        "examples": [dict(example_dead_letter().headers)],
    }
