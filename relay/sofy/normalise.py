"""From Sofy's item to the relay's event: pure, total, nothing guessed, nothing lost.

The words' meanings are in `relay.sofy.statuses`; what each field becomes is in the README's "event".
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.events.identity import event_id
from relay.events.sms_status import SCHEMA_VERSION, SmsStatusEvent, Source
from relay.events.times import rfc3339
from relay.sofy.payload import Envelope, Item
from relay.sofy.statuses import interpret


@dataclass(frozen=True, slots=True)
class Normalised:
    """An event, and the provider's names of those of its fields that could not be read."""

    event: SmsStatusEvent
    unreadable_fields: Sequence[str]


class Normaliser:
    """Normalises the items of one webhook; what its envelope gives to all of them is made once."""

    def __init__(self, envelope: Envelope, *, account: str, received_at: datetime, e164: Callable[[str], str]) -> None:
        """Take what the items share.

        Args:
            envelope: The envelope that the items came in.
            account: The authenticated account.
            received_at: Aware; when the webhook was received.
            e164: Gives a provider number in E.164, or verbatim (`PhoneNumbers.e164`).
        """
        self._account = account
        self._received_at = received_at
        self._e164 = e164
        self._envelope = envelope
        self._envelope_extra = verbatim(envelope.untyped)

    def normalise(self, item: Item) -> Normalised:
        """Give the event of one item. Never raises."""
        extra = verbatim(item.untyped)
        if self._envelope_extra:
            extra["_envelope"] = self._envelope_extra
        status, reason = interpret(item.status, item.status_reason or "")
        event = SmsStatusEvent(
            schema_version=SCHEMA_VERSION,
            event_id=self._event_id(item),
            sms_id=item.id,
            status=status,
            status_rank=status.rank,
            is_final=status.is_final,
            reason=reason,
            recipient=None if item.recipient is None else self._e164(item.recipient),
            sender=item.sender,
            body=item.body,
            segments=item.parts,
            price=item.price,
            created_at=None if item.created_at is None else item.created_at.at,
            occurred_at=None if item.updated_at is None else item.updated_at.at,
            received_at=self._received_at,
            source=Source(
                provider="sofy",
                account=self._account,
                webhook_id=self._envelope.webhook_id,
                delivery_id=self._envelope.id,
                status=item.status,
                status_reason=item.status_reason,
                extra=extra,
            ),
        )
        return Normalised(event, item.unreadable)

    def _event_id(self, item: Item) -> str:
        time = item.updated_at
        return event_id(
            account=self._account,
            sms_id=item.id,
            status=item.status,
            reason=_unread(item, "statusReason") if item.status_reason is None else item.status_reason,
            time=_unread(item, "updatedAt") if time is None else rfc3339(time.at),
        )


def verbatim(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """Give a parsed JSON value that is safe to write: a number that is not finite as a text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else "non-finite"
    if isinstance(value, dict):
        return {name: verbatim(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [verbatim(inner) for inner in value]
    return value


def compact_json(value: Any) -> str:  # noqa: ANN401 - JSON
    """Write a parsed JSON value without blanks, keys in their order, never NaN or Infinity."""
    return json.dumps(verbatim(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _unread(item: Item, name: str) -> str:
    """Give a field that has no typed value as identity sees it: two facts that differ in it must differ here."""
    if name not in item.unreadable:
        return ""
    raw = item.untyped[name]
    return raw if isinstance(raw, str) else compact_json(raw)
