"""From what a delivery holds to the record that says it, as the privacy modes allow. Pure.

A step of the pipeline, and of the replay of dead letters, which is the pipeline once more for what came long ago.
"""

from relay import privacy as private
from relay.events.record import Record
from relay.events.records import dead_letter_record, other_record, status_record
from relay.sofy.authenticity import AuthenticDelivery
from relay.sofy.reading import Fact, OtherFact, StatusFact, UnreadableFact


def record_of(
    fact: Fact, delivery: AuthenticDelivery, privacy: private.Privacy, traceparent: str | None = None
) -> Record:
    """Give the record of a fact that `delivery` holds."""
    match fact:
        case StatusFact(event):
            return status_record(private.of_event(event, privacy), traceparent)
        case OtherFact(provider_type, subject, payload):
            return other_record(
                account=delivery.account,
                provider_type=provider_type,
                subject=subject,
                payload=payload,
                received_at=delivery.received_at,
                traceparent=traceparent,
            )
        case UnreadableFact(reason, detail, sms_id, payload, is_json):
            record = dead_letter_record(
                account=delivery.account,
                reason=reason,
                detail=detail,
                sms_id=sms_id,
                payload=payload,
                received_at=delivery.received_at,
                is_json=is_json,
            )
            return private.of_dead_letter(record, privacy)
