"""The AsyncAPI document says what the settings and the schemas say, and every example in it holds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from relay.asyncapi import asyncapi_document, asyncapi_json
from relay.asyncapi.payloads import inlined
from relay.asyncapi_settings import default_asyncapi_json, stream_of
from relay.events.schemas import documents
from relay.settings import KafkaSettings, ProjectorSettings, Settings, TopicSettings
from tests.asyncapi.reading import FORMAT_2020_12, faults, resolved, validator

ROOT = Path(__file__).parents[2]
DEFAULT: dict[str, Any] = json.loads(default_asyncapi_json())
PUBLISHED = documents()
KAFKA = KafkaSettings(bootstrap_servers=("localhost:9092",))
CHANNELS = {"smsStatus": "status", "webhookOther": "other", "deadLetter": "dead_letter", "smsLatest": "latest"}
"""The channels, and of which setting each topic's name is."""


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def addresses(document: dict[str, Any]) -> dict[str, str]:
    return {name: channel["address"] for name, channel in document["channels"].items()}


def test_the_checked_in_document_is_that_of_the_code() -> None:
    assert (ROOT / "schemas" / "asyncapi.json").read_bytes() == default_asyncapi_json(), "run `relay schemas export`"


def test_it_is_the_same_to_the_byte_whenever_it_is_made() -> None:
    settings = Settings(kafka=KAFKA)

    assert asyncapi_json(stream_of(settings)) == asyncapi_json(stream_of(settings)) == default_asyncapi_json()


def test_its_topics_are_the_defaults_of_the_settings() -> None:
    defaults = TopicSettings()

    assert addresses(DEFAULT) == {channel: getattr(defaults, name) for channel, name in CHANNELS.items()}


def test_it_follows_the_settings_and_channels_keep_their_names() -> None:
    topics = TopicSettings(
        status="a",
        other="b",
        dead_letter="c",
        latest="d",
        partitions=6,
        replication_factor=2,
        min_insync_replicas=1,
        status_retention_h=1,
    )
    kafka = KafkaSettings(bootstrap_servers=("localhost:9092",), client_id="mine")

    document = asyncapi_document(
        stream_of(Settings(kafka=kafka, topics=topics, projector=ProjectorSettings(group_id="ours")))
    )

    assert addresses(document) == dict(zip(CHANNELS, "abcd", strict=True))
    binding = document["channels"]["smsStatus"]["bindings"]["kafka"]
    assert (binding["topic"], binding["partitions"], binding["replicas"]) == ("a", 6, 2)
    assert binding["topicConfiguration"] == {
        "min.insync.replicas": 1,
        "max.message.bytes": 2 * 1024 * 1024,
        "cleanup.policy": ["delete"],
        "retention.ms": 3_600_000,
    }
    operation = document["operations"]["receiveSmsStatus"]["bindings"]["kafka"]
    assert (operation["groupId"]["const"], operation["clientId"]["const"]) == ("ours", "mine")


def test_the_latest_state_alone_is_compacted() -> None:
    policies = {
        name: channel["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"]
        for name, channel in DEFAULT["channels"].items()
    }

    assert policies == {name: ["compact"] if name == "smsLatest" else ["delete"] for name in CHANNELS}


def test_who_sends_and_receives_what() -> None:
    operations = {
        name: (operation["action"], operation["channel"]["$ref"].rpartition("/")[2])
        for name, operation in DEFAULT["operations"].items()
    }

    assert operations == {
        "sendSmsStatus": ("send", "smsStatus"),
        "sendWebhookOther": ("send", "webhookOther"),
        "sendDeadLetter": ("send", "deadLetter"),
        "sendSmsLatest": ("send", "smsLatest"),
        "receiveSmsStatus": ("receive", "smsStatus"),
    }


def test_it_is_complete_in_itself() -> None:
    found = list(references(DEFAULT))

    assert len(found) > 20
    assert all(resolved(DEFAULT, reference) is not None for reference in found)


