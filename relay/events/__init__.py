"""The contract with consumers: what stands on the topics, by version. Needs pydantic alone.

from relay.events import SmsStatusEvent
event = SmsStatusEvent.model_validate_json(record.value)
"""

from relay.events.record import Destination, Record
from relay.events.sms_status import (
    SCHEMA_VERSION,
    Category,
    SmsStatusEvent,
    Source,
    Status,
    StatusReason,
)

__all__ = [
    "SCHEMA_VERSION",
    "Category",
    "Destination",
    "Record",
    "SmsStatusEvent",
    "Source",
    "Status",
    "StatusReason",
]
