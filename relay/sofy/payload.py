"""Sofy's webhook as it comes: v1 and v2, read from the bytes, field by field.

What cannot be read costs itself alone: a field becomes `Unreadable` in its place, an item without a
usable id or status a `BrokenItem`; their neighbours stay. Facts: `docs/provider.md`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import from_json

from relay.reasons import Reason
from relay.sofy import values

STATUS_TYPE: Final = "sms.status"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that is there but cannot be read as what it should be; `raw` is the parsed JSON."""

    raw: Any


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


def _lenient(read: Callable[[object], T], value: object) -> T | Unreadable | None:
    """Read a field with `read`; keep what that refuses as `Unreadable`; take null as absent."""
    if value is None:
        return None
    try:
        return read(value)
    except ValueError:
        return Unreadable(value)


Identifier = Annotated[str | Unreadable | None, PlainValidator(partial(_lenient, values.identifier))]


class Item(NamedTuple):
    """One SMS of a webhook's `data`. Only `id` and `status` are indispensable.

    Read by hand and not by a model, at half the cost: it is what a webhook has a thousand of.
    """

    id: str
    status: str
    status_reason: str | Unreadable | None
    body: str | Unreadable | None
    sender: str | Unreadable | None
    recipient: str | Unreadable | None
    created_at: values.Instant | Unreadable | None
    updated_at: values.Instant | Unreadable | None
    price: str | Unreadable | None
    parts: int | Unreadable | None
    unknown: Mapping[str, Any]
    """Fields of other names, as parsed."""

    @property
    def optional(self) -> tuple[Any, ...]:
        """All fields that may be absent, in the order of `ITEM_FIELDS`."""
        return self[2:10]


ITEM_FIELDS: Final = ("statusReason", "body", "from", "to", "createdAt", "updatedAt", "price", "parts")
"""The provider's names of the fields that may be absent, in the order of `Item.optional`."""
_ITEM_NAMES: Final = frozenset({"id", "status", *ITEM_FIELDS})
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Envelope(BaseModel):
    """What stands around `data`. Only `type` is indispensable, and `data` where it is a status."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, PlainValidator(values.text)]
    id: Identifier = None
    webhook_id: Identifier = Field(default=None, alias="webhookId")
    data: Any = None


FIELDS: Final = (*ITEM_FIELDS, "id", "webhookId")
"""The provider's names of all fields that may be unreadable: the label of the metric."""


def read_envelope(body: bytes) -> Envelope:
    """Read a webhook's body, strictly as JSON.

    Raises:
        UnreadableBodyError: for whatever is not JSON (a byte order mark, bytes that are not UTF-8, a
            lone surrogate, an integer of over 4,300 digits, nesting over 200, text after the end),
            or is JSON but no envelope.
    """
    try:
        envelope = Envelope.model_validate_json(body)
    except ValidationError as error:
        raise _unreadable(error) from None
    if envelope.type == STATUS_TYPE and not isinstance(envelope.data, list | dict):
        raise UnreadableBodyError(Reason.WRONG_SHAPE, "data: neither an array nor an object")
    return envelope


def read_items(envelope: Envelope) -> Iterator[Item | BrokenItem]:
    """Read the items of a status envelope one by one; a single object is an array of one."""
    for raw in envelope.data if isinstance(envelope.data, list) else (envelope.data,):
        yield _read_item(raw)


def subject_of(envelope: Envelope) -> str | None:
    """Give the id that names an event passed on whole: its item's, else its envelope's, else None.

    With several items it is the first one's.
    """
    first = envelope.data[0] if isinstance(envelope.data, list) and envelope.data else envelope.data
    found = _identifier(first.get("id")) if isinstance(first, dict) else None
    if found is None and isinstance(envelope.id, str):
        return envelope.id
    return found


def rewrite_with(body: bytes, raw_item: object) -> Any:  # noqa: ANN401 - JSON
    """Give the envelope of a readable `body`, parsed, with `raw_item` alone as its data."""
    # from_json, not json.loads: the parser that read it, so that both see the same values.
    parsed = from_json(body)
    return {**parsed, "data": [raw_item]}


def _identifier(value: object) -> str | None:
    try:
        return values.identifier(value)
    except ValueError:
        return None


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
    get = raw.get
    return Item(
        sms_id,
        status,
        _lenient(values.text, get("statusReason")),
        _lenient(values.text, get("body")),
        _lenient(values.text, get("from")),
        _lenient(values.text, get("to")),
        _lenient(values.instant, get("createdAt")),
        _lenient(values.instant, get("updatedAt")),
        _lenient(values.price, get("price")),
        _lenient(values.segments, get("parts")),
        _NOTHING if raw.keys() <= _ITEM_NAMES else {name: raw[name] for name in raw if name not in _ITEM_NAMES},
    )


def _broken(raw: dict[str, Any], name: str, reason: Reason) -> BrokenItem:
    detail = f"{name}: {'empty or no text' if name in raw else 'absent'}"
    return BrokenItem(reason, detail, _identifier(raw.get("id")), raw)


def _unreadable(error: ValidationError) -> UnreadableBodyError:
    first = error.errors(include_input=False, include_url=False)[0]
    if first["type"] == "json_invalid":
        # The parser's own words: a place and what it expected there, never what it found.
        return UnreadableBodyError(Reason.INVALID_JSON, str(first["ctx"]["error"]))
    if not first["loc"]:
        return UnreadableBodyError(Reason.WRONG_SHAPE, "the body is no object")
    return UnreadableBodyError(Reason.WRONG_SHAPE, f"type: {'absent' if first['type'] == 'missing' else 'no text'}")