def test_everything_has_a_title_and_a_sentence() -> None:
    described = [
        *DEFAULT["servers"].values(),
        *DEFAULT["channels"].values(),
        *DEFAULT["operations"].values(),
        *DEFAULT["components"]["messages"].values(),
    ]

    assert all(each["title"] and each["summary"].endswith(".") for each in described)
    assert len({tag["name"] for tag in DEFAULT["info"]["tags"]}) == len(DEFAULT["info"]["tags"])
    known = {tag["name"] for tag in DEFAULT["info"]["tags"]}
    assert all({tag["name"] for tag in each["tags"]} <= known for each in described if "tags" in each)


@pytest.mark.parametrize("message", list(DEFAULT["components"]["messages"]))
def test_every_example_follows_its_schemas(message: str) -> None:
    told = DEFAULT["components"]["messages"][message]

    assert told["examples"]
    for example in told["examples"]:
        key = example["headers"].get("ce_partitionkey", "zzzzz")
        value = None if example["payload"] is None else json.dumps(example["payload"]).encode()
        assert not faults(DEFAULT, message, key=key, headers=example["headers"], value=value), example["name"]


def test_every_golden_example_is_in_it() -> None:
    shown = [example for told in DEFAULT["components"]["messages"].values() for example in told["examples"]]

    golden = [json.loads(content) for path, content in PUBLISHED.items() if "/examples/" in path]
    assert len(shown) == len(golden)
    assert all(
        any((each["headers"], each["payload"]) == (example["headers"], example["value"]) for each in shown)
        for example in golden
    )


@pytest.mark.parametrize(
    ("component", "path"),
    [
        ("smsStatus1", "sms-status/1.json"),
        ("webhookOther1", "webhook-other/1.json"),
        ("smsLatest1", "sms-latest/1.json"),
    ],
)
def test_a_payload_is_the_published_schema_of_one_piece(component: str, path: str) -> None:
    published = json.loads(PUBLISHED[path])

    told = DEFAULT["components"]["schemas"][component]

    assert told["schemaFormat"] == FORMAT_2020_12
    assert told["schema"]["$id"] == published["$id"]
    assert told["schema"].keys() == published.keys() - {"$defs"}
    assert not list(references(told))
    Draft202012Validator.check_schema(told["schema"])


@pytest.mark.parametrize("wrong", [None, 1, "x", [], {}, True])
@pytest.mark.parametrize("folder", ["sms-status", "sms-latest"])
def test_a_schema_of_one_piece_takes_and_refuses_what_the_published_one_does(folder: str, wrong: object) -> None:
    published = json.loads(PUBLISHED[f"{folder}/1.json"])
    example = next(content for path, content in PUBLISHED.items() if path.startswith(f"{folder}/examples/"))
    good = json.loads(example)["value"]
    whole = Draft202012Validator(published)
    one_piece = validator({"schemaFormat": FORMAT_2020_12, "schema": inlined(published)})

    spoilt = [
        *({**good, name: wrong} for name in good),
        *({**good, "source": {**good["source"], name: wrong}} for name in good["source"]),
        *({name: value for name, value in good.items() if name != left_out} for left_out in good),
    ]

    verdicts = [one_piece.is_valid(each) for each in spoilt]
    assert verdicts == [whole.is_valid(each) for each in spoilt]
    assert not all(verdicts)


def test_what_stands_beside_a_reference_is_kept() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A", "description": "here"}, "b": {"anyOf": [{"$ref": "#/$defs/A"}]}},
        "$defs": {"A": {"properties": {"c": {"$ref": "#/$defs/C"}}, "description": "there"}, "C": {"type": "null"}},
    }

    assert inlined(schema) == {
        "properties": {
            "a": {"properties": {"c": {"type": "null"}}, "description": "here"},
            "b": {"anyOf": [{"properties": {"c": {"type": "null"}}, "description": "there"}]},
        }
    }
