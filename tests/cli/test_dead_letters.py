"""`relay dead-letters`: what `list` and `show` say, and what goes wrong."""

import json
from datetime import timedelta

import pytest

from relay.cli.dead_letters.listing import payload_lines
from relay.events.times import rfc3339
from relay.reasons import Reason
from tests.cli.conftest import Run
from tests.kafka.choice import Kafka
from tests.kafka.topics import Topics
from tests.streams.letters import NOW, Office, letter_record

kafka_needed = pytest.mark.kafka
HOUR = timedelta(hours=1)


@pytest.fixture
def office(kafka: Kafka, topics: Topics) -> Office:
    return Office.open(kafka.bootstrap_servers, topics)


# list


THREE = [
    letter_record("a", received_at=NOW - 3 * HOUR),
    letter_record(None, payload=b"{", reason=Reason.INVALID_JSON, detail="EOF", received_at=NOW - 2 * HOUR),
    letter_record("c", account="paris", received_at=NOW - HOUR),
]


@kafka_needed
def test_the_list_is_a_line_a_letter_the_oldest_first_and_shows_nothing_of_the_payload(
    run: Run, office: Office
) -> None:
    office.write(THREE)

    result = run("dead-letters", "list", env=office.settings)

    title, *lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert title.split() == ["ID", "RECEIVED", "AT", "ACCOUNT", "REASON", "DETAIL", "SMS", "BYTES"]
    assert [line.split()[1:] for line in lines] == [
        [rfc3339(NOW - 3 * HOUR), "default", "missing_status", "status:", "absent", "a", str(len(THREE[0].value))],
        [rfc3339(NOW - 2 * HOUR), "default", "invalid_json", "EOF", "-", "1"],
        [rfc3339(NOW - HOUR), "paris", "missing_status", "status:", "absent", "c", str(len(THREE[2].value))],
    ]
    assert "Hello" not in result.output


FILTERED = [
    ((), ["a", None, "c"]),
    (("--reason", "invalid_json"), [None]),
    (("--reason", "invalid_json", "--reason", "missing_status", "--limit", "2"), ["a", None]),
    (("--account", "paris", "--since", "90m"), ["c"]),
    (("--since", rfc3339(NOW - 2 * HOUR), "--until", rfc3339(NOW - HOUR)), [None]),
    (("--account", "nobody"), []),
]


@kafka_needed
def test_filters_choose(run: Run, office: Office) -> None:
    office.write(THREE)
    places = office.places()

    for filters, listed in FILTERED:
        result = run("dead-letters", "list", "--json", *filters, env=office.settings)

        told = [json.loads(line) for line in result.stdout.splitlines()]
        assert result.exit_code == 0
        assert [it["sms_id"] for it in told] == listed, filters
        assert [it["id"] for it in told] == [places[None if key is None else key.encode()] for key in listed]


@kafka_needed
def test_as_json_a_letter_is_one_object_a_line(run: Run, office: Office) -> None:
    office.write(THREE[:1])

    result = run("dead-letters", "list", "--json", env=office.settings)

    [told] = [json.loads(line) for line in result.stdout.splitlines()]
    assert f"{told.pop('partition')}@{told.pop('offset')}" == told.pop("id")
    assert told == {
        "received_at": rfc3339(NOW - 3 * HOUR),
        "account": "default",
        "reason": "missing_status",
        "detail": "status: absent",
        "sms_id": "a",
        "size": len(THREE[0].value),
        "relay_id": THREE[0].id,
    }


# show


@kafka_needed
def test_a_letter_is_shown_with_its_headers_and_its_payload_and_a_warning(run: Run, office: Office) -> None:
    office.write(THREE)
    place = office.places()[b"a"]

    result = run("dead-letters", "show", place, env=office.settings)

    assert result.exit_code == 0
    assert f"partition@offset: {place}" in result.stdout
    assert f"relay-id: {THREE[0].id}" in result.stdout
    assert '      "body": "Hello world !",' in result.stdout.splitlines()
    assert "personal data" in result.stderr


@kafka_needed
def test_raw_gives_the_bytes_as_they_came_and_nothing_else(run: Run, office: Office) -> None:
    payload = b'\xff\x00 {"a": 0.080}\n'
    office.write([letter_record("a", payload=payload)])

    result = run("dead-letters", "show", "--raw", office.places()[b"a"], env=office.settings)

    assert (result.exit_code, result.stdout_bytes, result.stderr) == (0, payload, "")


@kafka_needed
def test_a_place_without_a_letter_is_one_sentence(run: Run, office: Office) -> None:
    for place in ("0@99", "99@0"):
        result = run("dead-letters", "show", place, env=office.settings)

        assert result.exit_code == 1
        assert result.stderr == f"No dead letter stands at {place}; `relay dead-letters list` shows those that do.\n"


@pytest.mark.parametrize(
    ("payload", "lines"),
    [
        (None, ["(none)"]),
        (b"[1]", ["[", "  1", "]"]),
        (b'"\xc2\x9b2J"', ['"\\x9b2J"']),
        (b"\x1b[2J\xff\r\nx", ["\\x1b[2J\\xff\\r", "x"]),
        (b"x" * 1001, ["x" * 500, "x" * 500, "x"]),
        (b"[" * 100_000, ["[" * 500] * 200),
    ],
)
def test_a_payload_is_shown_whole_and_cannot_steer_the_terminal(payload: bytes | None, lines: list[str]) -> None:
    assert list(payload_lines(payload)) == lines


# What goes wrong


@pytest.mark.parametrize("command", [("list",), ("show", "0@0"), ("replay",)], ids=" ".join)
def test_a_broker_that_does_not_answer_is_one_sentence(run: Run, command: tuple[str, ...]) -> None:
    result = run("dead-letters", *command, env={"RELAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert result.exit_code == 1
    assert result.stderr == "No broker of RELAY_KAFKA__BOOTSTRAP_SERVERS answers (127.0.0.1:1: connection refused).\n"


@kafka_needed
@pytest.mark.parametrize("command", [("list",), ("show", "0@0"), ("replay",)], ids=" ".join)
def test_a_missing_topic_is_one_sentence_and_stays_missing(
    run: Run, kafka: Kafka, topics: Topics, command: tuple[str, ...]
) -> None:
    name = topics.unused_name()
    settings = {"RELAY_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "RELAY_TOPICS__DEAD_LETTER": name}

    result = run("dead-letters", *command, env=settings)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Topic {name} is missing, or our user may not see it")
    assert len(result.stderr.splitlines()) == 1
    assert name not in topics.names()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "--reason", "invalid_jsn"), "invalid_jsn is no reason of a dead letter"),
        (("list", "--since", "yesterday"), "give a time with its zone"),
        (("show", "17"), "is no partition@offset, such as 3@17"),
        (("replay", "17"), "is no partition@offset, such as 3@17"),
    ],
)
def test_what_is_mistyped_is_refused_before_kafka_is_asked(run: Run, arguments: tuple[str, ...], says: str) -> None:
    result = run("dead-letters", *arguments, env={"RELAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())


def test_only_kafka_topics_privacy_and_the_accounts_are_looked_at(run: Run) -> None:
    result = run(
        "dead-letters", "replay", env={"RELAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "RELAY_HTTP__PORT": "x"}
    )

    assert result.exit_code == 1
