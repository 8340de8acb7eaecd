"""`schemas/` is what the models say, and what the models say is what is published."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from relay.events import SmsStatusEvent, Status
from relay.events.records import status_record
from relay.events.schemas import documents, example_event

ROOT = Path(__file__).parents[2]
DOCUMENTS = documents()


def test_the_checked_in_schemas_are_those_of_the_models() -> None:
    checked_in = {
        str(path.relative_to(ROOT / "schemas")): path.read_bytes() for path in (ROOT / "schemas").rglob("*.json")
    }

    assert checked_in == DOCUMENTS, "run `relay schemas export`"


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if "examples" not in name])
def test_every_schema_is_valid_json_schema_2020_12_and_describes_every_property(name: str) -> None:
    schema = json.loads(DOCUMENTS[name])

    Draft202012Validator.check_schema(schema)
    assert all("description" in each or "enum" in each for each in schema["properties"].values())
    assert all(Draft202012Validator(schema).is_valid(example) for example in schema["examples"])


@pytest.mark.parametrize("status", list(Status))
def test_there_is_a_golden_example_of_every_status_and_it_follows_the_schema(status: Status) -> None:
    schema = json.loads(DOCUMENTS["sms-status/1.json"])
    example = json.loads(DOCUMENTS[f"sms-status/examples/{status}.json"])

    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(example["value"])
    assert example["value"]["status"] == status
    assert example["key"] == example["value"]["sms_id"]


@pytest.mark.parametrize("status", list(Status))
def test_a_consumer_reads_back_with_the_models_what_was_written_with_them(status: Status) -> None:
    event = example_event(status)

    assert SmsStatusEvent.model_validate_json(status_record(event).value) == event


def test_a_consumer_of_version_1_is_not_broken_by_a_field_added_later() -> None:
    value = json.loads(status_record(example_event(Status.SENT)).value)

    SmsStatusEvent.model_validate({**value, "added_later": 1})


def test_importing_the_event_models_imports_pydantic_and_nothing_of_the_server() -> None:
    script = (
        "import sys; before = set(sys.modules); import relay.events; import pydantic;"
        "print('\\n'.join(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    )
    imported = set(subprocess.check_output([sys.executable, "-c", script], text=True).split())  # noqa: S603 - ours

    server = {
        "aiokafka",
        "confluent_kafka",
        "faststream",
        "httptools",
        "phonenumbers",
        "prometheus_client",
        "pydantic_settings",
        "rich",
        "starlette",
        "structlog",
        "typer",
        "uvicorn",
        "uvloop",
    }
    assert "pydantic" in imported
    assert not imported & server
