"""AsyncAPI's own parser reads our document as it is meant."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relay.asyncapi import asyncapi_document
from relay.asyncapi_settings import default_asyncapi_json, stream_of
from relay.settings import KafkaSettings, Settings, TopicSettings
from tests.asyncapi.parser import installed_parser, parse
from tests.node_packages import NodeUnavailableError

pytestmark = pytest.mark.consumers

DEFAULT: dict[str, Any] = json.loads(default_asyncapi_json())

# AsyncAPI 3.1 adds bindings that are not for Kafka; tools for 3.0 are those that people have.
EXPECTED = {"asyncapi-latest-version"}

Parse = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def home() -> Path:
    """Where the parser is; RELAY_REQUIRE_NODE=1 makes its absence a failure, else a skip."""
    try:
        return installed_parser()
    except NodeUnavailableError as error:
        if os.environ.get("RELAY_REQUIRE_NODE") == "1":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture
def parsed(home: Path, tmp_path: Path) -> Parse:
    def of(document: dict[str, Any]) -> dict[str, Any]:
        file = tmp_path / "asyncapi.json"
        file.write_text(json.dumps(document))
        return parse(home, file)

    return of


def complaints(found: dict[str, Any]) -> list[str]:
    return [f"{each['code']} at {each['path']}: {each['message']}" for each in found["diagnostics"]]


@pytest.mark.parametrize(
    "topics", [TopicSettings(), TopicSettings(status="a", other="b", dead_letter="c", latest="d", partitions=1)]
)
def test_the_parser_finds_nothing_to_complain_of(parsed: Parse, topics: TopicSettings) -> None:
    kafka = KafkaSettings(bootstrap_servers=("localhost:9092",))

    found = parsed(asyncapi_document(stream_of(Settings(kafka=kafka, topics=topics))))

    assert found["told"] is not None, complaints(found)
    assert {each["code"] for each in found["diagnostics"]} == EXPECTED, complaints(found)


def test_the_parser_sees_topics_operations_and_ways_to_log_in(parsed: Parse) -> None:
    topics = TopicSettings()

    told = parsed(DEFAULT)["told"]

    assert (told["version"], told["title"], told["license"]) == ("3.0.0", "Sofy Relay", "Apache-2.0")
    assert {name: channel["address"] for name, channel in told["channels"].items()} == {
        "smsStatus": topics.status,
        "webhookOther": topics.other,
        "deadLetter": topics.dead_letter,
        "smsLatest": topics.latest,
    }
    assert told["channels"]["smsLatest"]["messages"] == ["smsLatest", "smsErased"]
    assert told["channels"]["smsLatest"]["kafka"]["topicConfiguration"]["cleanup.policy"] == ["compact"]
    assert told["operations"]["receiveSmsStatus"] == {
        "action": "receive",
        "channels": ["smsStatus"],
        "messages": ["smsStatus"],
    }
    assert {name: server["protocol"] for name, server in told["servers"].items()} == {
        "secure": "kafka-secure",
        "local": "kafka",
    }
    assert told["servers"]["secure"]["security"] == ["scramSha512", "scramSha256", "userPassword", "X509"]


def test_the_parser_sees_schemas_headers_keys_and_examples_of_every_message(parsed: Parse) -> None:
    told = parsed(DEFAULT)["told"]

    messages = DEFAULT["components"]["messages"]
    assert told["messages"].keys() == messages.keys()
    for name, seen in told["messages"].items():
        assert set(seen["headers"]) == set(messages[name]["headers"]["properties"])
        assert seen["key"] == messages[name]["bindings"]["kafka"]["key"]
        assert seen["correlation"] == "$message.header#/correlation_id"
        assert seen["examples"] == [example["name"] for example in messages[name]["examples"]]
    status = told["messages"]["smsStatus"]
    schema = DEFAULT["components"]["schemas"]["smsStatus1"]["schema"]
    assert status["format"] == "application/schema+json;version=draft-2020-12"
    assert (status["title"], status["required"]) == (schema["title"], schema["required"])


@pytest.mark.parametrize(
    "spoilt",
    [
        {"channels": {**DEFAULT["channels"], "smsStatus": {**DEFAULT["channels"]["smsStatus"], "address": 1}}},
        {"info": {"version": "1"}},
        {"components": {**DEFAULT["components"], "schemas": {}}},
        {"operations": {"sendSmsStatus": {"action": "shout", "channel": {"$ref": "#/channels/smsStatus"}}}},
    ],
    ids=["address", "title", "reference", "action"],
)
def test_the_parser_refuses_what_is_no_asyncapi(parsed: Parse, spoilt: dict[str, Any]) -> None:
    found = parsed({**DEFAULT, **spoilt})

    assert found["told"] is None
    assert {each["code"] for each in found["diagnostics"]} > EXPECTED
