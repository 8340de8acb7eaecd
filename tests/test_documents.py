"""The documents say what the code does: each table that repeats code is compared with it."""

import itertools
import json
import re
import runpy
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import typer.main
from confluent_kafka import Consumer, Producer
from pydantic import BaseModel

from relay.cli import app
from relay.demo.broker import EmbeddedBroker
from relay.events.records import status_record
from relay.events.schemas import example_dead_letter, example_event, example_other
from relay.events.sms_status import Category, SmsStatusEvent, Status
from relay.events.status_event import StatusEvent
from relay.observability.metrics import catalogue, projector_catalogue
from relay.publishing.replacement import Cause
from relay.reasons import MEANING, Kind, Reason
from relay.settings import Settings
from relay.settings.environment import FILE_SUFFIX, KNOWN, load
from relay.sofy.statuses import interpret

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
CONFIGURATION = ROOT / "docs/configuration.md"
SERVERS = "RELAY_KAFKA__BOOTSTRAP_SERVERS"
REQUIRED = {f"RELAY_REQUIRE_{what}" for what in ("BROWSER", "CONSUMERS", "GO", "KAFKA", "NODE", "OPS", "REDIS")}
"""What makes a missing tool a failure of the tests."""

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def section(document: Path, heading: str) -> str:
    """Everything below a heading, up to the next one of its level or above."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.search(rf"^(#+) {re.escape(heading)}$\n(.*?)(?=^#{{1,2}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{document.name} has no heading {heading!r}"
    return found[2]


def rows(text: str) -> list[list[str]]:
    """The rows of all tables in a text, without their heads; cells as written."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("|---"):
            found.pop()
        elif line.startswith("|"):
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def code(cell: str) -> str:
    """What stands between a cell's backquotes."""
    return cell.strip("`")


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)


# Settings


def value_of(settings: Settings, name: str) -> object:
    return getattr(getattr(settings, KNOWN[name].group), KNOWN[name].field)


def test_the_configuration_names_every_setting_once_and_in_order() -> None:
    names = [code(row[0]) for row in rows(CONFIGURATION.read_text())]

    assert names == list(KNOWN)


@pytest.mark.parametrize("document", [README, CONFIGURATION], ids=lambda path: path.name)
def test_a_documented_default_is_the_real_one(document: Path) -> None:
    minimum = {SERVERS: "localhost:9092"}
    defaults = load(minimum).settings
    table = rows(section(document, "Configuration") if document is README else document.read_text())

    for name, default in ((code(row[0]), row[1]) for row in table):
        if default == "required":
            assert name == SERVERS
        elif default == "–":
            assert not value_of(defaults, name), name
        else:
            said = load({**minimum, name: code(default)}).settings
            assert value_of(said, name) == value_of(defaults, name), name


def words_of(name: str) -> set[str]:
    """The words that a setting can be, where it is one of a few."""
    group = Settings.model_fields[KNOWN[name].group].annotation
    annotation = getattr(group, "model_fields", {})[KNOWN[name].field].annotation
    options = [annotation, *get_args(annotation)]
    options += [inner for option in options[1:] for inner in get_args(option)]  # what is annotated, in an optional
    literals = [option for option in options if get_origin(option) is Literal]
    return {word for literal in literals for word in get_args(literal)}


def test_the_configuration_has_every_word_that_a_setting_can_be() -> None:
    table = {code(row[0]): set(re.findall(r"`([^`]+)`", " ".join(row[1:]))) for row in rows(CONFIGURATION.read_text())}

    for name, said in table.items():
        assert words_of(name) <= said, name


@every_document
def test_every_setting_that_a_document_names_exists(document: Path) -> None:
    # `RELAY_TEST_…`, `RELAY_SOFY__…` are families; RELAY_SERVICE_HOST and RELAY_PORT are what Kubernetes injects.
    families = re.compile(r"RELAY_(?:[A-Z]+__|TEST_|REQUIRE_)?…?")
    others = {"RELAY_SERVICE_HOST", "RELAY_PORT", "RELAY_TEST_KAFKA", *REQUIRED}

    for name in re.findall(r"RELAY_[A-Z_]*…?", document.read_text()):
        assert families.fullmatch(name) or name in others or name.removesuffix(FILE_SUFFIX) in KNOWN, name


# Metrics


def test_the_metrics_page_says_of_each_metric_what_the_catalogue_says() -> None:
    documented = [row for row in rows((ROOT / "docs/metrics.md").read_text()) if len(row) == 5]

    assert documented == [
        [
            f"`{metric.name}`",
            metric.type.value,
            ", ".join(f"`{label}`" for label in metric.labels) or "–",
            metric.says,
            metric.when_it_moves,
        ]
        for metric in (*catalogue(), *projector_catalogue())
    ]


@every_document
def test_every_metric_that_a_document_names_exists(document: Path) -> None:
    declared = {metric.name for metric in (*catalogue(), *projector_catalogue())}

    for name in re.findall(r"(?<!namespace_job:)sofy_relay_[a-z_]+", document.read_text()):
        assert name in declared or name.removesuffix("_bucket") in declared, name


