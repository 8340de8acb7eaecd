"""`schemas/` is what the models say, and what the models say is what is published."""

import json
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from relay.events import SmsStatusEvent, Status
from relay.events.latest import SmsLatestState, Transition
from relay.events.publication import findings
from relay.events.records import latest_record, status_record
from relay.events.schemas import contracts, documents, example_event, example_latest
from relay.events.status_event import StatusEvent
from tests.events.published import files

DOCUMENTS = documents()


def test_schemas_is_what_the_models_say_and_nothing_in_it_is_lost_or_changed() -> None:
    assert findings(files(), contracts(), {}, "run `relay schemas export`") == ()


def test_every_contract_has_golden_examples() -> None:
    assert [contract.fault for contract in contracts()] == [""] * 4
    assert all(contract.examples for contract in contracts())


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if "examples" not in name])
def test_every_schema_is_valid_json_schema_2020_12_and_describes_every_property(name: str) -> None:
    schema = json.loads(DOCUMENTS[name])

    Draft202012Validator.check_schema(schema)
    for each in schema["properties"].values():
        said = {**schema.get("$defs", {}).get(each.get("$ref", "").rpartition("/")[2], {}), **each}
        assert "description" in said or "enum" in said
    assert all(Draft202012Validator(schema).is_valid(example) for example in schema["examples"])


@pytest.mark.parametrize("transition", list(Transition))
def test_there_is_a_golden_latest_state_of_every_transition_and_a_consumer_reads_it_back(
    transition: Transition,
) -> None:
    state = example_latest(transition)

    assert state.transition is transition
    assert SmsLatestState.model_validate_json(latest_record(state).value) == state
    assert SmsStatusEvent.model_validate_json(latest_record(state).value).event_id == state.event_id


def test_the_golden_latest_states_have_a_long_history_a_conflict_and_an_erasure() -> None:
    shown = {name: json.loads(DOCUMENTS[f"sms-latest/examples/{name}.json"]) for name in ("advance", "final_conflict")}
    erased = json.loads(DOCUMENTS["sms-latest/examples/erased.json"])

    assert [past["status"] for past in shown["advance"]["value"]["history"]] == ["pending", "sent", "delivered"]
    assert [past["status"] for past in shown["final_conflict"]["value"]["history"]] == ["sent", "expired", "delivered"]
    assert (erased["key"], erased["value"]) == ("zzzzz", None)


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

    assert SmsStatusEvent.model_validate_json(status_record(StatusEvent.of(event)).value) == event


def test_a_consumer_of_version_1_is_not_broken_by_a_field_added_later() -> None:
    value = json.loads(status_record(StatusEvent.of(example_event(Status.SENT))).value)

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
