"""Which changes of a schema need a new version, and that those which need none break nobody."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.events.compatibility import Change, Rule, incompatibilities
from relay.events.schemas import Contract, contracts
from tests.events.model_changes import ALLOWED, FORBIDDEN, Edit
from tests.events.published import document
from tests.events.twins import strict_twin, tolerant_reader, validator

PUBLISHED = document("sms-status/1.json")
CONTRACTS = contracts()


# Changes of the real model


@pytest.mark.parametrize("edit", FORBIDDEN, ids=str)
def test_a_change_of_the_model_that_breaks_somebody_is_named_by_its_rule_and_place(edit: Edit) -> None:
    found = incompatibilities(PUBLISHED, edit.schema())

    assert {f"{change.rule}: {change.place or 'the whole'}" for change in found} == set(edit.breaks)


@pytest.mark.parametrize("edit", ALLOWED, ids=str)
def test_a_change_of_the_model_that_readers_are_told_to_expect_breaks_no_rule(edit: Edit) -> None:
    assert incompatibilities(PUBLISHED, edit.schema()) == ()


@pytest.mark.parametrize("edit", ALLOWED, ids=str)
def test_published_records_are_valid_under_an_allowed_change(edit: Edit) -> None:
    schema = edit.schema()

    for path in ("delivered", "expired", "unknown"):
        validator(schema).validate(document(f"sms-status/examples/{path}.json")["value"])


# Changes of a small schema, of what the model does not have

OLD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:a:1",
    "type": "object",
    "required": ["id", "status"],
    "properties": {
        "id": {"type": "string"},
        "status": {"$ref": "#/$defs/Status"},
        "price": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "version": {"const": 1},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "maxItems": 9},
        "free": {},
        "closed": {"type": "object", "properties": {}, "additionalProperties": False},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "many": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/One"}, {"type": "object", "minProperties": 3}]},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    },
    "$defs": {
        "Status": {"type": "string", "enum": ["sent", "delivered"]},
        "One": {"type": "object", "required": ["one"], "properties": {"one": {"type": "string"}}},
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


def of(name: str, *path: str, to: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    return changed("properties", name, *path, to=to)


TEXT = {"type": "string"}
FORBIDDEN_HERE = [
    (of("price", to=None), ["property_removed: price is removed"]),
    (of("id", "type", to="integer"), ["type_changed: id was string and is integer"]),
    (of("id", to={"type": ["string", "null"]}), ["type_widened: id was string and is null or string"]),
    (of("price", "anyOf", to=[TEXT]), ["type_narrowed: price was null or string and is string"]),
    (changed("$defs", "Status", "enum", to=["sent"]), ["enum_value_removed: status can no longer be 'delivered'"]),
    (of("version", "const", to=2), ["const_changed: version was 1 and is 2"]),
    (of("version", to={"enum": [1, 2]}), ["const_changed: version was 1 and is 1 or 2"]),
    (of("version", to={"type": "integer"}), ["const_changed: version was 1 and is anything"]),
    (of("id", to={"const": "a"}), ["const_changed: id was anything and is 'a'"]),
    (of("id", "enum", to=["a"]), ["enum_begun: id is limited to 'a'"]),
    (changed("required", to=["id", "status", "price"]), ["property_made_required: price was optional and is required"]),
    (changed("required", to=["id"]), ["required_dropped: status was always there and is optional now"]),
    (
        changed("required", to=["id", "status", "undescribed"]),
        ["property_added_required: undescribed is new and required: old records lack it"],
    ),
    (
        changed("additionalProperties", to=False),
        ["additional_properties_closed: the whole no longer allows additional properties"],
    ),
    (
        of("closed", "additionalProperties", to=None),
        ["additional_properties_opened: closed now allows additional properties"],
    ),
    (
        of("closed", "properties", to={"a": TEXT}),
        ["additional_properties_opened: closed.a is new where no other property was allowed"],
    ),
    (
        of("map", "properties", to={"a": TEXT}),
        ["property_claimed: map.a is described, though records may hold anything there"],
    ),
    (of("map", "additionalProperties", to={"type": "integer"}), ["type_changed: map.* was string and is integer"]),
    (
        changed("$defs", "Part", "properties", "n", "type", to="number"),
        ["type_widened: parts[].n was integer and is integer or number"],
    ),
    (
        changed("$defs", "Part", "required", to=["n", "m"]),
        [
            "property_added_required: parts[].m is new and required: old records lack it",
            "property_added_required: parts[].inner.m is new and required: old records lack it",
        ],
    ),
    (of("parts", "maxItems", to=10), ["bound_widened: parts had maxItems 9 and has 10"]),
    (of("parts", "maxItems", to=8), ["bound_narrowed: parts had maxItems 9 and has 8"]),
    (of("parts", "maxItems", to=None), ["bound_widened: parts had maxItems 9 and has none"]),
    (of("id", "minLength", to=1), ["bound_narrowed: id had minLength none and has 1"]),
    (of("id", "pattern", to="^a"), ["pattern_narrowed: id had the pattern none and has ^a"]),
    (of("id", "format", to="uuid"), ["format_changed: id had the format none and has uuid"]),
    (of("tags", "uniqueItems", to=None), ["keyword_changed: tags has another uniqueItems"]),
    (
        of("tags", "items", to=None),
        ["type_widened: tags[] was string and is array or boolean or integer or null or number or object or string"],
    ),
    (of("id", to={"type": "string", "allOf": [{"$ref": "#/$defs/Status"}]}), ["keyword_changed: id has another allOf"]),
    (
        of("many", "anyOf", to=[TEXT, {"$ref": "#/$defs/One"}]),
        ["alternatives_changed: many has other alternatives of type object"],
    ),
    (
        changed("$defs", "One", "properties", "two", to=TEXT),
        ["alternatives_changed: many has other alternatives of type object"],
    ),
    (changed("$id", to="urn:a:2"), ["id_changed: the whole has $id urn:a:2 instead of urn:a:1"]),
    (
        changed("$schema", to="http://json-schema.org/draft-07/schema#"),
        ["keyword_changed: the whole has another $schema"],
    ),
]


@pytest.mark.parametrize(("new", "says"), FORBIDDEN_HERE, ids=[" ".join(says)[:60] for _, says in FORBIDDEN_HERE])
def test_what_breaks_old_records_or_old_readers_is_told_in_a_phrase(new: dict[str, Any], says: list[str]) -> None:
    assert [str(change) for change in incompatibilities(OLD, new)] == says


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        of("new", to=TEXT),
        changed("$defs", "Part", "properties", "more", to={"type": "integer"}),
        changed("$defs", "Status", "enum", to=["delivered", "sent", "read"]),
        of("id", "description", to="Said better."),
        of("version", to={"type": "integer", "enum": [1]}),
        of("version", to={"const": 1.0}),
        of("id", to={"anyOf": [TEXT, TEXT]}),
        of("status", to={"enum": ["sent", "delivered"]}),
        of("price", to={"type": ["null", "string"]}),
        of("price", to={"oneOf": [{"type": "null"}, TEXT], "title": "Price"}),
        of("id", "minLength", to=0),
        of("free", to=True),
        changed("additionalProperties", to=True),
    ],
)
def test_what_says_the_same_or_what_readers_are_told_to_expect_is_compatible(new: dict[str, Any]) -> None:
    assert incompatibilities(OLD, new) == ()


def test_where_records_are_passed_on_whole_no_name_is_free_to_be_described() -> None:
    old, new = OLD, of("new", to=TEXT)

    assert incompatibilities(old, new, whole=True) == (
        Change(Rule.PROPERTY_CLAIMED, "new", "is described, though records may hold anything there"),
    )


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_every_schema_of_ours_is_compatible_with_itself(contract: Contract) -> None:
    assert incompatibilities(contract.schema, deepcopy(contract.schema), whole=contract.whole) == ()


def test_every_rule_is_broken_by_some_change_of_these_tables() -> None:
    told = {rule.partition(":")[0] for edit in FORBIDDEN for rule in edit.breaks}
    told |= {say.partition(":")[0] for _, says in FORBIDDEN_HERE for say in says}

    assert told == set(Rule) - {Rule.EXAMPLE_CHANGED}  # which is no matter of schemas: see test_publication.py


# What breaks no rule breaks nobody

SAID: dict[str, list[Any]] = {
    "type": ["string", "integer", "number", "boolean", "null", "object", "array", ["null", "string"]],
    "enum": [["x"], ["x", "xy"], ["x", 1, None], ["", True]],
    "const": ["x", 1, False, None],
    "pattern": ["^x", "y$"],
    "format": ["date"],
    "minLength": [0, 1, 2],
    "maxLength": [0, 1],
    "minimum": [0, 1],
    "maximum": [1, 2],
    "exclusiveMinimum": [0],
    "maxItems": [0, 1],
    "minProperties": [0, 1],
    "items": [True, {"type": "string"}, {"enum": ["x", "y"]}],
    "required": [[], ["a"], ["a", "b"]],
    "properties": [{}, {"a": {"type": "string"}}, {"a": {"type": "string"}, "b": {"type": ["null", "integer"]}}],
    "additionalProperties": [True, False, {"type": "string"}],
    "anyOf": [[{"type": "string"}, {"type": "null"}], [{"type": "object", "required": ["a"]}, {"enum": ["x"]}]],
    "not": [{"const": "x"}],
}
"""What a schema may say, by keyword."""
ABSENT = object()
VALUES: list[Any] = [
    *["", "x", "xy", "y", "2026-01-01", None, True, False, -1, 0, 1, 1.5, 2, 3],
    *[[], ["x"], ["x", "y"], [1], [None, "x"]],
    *[{}, {"a": "x"}, {"a": 1}, {"a": "x", "b": None}, {"a": "x", "b": "x"}, {"b": 1}, {"c": 1}, {"a": "x", "c": "y"}],
]
RECORDS: list[dict[str, Any]] = [
    {name: value for name, value in (("a", first), ("b", second)) if value is not ABSENT}
    for first in (ABSENT, *VALUES)
    for second in (ABSENT, None, 1, "x")
]


def sayings(draw: st.DrawFn, most: int) -> dict[str, Any]:
    keywords = draw(st.lists(st.sampled_from(sorted(SAID)), max_size=most, unique=True))
    return {keyword: draw(st.sampled_from(SAID[keyword])) for keyword in keywords}


@st.composite
def successors(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give a schema of records, and the same with one or two things said otherwise, or no longer, somewhere in it."""
    old: dict[str, Any] = {"type": "object", "properties": {"a": sayings(draw, 3), "b": sayings(draw, 1)}}
    new = deepcopy(old)
    changed = draw(st.sampled_from([new, new["properties"]["a"], new["properties"]["a"]]))
    for keyword in draw(st.lists(st.sampled_from(sorted({*changed, *SAID} - {"properties"})), min_size=1, max_size=2)):
        if keyword in changed and draw(st.booleans()):
            del changed[keyword]
        else:
            changed[keyword] = deepcopy(draw(st.sampled_from(SAID[keyword])))
    return old, new


