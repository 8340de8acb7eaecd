"""Two readings of a schema: as strict as the producer is held to, and as tolerant as readers are told to be."""

from collections.abc import Callable, Mapping
from typing import Any

from jsonschema import Draft202012Validator


def strict_twin(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give the schema with every declared object closed: what no property declares is refused.

    A map, such as `source.extra`, declares no properties and stays open. For tests alone: a reader that is so strict
    breaks on the first field that is added.
    """

    def closed(node: dict[str, Any]) -> dict[str, Any]:
        is_object = node.get("type") == "object" and "properties" in node
        return {**node, "additionalProperties": False} if is_object else node

    twin: dict[str, Any] = _mapped(schema, closed)
    return twin


def tolerant_reader(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give the schema as a reader has to take it: an enumeration may have grown, all else holds."""
    twin: dict[str, Any] = _mapped(schema, lambda node: {key: node[key] for key in node if key != "enum"})
    return twin


def validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """Give a validator that checks formats too."""
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _mapped(node: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:  # noqa: ANN401 - any JSON
    """Give a schema with each schema in it changed; names of properties and examples are none."""
    if not isinstance(node, Mapping):
        return node
    inner: dict[str, Any] = {}
    for key, value in node.items():
        if key in {"properties", "$defs"}:
            inner[key] = {name: _mapped(each, change) for name, each in value.items()}
        elif key in {"items", "additionalProperties"}:
            inner[key] = _mapped(value, change)
        elif key in {"anyOf", "oneOf", "allOf"}:
            inner[key] = [_mapped(each, change) for each in value]
        else:
            inner[key] = value
    return change(inner)
