"""From Sofy's item to the relay's event: pure, total, nothing guessed, nothing lost.

The words' meanings are in `relay.sofy.statuses`; what each field becomes is in the README's "event".
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from relay.events.identity import event_id
from relay.events.sms_status import SCHEMA_VERSION, SmsStatusEvent, Source
from relay.events.times import rfc3339
from relay.sofy.payload import ITEM_FIELDS, Envelope, Item, Unreadable
from relay.sofy.statuses import interpret
from relay.sofy.values import Instant

T = TypeVar("T")

_ENVELOPE_FIELDS: Final = ("id", "webhookId")


@dataclass(frozen=True, slots=True)
class Normalised:
    """An event, and the provider's names of those of its fields that could not be read."""

    event: SmsStatusEvent
    unreadable_fields: tuple[str, ...]


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
        self._webhook_id = _typed(envelope.webhook_id)
        self._delivery_id = _typed(envelope.id)
        self._envelope_extra, self.unreadable_envelope_fields = _extra(
            envelope.model_extra or {}, _ENVELOPE_FIELDS, (envelope.id, envelope.webhook_id)
        )

    def normalise(self, item: Item) -> Normalised:
        """Give the event of one item. Never raises."""
        extra, unreadable = _extra(item.unknown, ITEM_FIELDS, item.optional)
        if self._envelope_extra:
            extra["_envelope"] = self._envelope_extra
        status_reason, recipient = _typed(item.status_reason), _typed(item.recipient)
        status, reason = interpret(item.status, status_reason or "")
        event = SmsStatusEvent(
            schema_version=SCHEMA_VERSION,
            event_id=self._event_id(item),
            sms_id=item.id,
            status=status,
            status_rank=status.rank,
            is_final=status.is_final,
            reason=reason,
            recipient=None if recipient is None else self._e164(recipient),
            sender=_typed(item.sender),
            body=_typed(item.body),
            segments=_typed(item.parts),
            price=_typed(item.price),
            created_at=_moment(item.created_at),
            occurred_at=_moment(item.updated_at),
            received_at=self._received_at,
            source=Source(
                provider="sofy",
                account=self._account,
                webhook_id=self._webhook_id,
                delivery_id=self._delivery_id,
                status=item.status,
                status_reason=status_reason,
                extra=extra,
            ),
        )
        return Normalised(event, unreadable)

    def _event_id(self, item: Item) -> str:
        return event_id(
            account=self._account,
            sms_id=item.id,
            status=item.status,
            reason=_as_text(item.status_reason),
            time=_as_text(item.updated_at),
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


def _extra(
    unknown: Mapping[str, Any], names: Sequence[str], values: Sequence[Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Give what has no typed place, by the provider's names, and the names of unreadable fields.

    `unknown` are the fields of other names than `names`, whose `values` these are.
    """
    extra = {name: verbatim(value) for name, value in unknown.items()}
    unreadable = []
    for name, value in zip(names, values, strict=True):
        if isinstance(value, Unreadable):
            extra[name] = verbatim(value.raw)
            unreadable.append(name)
        elif isinstance(value, Instant) and value.zoneless_text is not None:
            extra[name] = value.zoneless_text
    return extra, tuple(unreadable)


def _typed(value: T | Unreadable | None) -> T | None:
    return None if isinstance(value, Unreadable) else value


def _moment(value: Instant | Unreadable | None) -> datetime | None:
    return value.at if isinstance(value, Instant) else None


def _as_text(value: str | Instant | Unreadable | None) -> str:
    """Give a field as identity sees it: two facts that differ in it must differ here."""
    if value is None:
        return ""
    if isinstance(value, Instant):
        return rfc3339(value.at)
    if isinstance(value, Unreadable):
        return value.raw if isinstance(value.raw, str) else compact_json(value.raw)
    return value
