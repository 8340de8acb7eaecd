"""Sofy's webhook as it comes: v1 and v2, read from the bytes, field by field.

What cannot be read costs itself alone: a field becomes `Unreadable` in its place, an item without a
usable id or status a `BrokenItem`; their neighbours stay. Facts: `docs/provider.md`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

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


class _Lenient(Generic[T]):
    """Reads a field with `read`; keeps what that refuses as `Unreadable`; takes null as absent."""

    def __init__(self, read: Callable[[object], T]) -> None:
        self._read = read

    def __call__(self, value: object) -> T | Unreadable | None:
        if value is None:
            return None
        try:
            return self._read(value)
        except ValueError:
            return Unreadable(value)


Text = Annotated[str | Unreadable | None, PlainValidator(_Lenient(values.text))]
Identifier = Annotated[str | Unreadable | None, PlainValidator(_Lenient(values.identifier))]
Time = Annotated[values.Instant | Unreadable | None, PlainValidator(_Lenient(values.instant))]
Price = Annotated[str | Unreadable | None, PlainValidator(_Lenient(values.price))]
Segments = Annotated[int | Unreadable | None, PlainValidator(_Lenient(values.segments))]


class Item(BaseModel):
    """One SMS of a webhook's `data`. Only `id` and `status` are indispensable."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: Annotated[str, PlainValidator(values.identifier)]
    status: Annotated[str, PlainValidator(values.word)]
    status_reason: Text = Field(default=None, alias="statusReason")
    body: Text = None
    sender: Text = Field(default=None, alias="from")
    recipient: Text = Field(default=None, alias="to")
    created_at: Time = Field(default=None, alias="createdAt")
    updated_at: Time = Field(default=None, alias="updatedAt")
    price: Price = None
    parts: Segments = None


class Envelope(BaseModel):
    """What stands around `data`. Only `type` is indispensable, and `data` where it is a status."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, PlainValidator(values.text)]
    id: Identifier = None
    webhook_id: Identifier = Field(default=None, alias="webhookId")
    data: Any = None


FIELDS: Final = (
    *(field.alias or name for name, field in Item.model_fields.items() if name not in {"id", "status"}),
    "id",
    "webhookId",
)
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
        try:
            yield Item.model_validate(raw)
        except ValidationError as error:
            yield _broken(raw, error)


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


def _broken(raw: object, error: ValidationError) -> BrokenItem:
    if not isinstance(raw, dict):
        return BrokenItem(Reason.ITEM_NOT_AN_OBJECT, "the item is no object", None, raw)
    # The error's text holds the input, so only its place and kind go on.
    places = {str(place["loc"][0]): place["type"] for place in error.errors(include_input=False, include_url=False)}
    name = "id" if "id" in places else "status"
    reason = Reason.MISSING_SMS_ID if name == "id" else Reason.MISSING_STATUS
    detail = f"{name}: {'absent' if places[name] == 'missing' else 'empty or no text'}"
    return BrokenItem(reason, detail, _identifier(raw.get("id")), raw)


def _unreadable(error: ValidationError) -> UnreadableBodyError:
    first = error.errors(include_input=False, include_url=False)[0]
    if first["type"] == "json_invalid":
        # The parser's own words: a place and what it expected there, never what it found.
        return UnreadableBodyError(Reason.INVALID_JSON, str(first["ctx"]["error"]))
    if not first["loc"]:
        return UnreadableBodyError(Reason.WRONG_SHAPE, "the body is no object")
    return UnreadableBodyError(Reason.WRONG_SHAPE, f"type: {'absent' if first['type'] == 'missing' else 'no text'}")
