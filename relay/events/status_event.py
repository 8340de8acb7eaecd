"""The status event while the relay has it in hand: light, immutable, and not validated, for our own code made it.

What goes out is the contract, `relay.events.sms_status.SmsStatusEvent`; a model of that costs many times as much to
make, and more to write. A test holds the two together: whatever is read, what `written` gives is to the byte what the
contract's model writes of it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import to_json

from relay.events.sms_status import SCHEMA_VERSION, SmsStatusEvent, Status, StatusReason
from relay.events.times import Instant, milliseconds, rfc3339


class Meaning(NamedTuple):
    """What a provider's words mean; events of the same words share one."""

    status: Status
    status_rank: int
    is_final: bool
    reason: StatusReason | None
    as_written: Mapping[str, Any]
    """These fields as the contract has them, in plain values: an enum's member costs a writer more than its text."""

    @classmethod
    def of(cls, status: Status, reason: StatusReason | None) -> "Meaning":
        """Give the meaning of a status and its reason; rank and finality are the status's."""
        as_written = {
            "status": status.value,
            "status_rank": status.rank,
            "is_final": status.is_final,
            "reason": None if reason is None else reason.model_dump(mode="json"),
        }
        return cls(status, status.rank, status.is_final, reason, as_written)


class Reception(NamedTuple):
    """What all events of a webhook have in common."""

    account: str
    webhook_id: str | None
    delivery_id: str | None
    received: Instant
    received_ms: int
    """`milliseconds` of that."""

    @classmethod
    def of(cls, *, account: str, webhook_id: str | None, delivery_id: str | None, received_at: datetime) -> "Reception":
        """Give the reception of a webhook at the aware moment `received_at`, in UTC."""
        received = Instant(received_at, rfc3339(received_at))
        return cls(account, webhook_id, delivery_id, received, milliseconds(received_at))


class StatusEvent(NamedTuple):
    """One fact about one SMS. The fields are the contract's; what is not described here is described there."""

    event_id: str
    sms_id: str
    meaning: Meaning
    recipient: str | None
    sender: str | None
    body: str | None
    segments: int | None
    price: str | None
    created: Instant | None
    occurred: Instant | None
    provider_status: str
    """The contract's `source.status`, as the next two are `source.status_reason` and `source.extra`."""
    provider_reason: str | None
    extra: dict[str, Any]
    reception: Reception

    @classmethod
    def of(cls, event: SmsStatusEvent) -> "StatusEvent":
        """Give a contract's event as one in hand: of examples, and of what was read from a topic."""
        source = event.source
        return cls(
            event_id=event.event_id,
            sms_id=event.sms_id,
            meaning=Meaning.of(event.status, event.reason),
            recipient=event.recipient,
            sender=event.sender,
            body=event.body,
            segments=event.segments,
            price=event.price,
            created=_instant(event.created_at),
            occurred=_instant(event.occurred_at),
            provider_status=source.status,
            provider_reason=source.status_reason,
            extra=source.extra,
            reception=Reception.of(
                account=source.account,
                webhook_id=source.webhook_id,
                delivery_id=source.delivery_id,
                received_at=event.received_at,
            ),
        )

    @property
    def status(self) -> Status:
        """What became of the SMS."""
        return self.meaning.status

    @property
    def status_rank(self) -> int:
        """The status's place in the SMS's life."""
        return self.meaning.status_rank

    @property
    def is_final(self) -> bool:
        """Whether no other status follows."""
        return self.meaning.is_final

    @property
    def reason(self) -> StatusReason | None:
        """Why."""
        return self.meaning.reason

    @property
    def created_at(self) -> datetime | None:
        """When the SMS was created at the provider; aware, UTC."""
        return None if self.created is None else self.created.at

    @property
    def occurred_at(self) -> datetime | None:
        """When the SMS came into this status; aware, UTC."""
        return None if self.occurred is None else self.occurred.at

    @property
    def received_at(self) -> datetime:
        """When the relay received the webhook; aware, UTC."""
        return self.reception.received.at

    @property
    def account(self) -> str:
        """The relay's name of the account at the provider."""
        return self.reception.account


def written(event: StatusEvent) -> bytes:
    """Give the contract's JSON of an event: fields and their order are `SmsStatusEvent`'s."""
    reception = event.reception
    return to_json(
        {
            "schema_version": SCHEMA_VERSION,
            "event_id": event.event_id,
            "sms_id": event.sms_id,
            **event.meaning.as_written,
            "recipient": event.recipient,
            "sender": event.sender,
            "body": event.body,
            "segments": event.segments,
            "price": event.price,
            "created_at": None if event.created is None else event.created.text,
            "occurred_at": None if event.occurred is None else event.occurred.text,
            "received_at": reception.received.text,
            "source": {
                "provider": "sofy",
                "account": reception.account,
                "webhook_id": reception.webhook_id,
                "delivery_id": reception.delivery_id,
                "status": event.provider_status,
                "status_reason": event.provider_reason,
                "extra": event.extra,
            },
        }
    )


def _instant(moment: datetime | None) -> Instant | None:
    return None if moment is None else Instant(moment, rfc3339(moment))