@settings(max_examples=150)
@given(successors())
def test_where_no_rule_is_broken_old_records_are_valid_and_old_readers_read_new_ones(
    pair: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    old, new = pair

    if incompatibilities(old, new):
        return

    written, reader = validator(strict_twin(old)), validator(tolerant_reader(old))
    writes_now, reads_now = validator(strict_twin(new)), validator(new)
    for record in RECORDS:
        assert not written.is_valid(record) or reads_now.is_valid(record), f"an old record, no longer valid: {record}"
        assert not writes_now.is_valid(record) or reader.is_valid(record), (
            f"an old reader refuses what is new: {record}"
        )


def test_a_schema_that_refers_to_itself_is_compared_to_the_end() -> None:
    root = {"$ref": "#"}
    sides: dict[str, Any] = {"left": root, "right": {"anyOf": [root, {"type": "null"}]}}
    tree = {"type": "object", "properties": sides}
    grown = {"type": "object", "properties": {**sides, "value": {}}}
    free = {"type": "object", "properties": {"left": {}, "right": {}}}

    assert incompatibilities(tree, grown) == ()
    assert {str(change.rule) for change in incompatibilities(tree, free)} == {"type_widened", "property_removed"}
    assert {str(change.rule) for change in incompatibilities(free, tree)} == {"type_narrowed", "property_claimed"}
