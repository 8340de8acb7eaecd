"""Sofy's webhook as it comes: v1 and v2, read from the bytes, field by field.

What cannot be read costs itself alone: a field becomes None in its place, an item without a
usable id or status a `BrokenItem`; their neighbours stay. Facts: `docs/provider.md`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from pydantic_core import from_json

from relay.events.times import Instant
from relay.reasons import Reason
from relay.sofy import values

STATUS_TYPE: Final = "sms.status"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BrokenItem:
    """An item of `data` that cannot become an event."""

    reason: Reason
    detail: str
    """For a person: places and types, never values."""
    sms_id: str | None
    """The SMS id where at least that could be read."""
    raw: Any
    """The item as parsed."""


class UnreadableBodyError(Exception):
    """A body that is no webhook at all: one dead letter as a whole.

    `detail` is for a person: places and types, never values.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class Item(NamedTuple):
    """One SMS of a webhook's `data`. Only `id` and `status` are indispensable; what is absent or unreadable is None.

    Read by hand and not by a model, at a third of the cost: it is what a webhook has a thousand of.
    """

    id: str
    status: str
    status_reason: str | None
    body: str | None
    sender: str | None
    recipient: str | None
    created_at: Instant | None
    updated_at: Instant | None
    price: str | None
    parts: int | None
    untyped: dict[str, Any]
    """What has no typed place, as parsed: fields of other names, unreadable ones, times that name no zone."""
    unreadable: Sequence[str]
    """The names of those that are there but cannot be read as what they should be."""


_OPTIONAL: Final = ("statusReason", "body", "from", "to", "createdAt", "updatedAt", "price", "parts")
_ITEM_NAMES: Final = frozenset({"id", "status", *_OPTIONAL})
_ENVELOPE_NAMES: Final = frozenset({"type", "data", "id", "webhookId"})


class Envelope(NamedTuple):
    """What stands around `data`. Only `type` is indispensable, and `data` where it is a status."""

    type: str
    id: str | None
    webhook_id: str | None
    data: Any
    untyped: dict[str, Any]
    """As an item's."""
    unreadable: Sequence[str]
    parsed: Mapping[str, Any]
    """All of it."""


FIELDS: Final = (*_OPTIONAL, "id", "webhookId")
"""The provider's names of all fields that may be unreadable: the label of the metric."""


def read_envelope(body: bytes) -> Envelope:
    """Read a webhook's body, strictly as JSON.

    Raises:
        UnreadableBodyError: for whatever is not JSON (a byte order mark, bytes that are not UTF-8, a
            lone surrogate, an integer of over 4,300 digits, nesting over 200, text after the end),
            or is JSON but no envelope.
    """
    try:
        parsed = from_json(body)
    except ValueError as error:
        # The parser's own words: a place and what it expected there, never what it found.
        raise UnreadableBodyError(Reason.INVALID_JSON, str(error)) from None
    if not isinstance(parsed, dict):
        raise UnreadableBodyError(Reason.WRONG_SHAPE, "the body is no object")
    type_, data = parsed.get("type"), parsed.get("data")
    if not isinstance(type_, str):
        raise UnreadableBodyError(Reason.WRONG_SHAPE, f"type: {'no text' if 'type' in parsed else 'absent'}")
    if type_ == STATUS_TYPE and not isinstance(data, (list, dict)):
        raise UnreadableBodyError(Reason.WRONG_SHAPE, "data: neither an array nor an object")
    unreadable: list[str] = []
    envelope_id = _field(parsed, "id", values.identifier, unreadable)
    webhook_id = _field(parsed, "webhookId", values.identifier, unreadable)
    untyped = _untyped(parsed, _ENVELOPE_NAMES, unreadable)
    return Envelope(type_, envelope_id, webhook_id, data, untyped, unreadable, parsed)


def items_of(envelope: Envelope) -> Sequence[object]:
    """Give the items of a status envelope as parsed, each for `read_item`; a single object is an array of one."""
    return envelope.data if isinstance(envelope.data, list) else (envelope.data,)


def read_item(raw: object) -> Item | BrokenItem:
    """Read one item, strictly; what cannot be read costs itself alone."""
    if not isinstance(raw, dict):
        return BrokenItem(Reason.ITEM_NOT_AN_OBJECT, "the item is no object", None, raw)
    try:
        sms_id = values.identifier(raw.get("id"))
    except ValueError:
        return _broken(raw, "id", Reason.MISSING_SMS_ID)
    try:
        status = values.word(raw.get("status"))
    except ValueError:
        return _broken(raw, "status", Reason.MISSING_STATUS)
    unreadable: list[str] = []
    status_reason = _field(raw, "statusReason", values.text, unreadable)
    body = _field(raw, "body", values.text, unreadable)
    sender = _field(raw, "from", values.text, unreadable)
    recipient = _field(raw, "to", values.text, unreadable)
    created_at = _field(raw, "createdAt", values.instant, unreadable)
    updated_at = _field(raw, "updatedAt", values.instant, unreadable)
    price = _field(raw, "price", values.price, unreadable)
    parts = _field(raw, "parts", values.segments, unreadable)
    untyped = _untyped(raw, _ITEM_NAMES, unreadable)
    if created_at is not None and created_at.zone_assumed:
        untyped["createdAt"] = raw["createdAt"]
    if updated_at is not None and updated_at.zone_assumed:
        untyped["updatedAt"] = raw["updatedAt"]
    # By position, which costs half of what names cost.
    return Item(
        sms_id,
        status,
        status_reason,
        body,
        sender,
        recipient,
        created_at,
        updated_at,
        price,
        parts,
        untyped,
        unreadable,
    )


def subject_of(envelope: Envelope) -> str | None:
    """Give the id that names an event passed on whole: its item's, else its envelope's, else None.

    With several items it is the first one's.
    """
    first = envelope.data[0] if isinstance(envelope.data, list) and envelope.data else envelope.data
    found = values.identifier_or_none(first.get("id")) if isinstance(first, dict) else None
    return envelope.id if found is None else found


def rewrite_with(envelope: Envelope, raw_item: object) -> dict[str, Any]:
    """Give an envelope, as parsed, with `raw_item` alone as its data."""
    return {**envelope.parsed, "data": [raw_item]}


def _field(raw: Mapping[str, Any], name: str, read: Callable[[object], T], unreadable: list[str]) -> T | None:
    """Read a field, null as absent; where that is refused give None and note the name."""
    value = raw.get(name)
    if value is None:
        return None
    try:
        return read(value)
    except ValueError:
        unreadable.append(name)
        return None


def _untyped(raw: Mapping[str, Any], names: frozenset[str], unreadable: Sequence[str]) -> dict[str, Any]:
    """Give the fields that are none of `names`, and then the unreadable ones."""
    untyped = {} if names.issuperset(raw) else {name: raw[name] for name in raw if name not in names}
    for name in unreadable:
        untyped[name] = raw[name]
    return untyped


def _broken(raw: dict[str, Any], name: str, reason: Reason) -> BrokenItem:
    detail = f"{name}: {'empty or no text' if name in raw else 'absent'}"
    return BrokenItem(reason, detail, values.identifier_or_none(raw.get("id")), raw)
