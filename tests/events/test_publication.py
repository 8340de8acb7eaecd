"""What is published never changes; what the models add is written beside it; what breaks readers is refused."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from relay.events.publication import LOCK, Finding, examples, findings, plan, revisions
from relay.events.schemas import Contract, Part, as_json, contracts, documents

KIT = {"name": "Kit"}
CONTRACT = Contract(
    "pet",
    1,
    {"$id": "urn:pet:1", "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    {"cat": {"key": "c", "headers": {"id": "1"}, "value": {"name": "Cat", "wild": False, "kittens": [KIT, KIT]}}},
)
REMEDY = "run X"


def published(*models: Contract, upon: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Give the folder once all of these have been published in turn, each over the one before."""
    files = dict(upon or {})
    for model in models:
        planned = plan(files, [model], {})
        assert planned.refusals == ()
        files.update(planned.writes)
    return files


def with_property(contract: Contract, name: str, **schema: Any) -> Contract:  # noqa: ANN401 - a piece of schema
    """Give the contract with one more optional property, or with one of its properties said otherwise."""
    properties = {**contract.schema["properties"], name: schema}
    return replace(contract, schema={**contract.schema, "properties": properties})


def with_value(contract: Contract, **members: Any) -> Contract:  # noqa: ANN401 - JSON
    """Give the contract with these members of the value of its example added or changed."""
    example = deepcopy(dict(contract.examples["cat"]))
    example["value"].update(members)
    return replace(contract, examples={"cat": example})


def told(files: Mapping[str, bytes], *models: Contract, known: Mapping[str, bytes] | None = None) -> list[str]:
    return [f"{finding.path} {finding.says}" for finding in findings(files, models, known or {}, REMEDY)]


AGED = with_value(with_property(CONTRACT, "age", type="integer"), age=3)
COLOURED = with_value(with_property(AGED, "colour", type="string"), colour="red")


# Revisions


def test_the_first_publication_writes_all_files_and_a_lock_of_their_hashes() -> None:
    files = published(CONTRACT)

    assert set(files) == {"pet/1.json", "pet/examples/cat.json", LOCK}
    assert list(json.loads(files[LOCK])) == ["pet/1.json", "pet/examples/cat.json"]
    assert told(files, CONTRACT) == []


def test_publishing_again_writes_nothing() -> None:
    assert plan(published(CONTRACT), [CONTRACT], {}).writes == {}


def test_each_addition_is_a_revision_of_the_same_version_and_leaves_what_is_published_as_it_is() -> None:
    first = published(CONTRACT)

    files = published(AGED, COLOURED, upon=first)

    assert revisions(files, CONTRACT) == ["pet/1.json", "pet/1.1.json", "pet/1.2.json"]
    assert examples(files, CONTRACT) == ["pet/examples/cat-2.json", "pet/examples/cat-3.json", "pet/examples/cat.json"]
    assert {path: files[path] for path in first if path != LOCK} == {p: first[p] for p in first if p != LOCK}
    assert files["pet/1.2.json"] == as_json(COLOURED.schema)
    assert json.loads(files["pet/1.2.json"])["$id"] == "urn:pet:1"
    assert told(files, COLOURED) == []


def test_the_tenth_revision_comes_after_the_ninth() -> None:
    models = [replace(CONTRACT, schema={**CONTRACT.schema, "description": str(number)}) for number in range(12)]

    files = published(*models)

    assert revisions(files, CONTRACT)[-3:] == ["pet/1.9.json", "pet/1.10.json", "pet/1.11.json"]
    assert told(files, models[-1]) == []


def test_words_that_are_taken_back_are_a_revision_too() -> None:
    models = [replace(CONTRACT, schema={**CONTRACT.schema, "description": words}) for words in "aba"]

    files = published(*models)

    assert revisions(files, CONTRACT) == ["pet/1.json", "pet/1.1.json", "pet/1.2.json"]
    assert files["pet/1.2.json"] == files["pet/1.json"]


def test_an_inner_object_of_an_example_may_have_more() -> None:
    grown = with_value(CONTRACT, kittens=[{**KIT, "age": 1}, KIT])

    assert plan(published(CONTRACT), [grown], {}).refusals == ()


def test_what_is_passed_on_whole_may_have_no_name_described_later() -> None:
    whole = replace(CONTRACT, whole=True)

    (finding,) = plan(published(whole), [with_property(whole, "age", type="integer")], {}).refusals

    assert "property_claimed: age is described" in finding.says


