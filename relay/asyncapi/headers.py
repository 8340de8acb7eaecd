"""The record headers of each message, as JSON Schema; that they are those which are written is tested."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from relay.events import cloudevents
from relay.events.times import PATTERN

UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
_TRACEPARENT: Final = r"^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$"

CORRELATION_ID: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "type": "string",
        "description": "The record's identity, on every record: a second record with it is a duplicate.",
        "pattern": UUID_PATTERN,
    }
)
_CLOUDEVENTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "content-type": {"description": "CloudEvents' datacontenttype.", "const": cloudevents.JSON},
        "ce_specversion": {"description": "The version of CloudEvents.", "const": "1.0"},
        "ce_id": {"description": "The event's identity; with ce_source it is unique.", "pattern": UUID_PATTERN},
        "ce_source": {
            "description": "Whose event it is: the provider and the relay's name of the account.",
            "pattern": "^/sofy/[a-z0-9-]+$",
        },
        "ce_subject": {"description": "What it is about; the same as the key.", "minLength": 1},
        "ce_partitionkey": {"description": "The key.", "minLength": 1},
        "ce_time": {
            "description": "When it occurred by the provider's clock; absent where that is not known.",
            "format": "date-time",
            "pattern": PATTERN,
        },
        "traceparent": {
            "description": (
                "W3C Trace Context: the webhook's where it carried one; with tracing on, that of the span that "
                "published it."
            ),
            "pattern": _TRACEPARENT,
        },
        "relay-replayed": {
            "description": "When `relay dead-letters replay` made it from a dead letter; absent on all others.",
            "format": "date-time",
            "pattern": PATTERN,
        },
        "relay-dead-letter-id": {"description": "The relay-id of that dead letter.", "pattern": UUID_PATTERN},
    }
)
REPLAY: Final = ("relay-replayed", "relay-dead-letter-id")
"""The headers of what a replay of dead letters wrote."""
_ALWAYS: Final = ("content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_dataschema", "correlation_id")


def cloudevents_headers(
    *, type_pattern: str, dataschema: str, also_required: tuple[str, ...] = (), never: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Give the schema of a CloudEvent's headers.

    `also_required` are those optional ones that this event always has, `never` those that it never has.
    """
    properties: dict[str, Mapping[str, Any]] = {
        **{name: {"type": "string", **rest} for name, rest in _CLOUDEVENTS.items() if name not in never},
        "ce_type": {"type": "string", "description": "What happened.", "pattern": type_pattern},
        "ce_dataschema": {"type": "string", "description": "The schema of the value.", "const": dataschema},
        "correlation_id": CORRELATION_ID,
    }
    return _object(properties, (*_ALWAYS, *also_required), "CloudEvents 1.0 in Kafka's binary mode. Values are UTF-8.")


def dead_letter_headers(published: Mapping[str, Any]) -> dict[str, Any]:
    """Give the schema of a dead letter's headers: the published one, and what the publisher adds to every record."""
    return _object(
        {**published["properties"], "correlation_id": CORRELATION_ID},
        (*published["required"], "correlation_id"),
        "Where it came from and why it could not be read. Values are UTF-8.",
    )


def tombstone_headers() -> dict[str, Any]:
    """Give the schema of the headers of a record that erases."""
    empty = {"type": "string", "description": "Empty where it is there, as there is nothing.", "const": ""}
    return _object(
        {"content-type": empty, "correlation_id": CORRELATION_ID},
        ("correlation_id",),
        "There is no event, so there are no attributes of one. Values are UTF-8.",
    )


def _object(properties: Mapping[str, Mapping[str, Any]], required: tuple[str, ...], says: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": says,
        "required": [name for name in properties if name in required],
        "properties": {name: dict(schema) for name, schema in properties.items()},
        # More may come: a consumer ignores what it does not know.
        "additionalProperties": True,
    }