# Answers


def test_every_log_line_that_the_operations_page_quotes_is_written_somewhere() -> None:
    code_of_the_relay = "".join(file.read_text() for file in sorted((ROOT / "relay").glob("**/*.py")))

    quoted = re.findall(r'"([^"]+)"', "".join(row[3] for row in rows((ROOT / "docs/operations.md").read_text())))

    assert [line for line in quoted if f'"{line}' not in code_of_the_relay] == []


def test_every_test_that_the_faults_page_names_exists() -> None:
    table = rows((ROOT / "docs/faults.md").read_text())

    for _, cell in table:
        for named in cell.split("; "):
            file, *tests = re.findall(r"`([^`]+)`", named)
            there = re.findall(r"^(?:async )?def (test_\w+)", (ROOT / "tests" / file).read_text(), re.MULTILINE)
            assert tests
            assert set(tests) <= set(there), file


def test_the_operations_page_names_every_reason_to_defer_a_webhook_and_every_cause_to_replace_a_producer() -> None:
    text = (ROOT / "docs/operations.md").read_text()

    deferred = [reason.value for reason in Reason if MEANING[reason].kind is Kind.DEFERRED]
    missing = [word for word in (*deferred, *(cause.value for cause in Cause)) if word not in text]

    assert missing == []


def test_the_answers_page_has_every_reason_with_its_status_and_its_sentence() -> None:
    expected = []
    for reason, meaning in MEANING.items():
        answer = "none" if meaning.status is None else str(meaning.status)
        letter = ", dead letter" if meaning.kind is Kind.DEAD_LETTERED else ""
        expected.append([f"`{reason}`", answer + letter, meaning.says])

    assert rows(section(ROOT / "docs/answers.md", "Reasons")) == expected


def test_the_answers_page_has_every_dead_letters_reason_and_header() -> None:
    record = example_dead_letter()

    table = rows(section(ROOT / "docs/answers.md", "Dead letters"))

    reasons = {reason.value for reason in Reason if MEANING[reason].kind is Kind.DEAD_LETTERED}
    assert {code(row[0]) for row in table} == {*reasons, *record.headers, "correlation_id"}


def test_the_readmes_answers_have_every_status() -> None:
    said = set(re.findall(r"\b[245][0-9]{2}\b", " ".join(row[1] for row in rows(section(README, "Answers")))))

    possible = {str(meaning.status) for meaning in MEANING.values() if meaning.status is not None}
    assert said == {*possible, "204"}