def test_an_addition_that_is_not_published_yet_is_drift() -> None:
    assert told(published(CONTRACT), AGED) == [
        f"pet/1.1.json is missing: {REMEDY}",
        f"pet/examples/cat-2.json is missing: {REMEDY}",
        f"{LOCK} is not the list of what is published: {REMEDY}",
    ]


def test_version_2_is_published_beside_version_1_each_with_its_own_revisions_and_examples() -> None:
    second = replace(CONTRACT, version=2, schema={"$id": "urn:pet:2", "type": "object", "properties": {}})
    files = dict(published(CONTRACT))

    files.update(plan(files, [AGED, second], {}).writes)

    assert revisions(files, AGED) == ["pet/1.json", "pet/1.1.json"]
    assert revisions(files, second) == ["pet/2.json"]
    assert examples(files, second) == ["pet/examples/2/cat.json"]
    assert told(files, AGED, second) == []


# Refusals


@pytest.mark.parametrize("revision", [0, 1])
def test_a_model_is_compared_with_every_published_revision_not_with_the_last_alone(revision: int) -> None:
    models = [AGED, COLOURED]
    files = published(CONTRACT, *models)
    lost = [{"name"}, {"age"}][revision]
    properties = {name: schema for name, schema in COLOURED.schema["properties"].items() if name not in lost}
    model = replace(COLOURED, schema={**COLOURED.schema, "properties": properties, "required": sorted({"name"} - lost)})

    refused = plan(files, [model], {}).refusals

    assert [finding.path for finding in refused] == [["pet/1.json"], ["pet/1.1.json"]][revision]


def test_a_breaking_change_is_told_once_of_the_oldest_revision_with_its_rule_and_what_to_do() -> None:
    files = published(CONTRACT, AGED)
    broken = with_property(AGED, "name", type="integer")

    planned = plan(files, [broken], {})

    (finding,) = planned.refusals
    assert finding.path == "pet/1.json"
    assert finding.says == (
        "would change incompatibly (type_changed: name was string and is integer): "
        "undo it, or publish version 2 on a new topic (schemas/README.md)"
    )
    assert not set(planned.writes) - {LOCK}


@pytest.mark.parametrize(
    ("model", "place"),
    [
        (with_value(CONTRACT, name="Dog"), "value.name"),
        (with_value(CONTRACT, wild=0), "value.wild"),
        (with_value(CONTRACT, kittens=[]), "value.kittens"),
        (with_value(CONTRACT, kittens=[{"name": "Kit"}, {"name": "Tom"}]), "value.kittens[].name"),
        (replace(CONTRACT, examples={"cat": {"key": "c", "headers": {"id": "1"}, "value": {}}}), "value.name"),
        (replace(CONTRACT, examples={"cat": {**CONTRACT.examples["cat"], "headers": {"id": "2"}}}), "headers.id"),
        (replace(CONTRACT, examples={"cat": {**CONTRACT.examples["cat"], "key": None}}), "key"),
    ],
)
def test_a_golden_example_that_would_be_written_differently_is_a_breach_even_where_the_schema_says_the_same(
    model: Contract, place: str
) -> None:
    (finding,) = plan(published(CONTRACT), [model], {}).refusals

    assert finding.path == "pet/examples/cat.json"
    assert f"example_changed: {place} would be written differently" in finding.says


def test_a_header_that_hashes_the_value_may_follow_it() -> None:
    hashed = replace(CONTRACT, of_the_bytes=frozenset({"id"}))
    grown = with_value(hashed, age=3)
    example = {**grown.examples["cat"], "headers": {"id": "another"}}

    assert plan(published(hashed), [replace(grown, examples={"cat": example})], {}).refusals == ()


def test_an_example_that_the_models_no_longer_make_stays_published() -> None:
    files = published(CONTRACT, replace(CONTRACT, examples={}))

    assert "pet/examples/cat.json" in json.loads(files[LOCK])
    assert told(files, replace(CONTRACT, examples={})) == []


# The lock


