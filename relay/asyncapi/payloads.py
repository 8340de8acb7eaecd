"""The published schemas as an AsyncAPI document can hold them."""

from collections.abc import Mapping
from typing import Any, Final

SCHEMA_FORMAT: Final = "application/schema+json;version=draft-2020-12"
_DEFINITIONS: Final = "#/$defs/"


def multi_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give the Multi Format Schema Object of a JSON Schema 2020-12, whole and without a reference left in it."""
    return {"schemaFormat": SCHEMA_FORMAT, "schema": inlined(schema)}


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Put each definition where it is referred to: the same schema, of one piece.

    AsyncAPI's tools take `#/$defs/…` for a place in their document, JSON Schema's for one in the schema. Without
    references both read the same, and the schema can be cut out and used as it stands.

    Raises:
        RecursionError: a definition refers to itself.
    """
    definitions = schema.get("$defs", {})
    whole = _resolved({name: value for name, value in schema.items() if name != "$defs"}, definitions)
    return dict(whole)


def _resolved(part: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(part, list):
        return [_resolved(each, definitions) for each in part]
    if not isinstance(part, Mapping):
        return part
    beside = {name: _resolved(value, definitions) for name, value in part.items() if name != "$ref"}
    if "$ref" not in part:
        return beside
    # What stands beside a reference says the more particular: how this field of that type is meant.
    return {**_resolved(definitions[part["$ref"].removeprefix(_DEFINITIONS)], definitions), **beside}
