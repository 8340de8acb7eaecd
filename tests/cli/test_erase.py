"""`relay erase`: the tombstone, and what is said to stand elsewhere, on a real Kafka."""

from datetime import timedelta

import pytest

from relay.events.latest import SmsLatestState, take_in
from relay.events.record import Destination
from relay.events.records import latest_record, status_record
from relay.events.sms_status import SmsStatusEvent, Status
from relay.events.status_event import StatusEvent
from relay.events.times import milliseconds, rfc3339
from relay.publishing.partitioning import partition_of
from relay.reasons import Reason
from tests.cli.conftest import Run
from tests.kafka.choice import Kafka
from tests.kafka.topics import Topics
from tests.streams.facts import event
from tests.streams.letters import NOW, PARTITIONS, Office, letter_record

WEEK = timedelta(days=7)
"""A real broker's own retention."""


@pytest.fixture
def office(kafka: Kafka, topics: Topics) -> Office:
    return Office.open(kafka.bootstrap_servers, topics)


def told(status: Status, sms_id: str) -> SmsStatusEvent:
    return event(status, sms_id=sms_id).model_copy(update={"received_at": NOW})


def state(sms_id: str) -> SmsLatestState:
    return take_in(None, told(Status.SENT, sms_id), 0).state


@pytest.mark.kafka
def test_it_writes_a_tombstone_where_the_state_is_and_says_what_still_stands(run: Run, office: Office) -> None:
    nameless = letter_record(None, payload=b'{"id": "abc"', reason=Reason.INVALID_JSON)
    office.write(
        [
            latest_record(state("abc")),
            latest_record(state("other")),
            status_record(StatusEvent.of(told(Status.SENT, "abc"))),
            status_record(StatusEvent.of(told(Status.DELIVERED, "abc"))),
            status_record(StatusEvent.of(told(Status.SENT, "other")))._replace(
                value=b'"abc"'
            ),  # of another SMS, whatever it holds
            letter_record("abc")._replace(timestamp_ms=milliseconds(NOW)),
            nameless,
        ]
    )

    result = run("erase", "--sms", "abc", env=office.settings)

    status, other, letters, latest = (office.topics[it] for it in Destination)
    until = f"until {rfc3339(NOW + WEEK)}, then as its segment rolls, at {rfc3339(NOW + 2 * WEEK)} at the latest."
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"Erased on {latest}, partition {partition_of(b'abc', PARTITIONS)}: Kafka has acknowledged the tombstone.",
        f"{status} holds 2 records, {until}",
        f"{other} holds nothing of it.",
        f"{letters} holds 1 record and 1 record of another key or none that names its id, {until}",
        f"{latest} holds 1 record, until the topic is next compacted; the tombstone stays 24 h longer.",
        "A later event of this SMS, or a replay of its dead letters, makes a new state.",
    ]
    standing = [(it.key, it.value is None) for it in office.read(Destination.LATEST) if it.key == b"abc"]
    assert standing == [(b"abc", False), (b"abc", True)]
    [tombstone] = [it for it in office.read(Destination.LATEST) if it.value is None]
    assert tombstone.partition == partition_of(b"abc", PARTITIONS)


@pytest.mark.kafka
def test_a_dry_run_says_the_same_and_writes_nothing(run: Run, office: Office) -> None:
    office.write([latest_record(state("abc")), status_record(StatusEvent.of(told(Status.SENT, "abc")))])
    before = office.ends()

    result = run("erase", "--sms", "abc", "--dry-run", env=office.settings)

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Would write a tombstone on {office.topics[Destination.LATEST]}, partition ")
    assert f"{office.topics[Destination.STATUS]} holds 1 record, until" in result.stdout
    assert office.ends() == before


@pytest.mark.kafka
def test_a_topic_that_cannot_be_looked_through_is_told_after_the_erasure(
    run: Run, office: Office, topics: Topics
) -> None:
    missing = topics.unused_name()

    result = run("erase", "--sms", "abc", env={**office.settings, "RELAY_TOPICS__OTHER": missing})

    assert result.exit_code == 1
    assert f"{missing} may hold something of it: Topic {missing} is missing" in result.stdout
    assert result.stderr == "Not every topic could be looked through.\n"
    assert [it.value for it in office.read(Destination.LATEST)] == [None]
    assert missing not in topics.names()


@pytest.mark.kafka
def test_without_the_latest_state_topic_it_is_one_sentence(run: Run, office: Office, topics: Topics) -> None:
    missing = topics.unused_name()

    result = run("erase", "--sms", "abc", env={**office.settings, "RELAY_TOPICS__LATEST": missing})

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Topic {missing} is missing, or our user may not see it")
    assert (result.stdout, len(result.stderr.splitlines())) == ("", 1)


def test_a_broker_that_does_not_answer_is_one_sentence(run: Run) -> None:
    result = run("erase", "--sms", "abc", env={"RELAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert result.exit_code == 1
    assert result.stderr == "No broker of RELAY_KAFKA__BOOTSTRAP_SERVERS answers (127.0.0.1:1: connection refused).\n"


def test_an_empty_id_is_refused(run: Run) -> None:
    result = run("erase", "--sms", "", env={})

    assert (result.exit_code, result.stderr) == (2, "--sms is empty; give Sofy's id of the SMS.\n")
