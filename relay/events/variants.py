"""A JSON Schema taken apart: the plain schemas that it stands for, sorted by the type of value that they judge."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
Node: TypeAlias = Schema | bool
"""Where a schema may stand also `true` (anything) and `false` (nothing) may."""

TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
"""JSON's types; `number` stands for what has a fraction, as an integer is one too."""
_SILENT: Final = frozenset({"title", "description", "examples", "default", "deprecated", "$comment"})


def by_type(schema: Node, root: Schema) -> dict[str, list[Schema]]:
    """Give, for each type that a value may have, the plain schemas that it may follow.

    Plain is: without references, alternatives, or enumerated values of another type. `root` is the document that
    `schema` stands in. Of several alternatives of one type none is chosen; two that are equal are one.
    """
    found: dict[str, list[Schema]] = {}
    for plain in _plain(schema, root):
        for kind in _types(plain):
            one = _of_type(plain, kind)
            if one not in found.setdefault(kind, []):
                found[kind].append(one)
    return {kind: found[kind] for kind in TYPES if kind in found}


def inlined(value: Any, root: Schema) -> Any:  # noqa: ANN401 - a piece of schema is any JSON
    """Give a piece of schema with each reference replaced by what it refers to; one into itself stays."""
    return _inlined(value, root, ())


def _inlined(value: Any, root: Schema, through: tuple[str, ...]) -> Any:  # noqa: ANN401 - as above
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference not in through:
            rest = {name: inner for name, inner in value.items() if name != "$ref"}
            target = _inlined(_resolve(reference, root), root, (*through, reference))
            return {"$ref": target, **_inlined(rest, root, through)}
        return {name: _inlined(inner, root, through) for name, inner in value.items()}
    if isinstance(value, list):
        return [_inlined(inner, root, through) for inner in value]
    return value


def _plain(schema: Node, root: Schema) -> Iterator[Schema]:
    if isinstance(schema, bool):
        if schema:
            yield {}
        return
    for keyword in ("$ref", "anyOf", "oneOf"):
        if keyword in schema:
            rest = {name: value for name, value in schema.items() if name != keyword}
            inner = [_resolve(schema["$ref"], root)] if keyword == "$ref" else schema[keyword]
            for one in inner:
                for plain in _plain(one, root):
                    yield _both(plain, rest)
            return
    yield schema


def _both(plain: Schema, rest: Schema) -> Schema:
    """Give a schema that holds where both do; what merely describes is the outer one's."""
    judging = {name: value for name, value in rest.items() if name not in _SILENT and not name.startswith("$")}
    if not judging:
        return plain
    return {**plain, "allOf": [*plain.get("allOf", ()), judging]}


def _resolve(reference: str, root: Schema) -> Schema:
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found if isinstance(found, Mapping) else {}


def _types(plain: Schema) -> list[str]:
    stated = plain.get("type", TYPES)
    names = {stated} if isinstance(stated, str) else set(stated)
    if "number" in names:
        names.add("integer")
    values = _values(plain)
    if values is not None:
        names &= {_type_of(value) for value in values}
    return [kind for kind in TYPES if kind in names]


def _of_type(plain: Schema, kind: str) -> Schema:
    if "const" in plain:
        return {keyword: value for keyword, value in plain.items() if keyword != "enum"}
    if "enum" not in plain:
        return plain
    return {**plain, "enum": [value for value in plain["enum"] if _type_of(value) == kind]}


def _values(plain: Schema) -> list[Any] | None:
    if "const" not in plain:
        return plain.get("enum")
    const = plain["const"]
    among = plain.get("enum", [const])
    return [const] if any(value == const and _type_of(value) == _type_of(const) for value in among) else []


def _type_of(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return "integer"
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "null")
