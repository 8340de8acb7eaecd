"""Reads a document as a consumer does: which message is for a record, and what of it must hold."""

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.protocols import Validator

FORMAT_2020_12 = "application/schema+json;version=draft-2020-12"


def resolved(document: Mapping[str, Any], reference: str) -> Any:  # noqa: ANN401 - any part of the document
    """Give what `reference` names within the document.

    Raises:
        KeyError: it names nothing, or something outside.
    """
    start, *steps = reference.split("/")
    if start != "#":
        raise KeyError(reference)
    part: Any = document
    for step in steps:
        part = part[step.replace("~1", "/").replace("~0", "~")]
    return part["$ref"] and resolved(document, part["$ref"]) if set(part) == {"$ref"} else part


def validator(schema: Mapping[str, Any]) -> Validator:
    """Give the validator of a Multi Format Schema Object, or of a Schema Object, which is a draft 7."""
    if "schemaFormat" not in schema:
        return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
    assert schema["schemaFormat"] == FORMAT_2020_12
    return Draft202012Validator(schema["schema"], format_checker=Draft202012Validator.FORMAT_CHECKER)


def faults(
    document: Mapping[str, Any], message: str, *, key: str | None, headers: Mapping[str, str], value: bytes | None
) -> list[str]:
    """Say what of a record is not as the document says of `message`; undeclared headers too."""
    told = document["components"]["messages"][message]
    payload = None if value is None else json.loads(value)
    found = [
        f"{part}: {error.message}"
        for part, schema, it in (
            ("headers", told["headers"], dict(headers)),
            ("key", told["bindings"]["kafka"]["key"], key),
            ("value", resolved(document, told["payload"]["$ref"]), payload),
        )
        for error in validator(schema).iter_errors(it)
    ]
    return found + [f"{name} is not declared" for name in headers if name not in told["headers"]["properties"]]
