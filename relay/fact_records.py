"""From what a delivery holds to the record that says it, as the privacy modes allow. Pure.

A step of the pipeline, and of the replay of dead letters, which is the pipeline once more for what came long ago.
"""

from relay import privacy as private
from relay.events.record import Record
from relay.events.records import dead_letter_record, other_record, status_record
from relay.sofy.authenticity import AuthenticDelivery
from relay.sofy.reading import Fact, OtherFact, StatusFact


def record_of(
    fact: Fact, delivery: AuthenticDelivery, privacy: private.Privacy, traceparent: str | None = None
) -> Record:
    """Give the record of a fact that `delivery` holds."""
    if isinstance(fact, StatusFact):  # almost all are
        return status_record(private.of_event(fact.event, privacy), traceparent)
    if isinstance(fact, OtherFact):
        return other_record(
            account=delivery.account,
            provider_type=fact.provider_type,
            subject=fact.subject,
            payload=fact.payload,
            received_at=delivery.received_at,
            traceparent=traceparent,
        )
    record = dead_letter_record(
        account=delivery.account,
        reason=fact.reason,
        detail=fact.detail,
        sms_id=fact.sms_id,
        payload=fact.payload,
        received_at=delivery.received_at,
        is_json=fact.is_json,
    )
    return private.of_dead_letter(record, privacy)
