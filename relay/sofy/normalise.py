"""From Sofy's item to the relay's event: pure, total, nothing guessed, nothing lost.

The words' meanings are in `relay.sofy.statuses`; what each field becomes is in the README's "event".
"""

import json
import math
from collections.abc import Callable
from typing import Any

from relay.events.identity import event_id
from relay.events.status_event import Reception, StatusEvent
from relay.sofy.payload import Item
from relay.sofy.statuses import interpret


def normalise(
    item: Item, reception: Reception, envelope_extra: dict[str, Any], e164: Callable[[str], str]
) -> StatusEvent:
    """Give the event of one item. Never raises.

    Args:
        item: The item.
        reception: What the items of its webhook share.
        envelope_extra: Likewise: `verbatim` of what in the envelope has no typed place.
        e164: Gives a provider number in E.164, or verbatim (`PhoneNumbers.e164`).
    """
    extra = verbatim(item.untyped) if item.untyped else {}
    if envelope_extra:
        extra["_envelope"] = envelope_extra
    # By position, which costs half of what names cost.
    return StatusEvent(
        _event_id(item, reception.account),
        item.id,
        interpret(item.status, item.status_reason or ""),
        None if item.recipient is None else e164(item.recipient),
        item.sender,
        item.body,
        item.parts,
        item.price,
        item.created_at,
        item.updated_at,
        item.status,
        item.status_reason,
        extra,
        reception,
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


def _event_id(item: Item, account: str) -> str:
    reason, updated_at = item.status_reason, item.updated_at
    return event_id(
        account=account,
        sms_id=item.id,
        status=item.status,
        reason=_unread(item, "statusReason") if reason is None else reason,
        time=_unread(item, "updatedAt") if updated_at is None else updated_at.text,
    )


def _unread(item: Item, name: str) -> str:
    """Give a field that has no typed value as identity sees it: two facts that differ in it must differ here."""
    if name not in item.unreadable:
        return ""
    raw = item.untyped[name]
    return raw if isinstance(raw, str) else compact_json(raw)
