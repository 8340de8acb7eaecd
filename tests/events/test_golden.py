"""The golden examples: what is published stays, and every reader of a version reads every example of it."""

import hashlib

import pytest
from jsonschema import Draft202012Validator

from relay.events.latest import SmsLatestState
from relay.events.publication import LOCK, examples, revisions
from relay.events.schemas import Part, contracts
from relay.events.sms_status import SmsStatusEvent
from tests.events.published import Reading, document, files, readings
from tests.events.twins import strict_twin, tolerant_reader, validator

READINGS = readings()
FIRST_PUBLISHED = {
    "dead-letter/1.json": "119009dc9d3d6b8bc8fd68b1a30b8ad67eec43f042c3626720e874382010fa73",
    "dead-letter/examples/missing_status.json": "b01442ae1758d8a7891c58d66e95d23ce1309f67319fd195d2c74e884c5cb821",
    "sms-latest/1.json": "3e2da29e9e37aaadab011ca64544fdf3208ac8c826baa9a470847744641af79f",
    "sms-status/1.json": "eee71394f24faef77f6a6961b9d6220b50672138b20d4046b237cd7f14305e12",
    "sms-status/examples/delivered.json": "c22c37e788aa7deae7500de2e64d96eab77a179ea19d1dcb9ed7765fa024d7ea",
    "sms-status/examples/expired.json": "e7605a83faa568708ec8846213fdc87767dfe9e326a4a3035c112135c3e99d86",
    "webhook-other/1.json": "4a9a56e40fe38dd3da5bd9ca36b31d92b8e6fdb54e36d523146d586e19c56098",
    "webhook-other/examples/sms.reply.json": "d152e61df1afb06764fbb09ddc992ed2808001460fcdda09a2220a10f8778a50",
}
"""What was published first, beside the lock: who deletes `schemas/` and writes it anew makes a new lock too."""


def name(reading: Reading) -> str:
    return f"{reading.example} by {reading.revision}"


@pytest.mark.parametrize("path", FIRST_PUBLISHED)
def test_what_was_published_first_is_what_it_was(path: str) -> None:
    assert hashlib.sha256(files()[path]).hexdigest() == FIRST_PUBLISHED[path]
    assert document(LOCK)[path] == FIRST_PUBLISHED[path]


def test_every_published_schema_and_example_is_of_a_contract_that_the_models_make() -> None:
    ours = {path for contract in contracts() for path in (*revisions(files(), contract), *examples(files(), contract))}

    assert ours == set(document(LOCK))


@pytest.mark.parametrize(
    "path", [path for contract in contracts() for path in revisions(files(), contract)], ids=lambda path: path
)
def test_every_published_schema_is_json_schema_2020_12_and_holds_its_own_examples(path: str) -> None:
    schema = document(path)

    Draft202012Validator.check_schema(schema)
    assert schema["examples"]
    for example in schema["examples"]:
        validator(schema).validate(example)


@pytest.mark.parametrize("reading", READINGS, ids=name)
def test_every_reader_of_a_version_reads_every_golden_example_of_it(reading: Reading) -> None:
    if reading.described is not None:  # an erased state has no value
        validator(tolerant_reader(document(reading.revision))).validate(reading.described)


@pytest.mark.parametrize("reading", READINGS, ids=name)
def test_every_golden_example_is_valid_by_the_newest_revision_of_its_version_to_the_letter(reading: Reading) -> None:
    newest = revisions(files(), reading.contract)[-1]

    if reading.described is not None:
        validator(document(newest)).validate(reading.described)


@pytest.mark.parametrize("reading", [each for each in READINGS if not each.contract.whole], ids=name)
def test_no_golden_example_holds_what_its_schema_does_not_declare(reading: Reading) -> None:
    newest = revisions(files(), reading.contract)[-1]

    if reading.described is not None:
        validator(strict_twin(document(newest))).validate(reading.described)


@pytest.mark.parametrize("reading", [each for each in READINGS if each.contract.describes is Part.VALUE], ids=name)
def test_todays_models_read_every_golden_example_and_write_it_as_it_is(reading: Reading) -> None:
    models: dict[str, type[SmsStatusEvent]] = {"sms-status": SmsStatusEvent, "sms-latest": SmsLatestState}
    model = models.get(reading.contract.name)

    if model is not None and reading.described is not None:
        written = model.model_validate(reading.described).model_dump(mode="json")
        assert {key: written[key] for key in reading.described} == reading.described


def test_the_twins_differ_from_the_schema_in_what_they_are_for_alone() -> None:
    schema = document("sms-status/1.json")
    event = document("sms-status/examples/delivered.json")["value"]
    grown = {**event, "carrier": "a field that was added"}
    inner = {**event, "source": {**event["source"], "carrier": "another"}}
    extra = {**event, "source": {**event["source"], "extra": {"anything": 1}}}
    told_anew = {**event, "status": "read"}
    wrong = {**event, "status": 1, "segments": -1}

    judged = {
        twin.__name__: [validator(twin(schema)).is_valid(each) for each in (grown, inner, extra, told_anew, wrong)]
        for twin in (dict, strict_twin, tolerant_reader)
    }

    assert judged == {
        "dict": [True, True, True, False, False],
        "strict_twin": [False, False, True, False, False],
        "tolerant_reader": [True, True, True, True, False],
    }
