"""Status events of invented SMS, as they stand on the status topic."""

import uuid
from datetime import UTC, datetime, timedelta

from relay.events.schemas import example_event
from relay.events.sms_status import SmsStatusEvent, Status

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def event(status: Status, at: float | None = 0.0, *, sms_id: str = "sms", received: float = 0.0) -> SmsStatusEvent:
    """Give an event that occurred `at` and was received `received` seconds after noon; one fact has one id."""
    fact = f"{sms_id} {status} {at}"
    return example_event(status).model_copy(
        update={
            "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, fact)),
            "sms_id": sms_id,
            "occurred_at": None if at is None else NOON + timedelta(seconds=at),
            "received_at": NOON + timedelta(seconds=received),
        }
    )
