"""Which changes of a schema need a new version."""

import json
from copy import deepcopy
from typing import Any

import pytest

from relay.events.compatibility import incompatibilities
from relay.events.schemas import documents

OLD: dict[str, Any] = {
    "type": "object",
    "required": ["id", "status"],
    "additionalProperties": True,
    "properties": {
        "id": {"type": "string"},
        "status": {"$ref": "#/$defs/Status"},
        "price": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "version": {"const": 1},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
        "extra": {},
    },
    "$defs": {
        "Status": {"type": "string", "enum": ["sent", "delivered"]},
        "Part": {
            "type": "object",
            "required": ["n"],
            "properties": {"n": {"type": "integer"}, "inner": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}]}},
        },
    },
}


def changed(*path: str, to: Any) -> dict[str, Any]:  # noqa: ANN401 - a piece of schema is any JSON
    new = deepcopy(OLD)
    at = new
    for step in path[:-1]:
        at = at[step]
    if to is None:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return new


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (changed("properties", "price", to=None), ["price: removed"]),
        (changed("properties", "id", to=None), ["id: removed"]),
        (changed("properties", "id", "type", to="integer"), ["id: type changed from string to integer"]),
        (
            changed("properties", "id", to={"type": ["string", "null"]}),
            ["id: type changed from string to null or string"],
        ),
        (
            changed("properties", "price", "anyOf", to=[{"type": "string"}]),
            ["price: type changed from null or string to string"],
        ),
        (changed("properties", "extra", to={"type": "object"}), ["extra: type changed from anything to object"]),
        (changed("$defs", "Status", "enum", to=["sent"]), ["status: value 'delivered' removed"]),
        (changed("properties", "version", "const", to=2), ["version: value 1 removed"]),
        (
            changed("properties", "id", to={"type": "string", "enum": ["a"]}),
            ["id: limited to an enumeration that did not exist"],
        ),
        (changed("required", to=["id", "status", "price"]), ["price: newly required"]),
        (changed("required", to=["id"]), ["status: no longer required"]),
        (changed("additionalProperties", to=False), ["the whole: additional properties are no longer allowed"]),
        (
            changed("$defs", "Part", "properties", "n", "type", to="number"),
            ["parts[].n: type changed from integer to number"],
        ),
        (
            changed("$defs", "Part", "required", to=["n", "m"]),
            ["parts[].m: newly required", "parts[].inner.m: newly required"],
        ),
    ],
)
def test_what_breaks_old_records_or_old_readers_is_named_with_its_place(new: dict[str, Any], says: list[str]) -> None:
    assert list(incompatibilities(OLD, new)) == says


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed("properties", "new", to={"type": "string"}),
        changed("$defs", "Status", "enum", to=["sent", "delivered", "read"]),
        changed("properties", "id", to={"type": "string", "description": "Said better."}),
        changed("properties", "version", to={"type": "integer", "enum": [1]}),
        changed("properties", "status", to={"enum": ["sent", "delivered"]}),
    ],
)
def test_what_readers_are_told_to_expect_is_compatible(new: dict[str, Any]) -> None:
    assert incompatibilities(OLD, new) == ()


def test_every_schema_of_ours_is_compatible_with_itself() -> None:
    for name, content in documents().items():
        if "/examples/" not in name:
            assert incompatibilities(json.loads(content), json.loads(content)) == ()
