"""The messages: headers, key, payload and golden examples of all that may stand on a topic."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from relay.asyncapi.headers import REPLAY, cloudevents_headers, dead_letter_headers, tombstone_headers
from relay.asyncapi.payloads import multi_format
from relay.events import cloudevents
from relay.events.schemas import Contract

BINDING_VERSION: Final = "0.5.0"
_SMS_ID: Final = {"type": "string", "description": "The SMS id, in UTF-8.", "minLength": 1}


def payload_schemas(contracts: Mapping[str, Contract]) -> dict[str, Any]:
    """Give the schemas of the payloads, by their names among the components; `contracts` are those of version 1."""
    return {
        "smsStatus1": multi_format(contracts["sms-status"].schema),
        "webhookOther1": multi_format(contracts["webhook-other"].schema),
        "smsLatest1": multi_format(contracts["sms-latest"].schema),
        # Of these the contract tells the headers: the value is anybody's bytes.
        "deadLetterPayload": {
            "title": "Unreadable bytes",
            "description": contracts["dead-letter"].schema["description"],
        },
        "nothing": {"title": "Nothing", "description": "No value at all: Kafka's null.", "type": "null"},
    }


def messages(contracts: Mapping[str, Contract], correlation_id: Mapping[str, Any]) -> dict[str, Any]:
    """Give the Message Objects by id; `contracts` are those of version 1, `correlation_id` is the same for all."""
    found = {
        "smsStatus": _sms_status(contracts["sms-status"]),
        "webhookOther": _webhook_other(contracts["webhook-other"]),
        "deadLetter": _dead_letter(contracts["dead-letter"]),
        "smsLatest": _sms_latest(contracts["sms-latest"]),
        "smsErased": _sms_erased(contracts["sms-latest"]),
    }
    identity = {**correlation_id, "description": "The record's identity; for an event its ce_id."}
    return {name: {**message, "correlationId": identity} for name, message in found.items()}


def _sms_status(contract: Contract) -> dict[str, Any]:
    return {
        "title": "SMS status event",
        "summary": "A fact about an SMS.",
        **_value("smsStatus1", cloudevents.JSON, _SMS_ID),
        "headers": cloudevents_headers(
            type_pattern=rf"^{_literal(cloudevents.SMS_STATUS_TYPE)}[a-z]+$",
            dataschema=cloudevents.SMS_STATUS_SCHEMA,
            also_required=("ce_subject", "ce_partitionkey"),
        ),
        "tags": [{"name": "status"}],
        "examples": list(_golden(contract)),
    }


def _webhook_other(contract: Contract) -> dict[str, Any]:
    says = "The item's id if there is one, else the webhook's, else null; in UTF-8."
    return {
        "title": "Other webhook",
        "summary": "A webhook as received.",
        **_value("webhookOther1", cloudevents.JSON, {"type": ["string", "null"], "description": says}),
        "headers": cloudevents_headers(
            type_pattern=r"^fr\.sofy\.[A-Za-z0-9._-]{1,64}$", dataschema=cloudevents.OTHER_SCHEMA, never=("ce_time",)
        ),
        "tags": [{"name": "other"}],
        "examples": list(_golden(contract)),
    }


def _dead_letter(contract: Contract) -> dict[str, Any]:
    says = "The SMS id in UTF-8 if it could be read, else null."
    return {
        "title": "Dead letter",
        "summary": "Bytes that could not be read, and why.",
        # Which of them are JSON the header of that name says.
        **_value("deadLetterPayload", "application/octet-stream", {"type": ["string", "null"], "description": says}),
        "headers": dead_letter_headers(contract.schema),
        "tags": [{"name": "dead-letter"}],
        "examples": list(_golden(contract)),
    }


def _sms_latest(contract: Contract) -> dict[str, Any]:
    return {
        "title": "Latest state of an SMS",
        "summary": "The event that holds, and how the SMS came there.",
        **_value("smsLatest1", cloudevents.JSON, _SMS_ID),
        "headers": cloudevents_headers(
            type_pattern=rf"^{_literal(cloudevents.SMS_LATEST_TYPE)}[a-z]+$",
            dataschema=cloudevents.SMS_LATEST_SCHEMA,
            also_required=("ce_subject", "ce_partitionkey"),
            never=("traceparent", *REPLAY),
        ),
        "tags": [{"name": "status"}, {"name": "latest"}],
        "examples": [example for example in _golden(contract) if example["payload"] is not None],
    }


def _sms_erased(contract: Contract) -> dict[str, Any]:
    return {
        "title": "Erased SMS",
        "summary": "Takes the place of the state before it: nothing is known of this SMS any more.",
        **_value("nothing", cloudevents.JSON, _SMS_ID),
        "headers": tombstone_headers(),
        "tags": [{"name": "latest"}],
        "examples": [example for example in _golden(contract) if example["payload"] is None],
    }


def _value(payload: str, content_type: str, key: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "contentType": content_type,
        "payload": {"$ref": f"#/components/schemas/{payload}"},
        "bindings": {"kafka": {"key": dict(key), "bindingVersion": BINDING_VERSION}},
    }


def _golden(contract: Contract) -> Iterator[dict[str, Any]]:
    for name, record in contract.examples.items():
        key = "no key" if record["key"] is None else f"key {record['key']}"
        yield {
            "name": name,
            "summary": f"The golden example of that name, with {key}.",
            "headers": record["headers"],
            "payload": record["value"],
        }


def _literal(text: str) -> str:
    """Give a pattern that matches the text; re.escape would escape what JSON Schema's dialect may not have escaped."""
    return text.replace(".", r"\.")
