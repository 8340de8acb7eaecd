"""Whether a schema may change within its version: old records must stay valid, old readers must stay right.

Pure, over JSON Schema 2020-12 as pydantic writes it: local references, alternatives, enumerations, patterns, bounds.
What this comparison does not read may not change at all. Maintained comparers of JSON Schema exist for registries on
the JVM and as services; they judge by the registry's rules, in which a new enumeration value breaks readers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Any, Final

from relay.events.variants import Node, Schema, by_type, inlined


class Rule(StrEnum):
    """What a change within a version may break; the value is the word that `relay schemas check` says."""

    PROPERTY_REMOVED = "property_removed"
    PROPERTY_ADDED_REQUIRED = "property_added_required"
    PROPERTY_MADE_REQUIRED = "property_made_required"
    PROPERTY_CLAIMED = "property_claimed"
    REQUIRED_DROPPED = "required_dropped"
    TYPE_CHANGED = "type_changed"
    TYPE_NARROWED = "type_narrowed"
    TYPE_WIDENED = "type_widened"
    ENUM_VALUE_REMOVED = "enum_value_removed"
    ENUM_BEGUN = "enum_begun"
    ENUM_ENDED = "enum_ended"
    CONST_CHANGED = "const_changed"
    PATTERN_NARROWED = "pattern_narrowed"
    PATTERN_WIDENED = "pattern_widened"
    FORMAT_CHANGED = "format_changed"
    BOUND_NARROWED = "bound_narrowed"
    BOUND_WIDENED = "bound_widened"
    ADDITIONAL_PROPERTIES_CLOSED = "additional_properties_closed"
    ADDITIONAL_PROPERTIES_OPENED = "additional_properties_opened"
    ALTERNATIVES_CHANGED = "alternatives_changed"
    KEYWORD_CHANGED = "keyword_changed"
    ID_CHANGED = "id_changed"
    EXAMPLE_CHANGED = "example_changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change that needs a new version."""

    rule: Rule
    place: str
    """The property, such as `reason.code`, `history[].status`, `extra.*`; empty for the whole."""
    says: str
    """What happened to it."""

    def __str__(self) -> str:
        """Give the rule, the place and what happened, as one phrase."""
        return f"{self.rule}: {self.place or 'the whole'} {self.says}"


def incompatibilities(old: Schema, new: Schema, *, whole: bool = False) -> tuple[Change, ...]:
    """Give each change from `old` to `new` that breaks old records or old readers, which ignore unknown fields.

    Allowed are a new optional property and a new enumeration value, for both of which readers are told to be
    prepared, and whatever only describes: titles, descriptions, examples. `whole` is for records that are passed on as
    somebody else wrote them: there a new property lays a claim to a name that may stand in old records already.
    """
    return tuple(dict.fromkeys(_Comparison(old, new, whole=whole).changes()))


_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_COUNTED: Final = frozenset({"minLength", "minItems", "minProperties"})
"""Of these 0 is the same as none."""
_ANNOTATIONS: Final = frozenset(
    {"title", "description", "examples", "default", "deprecated", "readOnly", "writeOnly", "$comment"}
)
_READ: Final = frozenset(
    {
        *_LOWER,
        *_UPPER,
        *("type", "enum", "const", "pattern", "format", "required", "properties", "additionalProperties", "items"),
        *("$defs", "$id"),
    }
)


class _Comparison:
    def __init__(self, old_root: Schema, new_root: Schema, *, whole: bool) -> None:
        self._old_root = old_root
        self._new_root = new_root
        self._whole = whole
        self._compared: set[tuple[int, int]] = set()

    def changes(self) -> Iterator[Change]:
        before, after = self._old_root.get("$id"), self._new_root.get("$id")
        if before != after:
            yield Change(Rule.ID_CHANGED, "", f"has $id {after} instead of {before}")
        yield from self._node(self._old_root, self._new_root, "")

    def _node(self, old: Node, new: Node, place: str) -> Iterator[Change]:
        if _allows_all(old) and _allows_all(new):
            return
        if (id(old), id(new)) in self._compared:  # a schema may refer to itself
            return
        self._compared.add((id(old), id(new)))
        was, now = by_type(old, self._old_root), by_type(new, self._new_root)
        yield from _type_change(set(was), set(now), place)
        for kind in was:
            if kind in now:
                yield from self._kind(kind, was[kind], now[kind], place)

    def _kind(self, kind: str, was: list[Schema], now: list[Schema], place: str) -> Iterator[Change]:
        """Compare what two schemas say of values of one type."""
        if len(was) == 1 and len(now) == 1:
            old, new = was[0], now[0]
            if kind != "null":
                yield from _choice_changes(old, new, place)
            yield from _text_changes(old, new, place)
            yield from _bound_changes(old, new, place)
            if kind == "object":
                yield from self._object(old, new, place)
            if kind == "array":
                yield from self._node(old.get("items", True), new.get("items", True), f"{place}[]")
            yield from self._unread(old, new, place)
        elif [inlined(each, self._old_root) for each in was] != [inlined(each, self._new_root) for each in now]:
            # Which of several objects became which is nothing to guess at.
            yield Change(Rule.ALTERNATIVES_CHANGED, place, f"has other alternatives of type {kind}")

    def _object(self, old: Schema, new: Schema, place: str) -> Iterator[Change]:
        yield from _required_changes(old, new, place)
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name in after:
                yield from self._node(schema, after[name], _at(place, name))
            else:
                yield Change(Rule.PROPERTY_REMOVED, _at(place, name), "is removed")
        added = [name for name in after if name not in before]
        yield from self._added(added, old, new, place)
        yield from self._additional(old.get("additionalProperties", True), new.get("additionalProperties", True), place)

    def _added(self, names: list[str], old: Schema, new: Schema, place: str) -> Iterator[Change]:
        is_map = "properties" not in old
        for name in names:
            if name in new.get("required", ()):
                continue  # said as such
            if old.get("additionalProperties", True) is False:
                yield Change(
                    Rule.ADDITIONAL_PROPERTIES_OPENED, _at(place, name), "is new where no other property was allowed"
                )
            elif self._whole or is_map:
                yield Change(
                    Rule.PROPERTY_CLAIMED, _at(place, name), "is described, though records may hold anything there"
                )

    def _additional(self, old: Node, new: Node, place: str) -> Iterator[Change]:
        if old is not False and new is False:
            yield Change(Rule.ADDITIONAL_PROPERTIES_CLOSED, place, "no longer allows additional properties")
        elif old is False and new is not False:
            yield Change(Rule.ADDITIONAL_PROPERTIES_OPENED, place, "now allows additional properties")
        elif old is not False:
            yield from self._node(old, new, _at(place, "*"))

    def _unread(self, old: Schema, new: Schema, place: str) -> Iterator[Change]:
        for keyword in dict.fromkeys((*old, *new)):
            if keyword in _READ or keyword in _ANNOTATIONS:
                continue
            before = inlined(old.get(keyword), self._old_root)
            if before != inlined(new.get(keyword), self._new_root):
                yield Change(Rule.KEYWORD_CHANGED, place, f"has another {keyword}")