@pytest.mark.parametrize("path", ["pet/1.json", "pet/examples/cat.json"])
@pytest.mark.parametrize("content", [b"{}", b"not json", None])
def test_a_published_file_that_was_changed_or_lost_is_named_and_publishing_restores_it(
    path: str, content: bytes | None
) -> None:
    whole = published(CONTRACT)
    files = dict(whole)
    del files[path]
    if content is not None:
        files[path] = content

    says = "is missing" if content is None else "was changed though it is published"
    assert any(sentence.startswith(f"{path} {says}: {REMEDY}") for sentence in told(files, CONTRACT))
    assert {**files, **plan(files, [CONTRACT], {}).writes} == whole


@pytest.mark.parametrize("content", [b"{}", None])
def test_an_older_revision_that_the_models_no_longer_make_is_restored_from_what_the_relay_knows(
    content: bytes | None,
) -> None:
    whole = published(CONTRACT, AGED)
    files = {path: whole[path] for path in whole if path != "pet/1.json"}
    if content is not None:
        files["pet/1.json"] = content

    (alone,) = plan(files, [AGED], {}).refusals
    restored = plan(files, [AGED], whole)

    assert alone.path == "pet/1.json"
    assert alone.says.endswith("restore it from version control")
    assert restored.refusals == ()
    assert {**files, **restored.writes} == whole


def test_an_empty_folder_is_given_the_whole_history_that_the_relay_knows() -> None:
    whole = published(CONTRACT, AGED)

    assert plan({}, [COLOURED], whole).writes.keys() >= {"pet/1.json", "pet/1.1.json", "pet/1.2.json"}
    assert dict(plan({}, [AGED], whole).writes) == whole


def test_what_the_relay_knows_counts_only_where_it_is_as_it_was_locked() -> None:
    known = {**published(CONTRACT), "pet/1.json": b"{}"}

    assert dict(plan({}, [CONTRACT], known).writes) == published(CONTRACT)


def test_a_lock_that_was_rewritten_with_a_changed_file_is_not_believed_against_what_the_relay_knows() -> None:
    known = published(CONTRACT)
    forged = published(with_property(CONTRACT, "age", type="integer"))

    (finding,) = plan(forged, [CONTRACT], known).refusals

    assert finding == Finding("pet/1.json", "is locked as something else than was published: restore the lock")


def test_a_line_lost_from_the_lock_does_not_let_a_published_file_be_written_over() -> None:
    files = published(CONTRACT)
    lock = json.loads(files[LOCK])
    del lock["pet/1.json"]
    files[LOCK] = as_json(lock)

    (finding,) = plan(files, [with_property(CONTRACT, "name", type="integer")], {}).refusals

    assert finding.path == "pet/1.json"
    assert "put its line back" in finding.says
    assert told(files, CONTRACT) == [f"{LOCK} is not the list of what is published: {REMEDY}"]


@pytest.mark.parametrize("content", [b"not json", b"[]", b'{"pet/1.json": 1}'])
def test_a_lock_that_cannot_be_read_is_a_refusal(content: bytes) -> None:
    files = {**published(CONTRACT), LOCK: content}

    assert told(files, CONTRACT) == [f"{LOCK} cannot be read: restore it from version control"]
    assert plan(files, [CONTRACT], {}).refusals


def test_a_stray_file_is_named_but_what_another_command_makes_is_none() -> None:
    files = {**published(CONTRACT), "stray.json": b"{}", "pet/1.7.json": b"{}", "asyncapi.json": b"{}"}

    assert told(files, CONTRACT) == [
        "pet/1.7.json is not made from the models: delete it",
        "stray.json is not made from the models: delete it",
    ]


def test_what_somebody_made_of_a_published_schema_is_also_told_as_the_rule_that_it_would_break() -> None:
    files = {**published(CONTRACT), "pet/1.json": as_json(AGED.schema)}

    sentences = told(files, CONTRACT)

    assert sentences[0] == f"pet/1.json was changed though it is published: {REMEDY}, which restores it"
    assert "property_removed: age is removed" in sentences[1]


# Ours


def test_our_own_contracts_have_names_and_examples_of_their_own_and_say_their_version() -> None:
    ours = contracts()

    assert len({(contract.name, contract.version) for contract in ours}) == len(ours)
    assert len(documents()) == sum(1 + len(contract.examples) for contract in ours)
    for contract in ours:
        assert contract.schema["$id"] == f"urn:sofy-relay:schema:{contract.name}:{contract.version}"
        header = "relay-schema" if contract.describes is Part.HEADERS else "ce_dataschema"
        named = {example["headers"].get(header) for example in contract.examples.values() if example["value"]}
        assert named == {contract.schema["$id"]}
