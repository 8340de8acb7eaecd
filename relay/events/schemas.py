"""The contract as documents: JSON Schema 2020-12 and golden examples, generated from the models."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from relay.events import cloudevents
from relay.events.examples import (
    ExampleError,
    example_dead_letter,
    example_event,
    example_latest,
    example_other,
    example_tombstone,
)
from relay.events.latest import SmsLatestState, Transition
from relay.events.record import Record
from relay.events.records import DEAD_LETTER_SCHEMA, contract_record, latest_record
from relay.events.sms_status import SmsStatusEvent, Status
from relay.events.times import PATTERN
from relay.reasons import MEANING, Kind, Reason

__all__ = [
    "DIALECT",
    "Contract",
    "Part",
    "as_json",
    "contracts",
    "documents",
    "example_dead_letter",
    "example_event",
    "example_latest",
    "example_other",
    "example_tombstone",
]

_UUID5: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_IN_THE_SCHEMA: Final = {
    "sms-status": (Status.DELIVERED, Status.EXPIRED),
    "webhook-other": ("sms.reply",),
    "dead-letter": ("missing_status",),
    "sms-latest": (Transition.ADVANCE,),
}
"""Which golden examples a schema shows itself."""


class Part(StrEnum):
    """Which part of a record a schema describes, by its name in a golden example."""

    VALUE = "value"
    HEADERS = "headers"


@dataclass(frozen=True, slots=True)
class Contract:
    """What one topic's records promise, in one version, as the models say it now."""

    name: str
    version: int
    schema: Mapping[str, Any]
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By name: a record as its reader sees it, with key, headers, timestamp and value."""
    fault: str = ""
    """Why the examples cannot be made from the models, where they cannot; there are none then."""
    describes: Part = Part.VALUE
    whole: bool = False
    """Whether records are passed on as somebody else wrote them, so that they hold what no schema declares."""
    of_the_bytes: frozenset[str] = frozenset()
    """The headers that change with every byte of the value, and so with a field that is added to it."""

    @property
    def schema_path(self) -> str:
        """The file of the version's first revision, relative to `schemas/`."""
        return f"{self.name}/{self.version}.json"

    def example_path(self, name: str) -> str:
        """Give the file of the first example of a name, relative to `schemas/`; version 1's are in no folder more."""
        folder = "" if self.version == 1 else f"{self.version}/"
        return f"{self.name}/examples/{folder}{name}.json"


def contracts() -> tuple[Contract, ...]:
    """Give every contract, in every version that is published, from the models; what they became is no error."""
    return (
        _contract(Contract("sms-status", 1, _sms_status_schema()), _status_examples),
        _contract(Contract("webhook-other", 1, _other_schema(), whole=True), _other_examples),
        _contract(Contract("dead-letter", 1, _dead_letter_schema(), describes=Part.HEADERS), _dead_letter_examples),
        _contract(
            Contract("sms-latest", 1, _sms_latest_schema(), of_the_bytes=frozenset({"ce_id", "correlation_id"})),
            _latest_examples,
        ),
    )


def _contract(bare: Contract, examples: Callable[[], dict[str, Record]]) -> Contract:
    """Give a contract with its examples: those that its schema shows, and all of them as records."""
    try:
        shown = {name: _shown(record) for name, record in examples().items()}
    except ExampleError as error:
        return replace(bare, fault=str(error))
    except ValidationError as error:
        places = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors()}))
        return replace(bare, fault=f"the model no longer takes what stands there: {places}")
    kept = [dict(shown[name][bare.describes]) for name in _IN_THE_SCHEMA[bare.name]]
    if bare.describes is Part.HEADERS:
        kept = [{name: value for name, value in headers.items() if name != "correlation_id"} for headers in kept]
    return replace(bare, schema={**bare.schema, "examples": kept}, examples=shown)


def _status_examples() -> dict[str, Record]:
    return {str(status): contract_record(example_event(status)) for status in Status}


def _other_examples() -> dict[str, Record]:
    return {"sms.reply": example_other()}


def _dead_letter_examples() -> dict[str, Record]:
    return {"missing_status": example_dead_letter()}


def _latest_examples() -> dict[str, Record]:
    states = {str(transition): latest_record(example_latest(transition)) for transition in Transition}
    return {**states, "erased": example_tombstone()}


def documents() -> dict[str, bytes]:
    """Give what the models say now as files: `sms-status/1.json`, `sms-status/examples/sent.json`. Deterministic.

    Named by version. Which file of `schemas/` holds it, first or later revision, is `relay.events.publication`'s.
    """
    found: dict[str, bytes] = {}
    for contract in contracts():
        found[contract.schema_path] = as_json(contract.schema)
        for name, example in contract.examples.items():
            found[contract.example_path(name)] = as_json(example)
    return dict(sorted(found.items()))


def as_json(document: Mapping[str, Any]) -> bytes:
    """Give a document as its file's bytes: members in their order, indented, UTF-8, one line break at the end."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _shown(record: Record) -> dict[str, Any]:
    """Give a record as a reader of Kafka would see it."""
    return {
        "key": None if record.key is None else record.key.decode(),
        "headers": {**record.headers, "correlation_id": record.id},
        "timestamp": record.timestamp_ms,
        "value": None if record.is_tombstone else json.loads(record.value),
    }


def _sms_status_schema() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": cloudevents.SMS_STATUS_SCHEMA,
        **SmsStatusEvent.model_json_schema(mode="serialization"),
        "title": "SMS status event, version 1",
    }


def _sms_latest_schema() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": cloudevents.SMS_LATEST_SCHEMA,
        **SmsLatestState.model_json_schema(mode="serialization"),
        "title": "Latest state of an SMS, version 1",
    }


def _other_schema() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": cloudevents.OTHER_SCHEMA,
        "title": "Other webhook event, version 1",
        "description": (
            "A webhook of a type other than sms.status, passed on whole and as received. "
            "Only its type is promised; the provider does not document the rest."
        ),
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"type": "string", "description": "The provider's event type, verbatim.", "examples": ["sms.reply"]}
        },
        "additionalProperties": True,
    }


def _dead_letter_schema() -> dict[str, Any]:
    reasons = [reason.value for reason in Reason if MEANING[reason].kind is Kind.DEAD_LETTERED]
    texts: dict[str, dict[str, Any]] = {
        "relay-id": {"description": "UUIDv5 over account and the unreadable bytes.", "pattern": _UUID5},
        "relay-reason": {"description": "Why it could not be read.", "enum": reasons},
        "relay-detail": {"description": "For a person: places and types, never values."},
        "relay-account": {"description": "The relay's name of the account."},
        "relay-received-at": {"description": "When the webhook was received.", "pattern": PATTERN},
        "relay-schema": {"description": "This schema.", "const": DEAD_LETTER_SCHEMA},
        "content-type": {"enum": ["application/json", "application/octet-stream"]},
    }
    return {
        "$schema": DIALECT,
        "$id": DEAD_LETTER_SCHEMA,
        "title": "Dead letter's headers, version 1",
        "description": (
            "The record headers of a dead letter, as one object. The value is the bytes as received; for one bad item "
            "of a readable webhook the envelope with that item alone; for record_too_large, or where payloads are "
            'dropped, {"size", "sha256"} of it.'
        ),
        "type": "object",
        "required": list(texts),
        "properties": {name: {"type": "string", **rest} for name, rest in texts.items()},
        "additionalProperties": True,
    }