# The event


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a model and of those inside it, with `yes` or `no`: whether it may be null."""
    for name, field in model.model_fields.items():
        options = getattr(field.annotation, "__args__", (field.annotation,))
        yield prefix + name, "yes" if type(None) in options else "no"
        for option in options:
            if isinstance(option, type) and issubclass(option, BaseModel):
                yield from fields(option, f"{prefix}{name}.")


def test_the_events_page_has_every_field_and_whether_it_may_be_null() -> None:
    table = rows(section(ROOT / "docs/event.md", "Value"))

    assert [(code(row[0]), row[2]) for row in table] == list(fields(SmsStatusEvent))


STATUS_ROWS = rows(section(ROOT / "docs/event.md", "Statuses and reasons"))


@pytest.mark.parametrize("row", STATUS_ROWS, ids=lambda row: " ".join(code(cell) for cell in row[:2]))
def test_a_row_of_the_statuses_table_is_what_the_relay_does(row: list[str]) -> None:
    words = {"empty": "", "other": "a word that no table holds"}

    meaning = interpret(words.get(row[0], code(row[0])), words.get(row[1], code(row[1])))

    told = ["reason null", "–"]
    if meaning.reason is not None:
        told = [f"`{meaning.reason.category}`", json.dumps(meaning.reason.permanent)]
    assert row[2:] == [f"`{meaning.status}`", *told]


def test_the_events_page_names_every_status_and_category() -> None:
    said = set(re.findall(r"`([a-z_]+)`", section(ROOT / "docs/event.md", "Statuses and reasons")))

    assert said >= {*Status, *Category}


def test_the_readmes_statuses_are_the_relays() -> None:
    table = [row for row in rows(section(README, "The event")) if len(row) == 4]

    expected = {
        status.value: [f"`{status}`", str(status.rank), "yes" if status.is_final else "no"] for status in Status
    }
    assert sorted(row[:3] for row in table) == sorted(expected.values())


def test_the_readmes_event_is_a_golden_one() -> None:
    (shown,) = blocks(README, "json")

    assert json.loads(shown) == json.loads(example_event(Status.EXPIRED).model_dump_json())


def test_the_events_page_has_every_header() -> None:
    traced = status_record(StatusEvent.of(example_event(Status.DELIVERED)), traceparent="00-1-2-01")

    table = rows(section(ROOT / "docs/event.md", "Record"))

    parts = {"topic", "key", "partitioner", "timestamp", "headers"}
    assert {code(row[0]) for row in table} - parts == {*traced.headers, "correlation_id"}


def test_other_events_differ_from_status_events_in_the_headers_that_the_page_names() -> None:
    other, status = example_other().headers, status_record(StatusEvent.of(example_event(Status.DELIVERED))).headers

    differing = {name for name in {*other, *status} if other.get(name) != status.get(name)}

    named = set(re.findall(r"`(ce_[a-z]+)`", section(ROOT / "docs/event.md", "Other events")))
    assert differing <= named


# Commands, targets, links


@cache
def commands() -> dict[str, set[str]]:
    """The options of every command, by its words; groups too."""
    found: dict[str, set[str]] = {}
    waiting = [("relay", typer.main.get_command(app))]
    while waiting:
        words, command = waiting.pop()
        found[words] = {"--help", *(option for parameter in command.params for option in parameter.opts)}
        waiting += [(f"{words} {name}", inner) for name, inner in getattr(command, "commands", {}).items()]
    return found


def mentions(document: Path, program: str) -> Iterator[list[str]]:
    """Every use of a program in code, inline or in a block, as words; comments left out."""
    text = document.read_text()
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    for line in [*inline, *"\n".join(blocks(document, "sh")).splitlines()]:
        if line.startswith(f"{program} "):
            yield list(itertools.takewhile(lambda word: word != "|", shlex.split(line, comments=True)))


@every_document
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    for words in mentions(document, "relay"):
        plain = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
        named = " ".join(plain[:3]) if " ".join(plain[:3]) in commands() else " ".join(plain[:2])
        assert named in commands(), words
        assert {word for word in words if word.startswith("-")} <= commands()[named], words


def test_the_readme_has_every_command_and_only_options_that_exist() -> None:
    table = rows(section(README, "Commands"))

    leaves = {words for words in commands() if not any(other.startswith(f"{words} ") for other in commands())}
    assert {code(row[0]) for row in table} == leaves
    for row in table:
        assert set(re.findall(r"--[a-z-]+", row[1])) <= commands()[code(row[0])]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


@every_document
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    for words in mentions(document, "make"):
        assert words[1] in make_targets(), words


def test_contributing_has_every_make_target() -> None:
    table = rows(section(ROOT / "CONTRIBUTING.md", "Set up"))

    assert {code(row[0]).removeprefix("make ") for row in table} == make_targets()


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_index_of_decisions_has_every_one_under_its_title() -> None:
    folder = ROOT / "docs/adr"
    files = sorted(folder.glob("[0-9]*.md"))

    listed = [
        (re.findall(r"\[(\d{4})\]\(([^)]+)\)", row[0])[0], row[1]) for row in rows((folder / "README.md").read_text())
    ]

    assert listed == [
        ((path.name[:4], path.name), path.read_text().splitlines()[0].removeprefix(f"# {path.name[:4]} "))
        for path in files
    ]
    assert [path.name[:4] for path in files] == [f"{number:04}" for number in range(1, len(files) + 1)]


# The consumer's example


@pytest.fixture
def example(tmp_path: Path) -> dict[str, Any]:
    """The README's consumer, loaded as a module."""
    (source,) = blocks(README, "python")
    path = tmp_path / "consumer.py"
    path.write_text(source)
    return runpy.run_path(str(path))


def event(**changes: object) -> dict[str, Any]:
    return {**json.loads(example_event(Status.SENT).model_dump_json()), **changes}


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ({"is_final": True, "status_rank": 100}, {"status_rank": 20, "occurred_at": "2099-01-01T00:00:00.000Z"}),
        ({"status_rank": 20, "occurred_at": None}, {"status_rank": 10}),
        ({"occurred_at": "2022-12-29T18:24:44.938Z"}, {"occurred_at": "2022-12-29T18:24:44.937Z"}),
        ({"occurred_at": "2022-12-29T18:24:44.938Z"}, {"occurred_at": None}),
    ],
)
def test_the_example_tells_the_newer_state(
    example: dict[str, Any], newer: dict[str, object], older: dict[str, object]
) -> None:
    place = example["place"]

    assert place(event(**newer), 1) > place(event(**older), 2)
    assert place(event(), 2) > place(event(), 1)


def test_the_example_drops_copies_and_late_older_states(example: dict[str, Any], embedded: EmbeddedBroker) -> None:
    topic = "documents.consumer-example"
    embedded.create_topic(topic, partitions=1)
    written = [
        event(event_id="1", status="delivered", status_rank=100, is_final=True),
        event(event_id="1", status="delivered", status_rank=100, is_final=True),
        event(event_id="2", status="sent", status_rank=20),
        event(event_id="3", sms_id="another"),
    ]
    servers: dict[str, str | int | float | bool] = {"bootstrap.servers": embedded.bootstrap_servers}
    producer = Producer(servers)
    for value in written:
        producer.produce(topic, json.dumps(value).encode(), value["sms_id"].encode())
    producer.flush()
    consumer = Consumer({**servers, "group.id": topic, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([topic])

    try:
        changes = list(itertools.islice(example["follow"](consumer, example["States"]()), 2))
    finally:
        consumer.close()

    assert [change["event_id"] for change in changes] == ["1", "3"]
