"""Golden records: one of each kind that stands on a topic, made by the code that makes the real ones.

Published ones never change: a field that is added to the models is added to these, nothing else is touched.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from relay.events.identity import event_id
from relay.events.latest import SmsLatestState, Transition, take_in
from relay.events.record import Record
from relay.events.records import dead_letter_record, other_record, tombstone_record
from relay.events.sms_status import SCHEMA_VERSION, Category, SmsStatusEvent, Source, Status, StatusReason
from relay.events.times import rfc3339
from relay.reasons import Reason

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

# Each transition as the facts that lead to it in the order of their arrival: status, seconds to the usual moment.
_FACTS: Final[dict[Transition, tuple[tuple[Status, int], ...]]] = {
    Transition.FIRST: ((Status.PENDING, -16),),
    Transition.ADVANCE: ((Status.PENDING, -16), (Status.SENT, -12), (Status.DELIVERED, 0)),
    Transition.REPEAT: ((Status.SENT, -12), (Status.SENT, 0)),
    Transition.REGRESS: ((Status.DELIVERED, 0), (Status.SENT, -12)),
    Transition.FINAL_CONFLICT: ((Status.SENT, -12), (Status.EXPIRED, -4), (Status.DELIVERED, 0)),
}
_FIRST_OFFSET: Final = 41


class ExampleError(ValueError):
    """A golden record cannot be made as the code stands; the text says what to do in this file."""


def example_event(status: Status) -> SmsStatusEvent:
    """Give the golden event of a status."""
    return _event(status, _OCCURRED, _RECEIVED)


def example_latest(transition: Transition) -> SmsLatestState:
    """Give the golden latest state whose last fact did `transition`."""
    state = None
    for arrival, (status, seconds) in enumerate(_FACTS.get(transition, ())):
        event = _event(status, _OCCURRED + timedelta(seconds=seconds), _RECEIVED + timedelta(seconds=arrival))
        state = take_in(state, event, _FIRST_OFFSET + arrival).state
    if state is None or state.transition is not transition:
        message = f"the facts given for the transition {transition} do not lead to it"
        raise ExampleError(message)
    return state


def example_tombstone() -> Record:
    """Give the golden record that erases an SMS from the latest-state topic."""
    return tombstone_record(b"zzzzz", _RECEIVED + timedelta(days=30))


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


def _event(status: Status, occurred_at: datetime, received_at: datetime) -> SmsStatusEvent:
    if status not in _EXAMPLES:
        message = f"the status {status} has no provider's words there: give it some"
        raise ExampleError(message)
    word, code, category, permanent = _EXAMPLES[status]
    reason = None if category is None else StatusReason(category=category, permanent=permanent, code=code)
    return SmsStatusEvent(
        schema_version=SCHEMA_VERSION,
        event_id=event_id(account="default", sms_id="zzzzz", status=word, reason=code, time=rfc3339(occurred_at)),
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
        occurred_at=occurred_at,
        received_at=received_at,
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