def _allows_all(node: Node) -> bool:
    return node is True or (isinstance(node, Mapping) and _ANNOTATIONS.issuperset(node))


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _type_change(before: set[str], after: set[str], place: str) -> Iterator[Change]:
    if before == after:
        return
    rule = Rule.TYPE_CHANGED
    if after < before:
        rule = Rule.TYPE_NARROWED
    elif before < after:
        rule = Rule.TYPE_WIDENED
    yield Change(rule, place, f"was {_types(before)} and is {_types(after)}")


def _types(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds)) or "nothing"


def _choice_changes(old: Schema, new: Schema, place: str) -> Iterator[Change]:
    before, after = _choices(old), _choices(new)
    if before == after:
        return
    if "const" in old or (before is None and "const" in new):
        if before is None or after is None or not _same(before, after):
            yield Change(Rule.CONST_CHANGED, place, f"was {_values(before)} and is {_values(after)}")
    elif before is None:
        yield Change(Rule.ENUM_BEGUN, place, f"is limited to {_values(after)}")
    elif after is None:
        yield Change(Rule.ENUM_ENDED, place, "is no longer limited to an enumeration")
    else:
        for value in before:
            if value not in after:
                yield Change(Rule.ENUM_VALUE_REMOVED, place, f"can no longer be {value!r}")


def _choices(schema: Schema) -> list[Any] | None:
    """Give the values to choose from; None where any will do. `by_type` left those of one type."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _same(before: list[Any], after: list[Any]) -> bool:
    return all(value in after for value in before) and all(value in before for value in after)


def _values(values: list[Any] | None) -> str:
    return "anything" if values is None else " or ".join(repr(value) for value in values)


def _text_changes(old: Schema, new: Schema, place: str) -> Iterator[Change]:
    before, after = old.get("pattern"), new.get("pattern")
    if before != after:
        # Of two patterns none can say which is the narrower one: another one is taken to be.
        rule = Rule.PATTERN_WIDENED if after is None else Rule.PATTERN_NARROWED
        yield Change(rule, place, f"had the pattern {before or 'none'} and has {after or 'none'}")
    before, after = old.get("format"), new.get("format")
    if before != after:
        yield Change(Rule.FORMAT_CHANGED, place, f"had the format {before or 'none'} and has {after or 'none'}")


def _bound_changes(old: Schema, new: Schema, place: str) -> Iterator[Change]:
    for keyword in (*_LOWER, *_UPPER):
        lower = keyword in _LOWER
        absent = 0 if keyword in _COUNTED else (-inf if lower else inf)
        before, after = old.get(keyword, absent), new.get(keyword, absent)
        if before != after:
            rule = Rule.BOUND_NARROWED if (after > before) is lower else Rule.BOUND_WIDENED
            says = f"had {keyword} {old.get(keyword, 'none')} and has {new.get(keyword, 'none')}"
            yield Change(rule, place, says)


def _required_changes(old: Schema, new: Schema, place: str) -> Iterator[Change]:
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    was_known, is_known = old.get("properties", {}), new.get("properties", {})
    for name in sorted(after - before):
        if name in was_known:
            yield Change(Rule.PROPERTY_MADE_REQUIRED, _at(place, name), "was optional and is required")
        else:
            yield Change(Rule.PROPERTY_ADDED_REQUIRED, _at(place, name), "is new and required: old records lack it")
    for name in sorted(before - after):
        if name in is_known or name not in was_known:  # else it was removed, and that is said already
            yield Change(Rule.REQUIRED_DROPPED, _at(place, name), "was always there and is optional now")
