"""Whether a schema may change without a new version: old records must still be valid, old readers still right.

Pure, over JSON Schema as `relay.events.schemas` writes it: local references, `anyOf`, `enum`, `const`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

_ANY: Final = "anything"


def incompatibilities(old: Schema, new: Schema) -> tuple[str, ...]:
    """Give each change from `old` to `new` that needs a new version: the place, then what changed.

    Incompatible are: a property removed; its type changed, in either direction (a narrower one makes
    records invalid that stand on the topic, a wider one meets readers unprepared); a value removed from
    an enumeration, or one begun; a property newly or no longer required; additional properties no longer
    allowed. A new optional property or enumeration value is compatible: readers are told to expect both.
    """
    return tuple(_Comparison(old, new).differences(old, new, ""))


class _Comparison:
    def __init__(self, old_root: Schema, new_root: Schema) -> None:
        self._old_root = old_root
        self._new_root = new_root
        self._compared: set[tuple[int, int]] = set()

    def differences(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        if (id(old), id(new)) in self._compared:  # a schema may refer to itself
            return
        self._compared.add((id(old), id(new)))
        was, now = list(_variants(old, self._old_root)), list(_variants(new, self._new_root))
        yield from _type_change(was, now, place)
        yield from _enum_change(was, now, place)
        yield from _required_change(was, now, place)
        yield from self._property_changes(was, now, place)
        for before, after in zip(_parts(was, "items"), _parts(now, "items"), strict=False):
            yield from self.differences(before, after, f"{place}[]")

    def _property_changes(self, was: list[Schema], now: list[Schema], place: str) -> Iterator[str]:
        before, after = _properties(was), _properties(now)
        for name, schema in before.items():
            if name in after:
                yield from self.differences(schema, after[name], f"{place}.{name}")
            else:
                yield _said(f"{place}.{name}", "removed")
        if not _is_closed(was) and _is_closed(now):
            yield _said(place, "additional properties are no longer allowed")


def _variants(schema: Schema, root: Schema) -> Iterator[Schema]:
    """Give the plain schemas that one stands for: behind references and in alternatives."""
    waiting, seen = [schema], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        alternatives = [*one.get("anyOf", ()), *one.get("oneOf", ()), *one.get("allOf", ())]
        if "$ref" in one:
            alternatives.append(_resolve(one["$ref"], root))
        waiting.extend(alternatives)
        if not alternatives:
            yield one


def _resolve(reference: str, root: Schema) -> Schema:
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = found[step]
    return found if isinstance(found, Mapping) else {}


def _type_change(was: list[Schema], now: list[Schema], place: str) -> Iterator[str]:
    before, after = _types(was), _types(now)
    if before != after:
        yield _said(place, f"type changed from {' or '.join(sorted(before))} to {' or '.join(sorted(after))}")


def _types(variants: list[Schema]) -> set[str]:
    found: set[str] = set()
    for variant in variants:
        stated = variant.get("type")
        values = _values(variant)
        if isinstance(stated, str):
            found.add(stated)
        elif isinstance(stated, list):
            found.update(stated)
        elif values is not None:
            found.update(_type_of(value) for value in values)
        else:
            found.add(_ANY)
    return found


def _type_of(value: object) -> str:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _enum_change(was: list[Schema], now: list[Schema], place: str) -> Iterator[str]:
    before, after = _choices(was), _choices(now)
    if after is None:
        return
    if before is None:
        yield _said(place, "limited to an enumeration that did not exist")
        return
    for value in before:
        if value not in after:
            yield _said(place, f"value {value!r} removed")


def _choices(variants: list[Schema]) -> list[Any] | None:
    """Give the values to choose from, null aside; None where any value of the type will do."""
    choices: list[Any] = []
    for variant in variants:
        values = _values(variant)
        if values is not None:
            choices.extend(values)
        elif variant.get("type") != "null":
            return None
    return choices or None


def _values(variant: Schema) -> list[Any] | None:
    return [variant["const"]] if "const" in variant else variant.get("enum")


def _required_change(was: list[Schema], now: list[Schema], place: str) -> Iterator[str]:
    before, after, known = _required(was), _required(now), _properties(now)
    for name in sorted(after - before):
        yield _said(f"{place}.{name}", "newly required")
    for name in sorted(before - after):
        if name in known:  # else it was removed, and that is said already
            yield _said(f"{place}.{name}", "no longer required")


def _required(variants: list[Schema]) -> set[str]:
    return {name for variant in variants for name in variant.get("required", ())}


def _properties(variants: list[Schema]) -> dict[str, Schema]:
    return {name: schema for variant in variants for name, schema in variant.get("properties", {}).items()}


def _parts(variants: list[Schema], keyword: str) -> list[Schema]:
    return [variant[keyword] for variant in variants if isinstance(variant.get(keyword), Mapping)]


def _is_closed(variants: list[Schema]) -> bool:
    return any(variant.get("additionalProperties") is False for variant in variants)


def _said(place: str, change: str) -> str:
    return f"{place.removeprefix('.') or 'the whole'}: {change}"
