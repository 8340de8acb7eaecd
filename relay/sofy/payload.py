"""Sofy's webhook as it comes: v1 and v2, read from the bytes, field by field.

What cannot be read costs itself alone: a field becomes `Unreadable` in its place, an item without a
usable id or status a `BrokenItem`; their neighbours stay. Facts: `docs/provider.md`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError
from pydantic_core import from_json

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
    created_at: values.Instant | None
    updated_at: values.Instant | None
    price: str | None
    parts: int | None
    untyped: dict[str, Any]
    """What has no typed place, as parsed: fields of other names, unreadable ones, times that name no zone."""
    unreadable: Sequence[str]
    """The names of those that are there but cannot be read as what they should be."""


_OPTIONAL: Final = ("statusReason", "body", "from", "to", "createdAt", "updatedAt", "price", "parts")
_ITEM_NAMES: Final = frozenset({"id", "status", *_OPTIONAL})
_ENVELOPE_NAMES: Final = frozenset({"id", "webhookId"})
"""Of the fields beside `type` and `data`."""


class Envelope(NamedTuple):
    """What stands around `data`. Only `type` is indispensable, and `data` where it is a status."""

    type: str
    id: str | None
    webhook_id: str | None
    data: Any
    untyped: dict[str, Any]
    """As an item's."""
    unreadable: Sequence[str]


class _Body(BaseModel):
    """A webhook's body, its JSON parsed; everything but `type` and `data` is among its extra."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, PlainValidator(values.text)]
    data: Any = None


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
        read = _Body.model_validate_json(body)
    except ValidationError as error:
        raise _unreadable(error) from None
    if read.type == STATUS_TYPE and not isinstance(read.data, list | dict):
        raise UnreadableBodyError(Reason.WRONG_SHAPE, "data: neither an array nor an object")
    beside, unreadable = read.model_extra or {}, list[str]()
    envelope_id, webhook_id = (_field(beside, name, values.identifier, unreadable) for name in ("id", "webhookId"))
    untyped = _untyped(beside, _ENVELOPE_NAMES, unreadable)
    return Envelope(read.type, envelope_id, webhook_id, read.data, untyped, unreadable)


def read_items(envelope: Envelope) -> Iterator[Item | BrokenItem]:
    """Read the items of a status envelope one by one; a single object is an array of one."""
    for raw in envelope.data if isinstance(envelope.data, list) else (envelope.data,):
        yield _read_item(raw)


def subject_of(envelope: Envelope) -> str | None:
    """Give the id that names an event passed on whole: its item's, else its envelope's, else None.

    With several items it is the first one's.
    """
    first = envelope.data[0] if isinstance(envelope.data, list) and envelope.data else envelope.data
    found = values.identifier_or_none(first.get("id")) if isinstance(first, dict) else None
    return envelope.id if found is None else found


def rewrite_with(body: bytes, raw_item: object) -> Any:  # noqa: ANN401 - JSON
    """Give the envelope of a readable `body`, parsed, with `raw_item` alone as its data."""
    # from_json, not json.loads: the parser that read it, so that both see the same values.
    parsed = from_json(body)
    return {**parsed, "data": [raw_item]}


def _read_item(raw: object) -> Item | BrokenItem:
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
    for name, time in (("createdAt", created_at), ("updatedAt", updated_at)):
        if time is not None and time.zoneless_text is not None:
            untyped[name] = time.zoneless_text
    return Item(
        id=sms_id,
        status=status,
        status_reason=status_reason,
        body=body,
        sender=sender,
        recipient=recipient,
        created_at=created_at,
        updated_at=updated_at,
        price=price,
        parts=parts,
        untyped=untyped,
        unreadable=unreadable,
    )


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
    untyped = {} if raw.keys() <= names else {name: raw[name] for name in raw if name not in names}
    for name in unreadable:
        untyped[name] = raw[name]
    return untyped


def _broken(raw: dict[str, Any], name: str, reason: Reason) -> BrokenItem:
    detail = f"{name}: {'empty or no text' if name in raw else 'absent'}"
    return BrokenItem(reason, detail, values.identifier_or_none(raw.get("id")), raw)


def _unreadable(error: ValidationError) -> UnreadableBodyError:
    first = error.errors(include_input=False, include_url=False)[0]
    if first["type"] == "json_invalid":
        # The parser's own words: a place and what it expected there, never what it found.
        return UnreadableBodyError(Reason.INVALID_JSON, str(first["ctx"]["error"]))
    if not first["loc"]:
        return UnreadableBodyError(Reason.WRONG_SHAPE, "the body is no object")
    return UnreadableBodyError(Reason.WRONG_SHAPE, f"type: {'absent' if first['type'] == 'missing' else 'no text'}")
