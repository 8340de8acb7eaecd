"""`relay dead-letters replay`: what became readable is replayed once and only once."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it re-exports them without saying so in __all__
    AclOperation,
    AdminClient,
)

from relay.events.record import Destination, Record
from relay.events.records import status_record
from relay.events.sms_status import SmsStatusEvent, Status
from relay.events.status_event import StatusEvent
from relay.events.times import milliseconds
from relay.privacy import stub
from relay.reasons import Reason
from relay.streams.writing import outcomes, writing
from tests.cli.conftest import Run
from tests.cli.processes import start
from tests.kafka.choice import Kafka
from tests.kafka.guarded import PASSWORD, USER, GuardedKafka
from tests.kafka.topics import Topics
from tests.sofy.payloads import body, item
from tests.streams.facts import event
from tests.streams.letters import NOW, Office, ids, letter_record

kafka_needed = pytest.mark.kafka
HOUR = timedelta(hours=1)
BROKEN = letter_record("broken", payload=body(item(id="broken", status=...)))
"""No reading can make an event of it."""


@pytest.fixture
def office(kafka: Kafka, topics: Topics) -> Office:
    return Office.open(kafka.bootstrap_servers, topics)


def published(office: Office) -> list[SmsStatusEvent]:
    return [SmsStatusEvent.model_validate_json(it.value or b"") for it in office.read(Destination.STATUS)]


@kafka_needed
def test_what_became_readable_is_replayed_once_and_only_once(run: Run, office: Office) -> None:
    record = letter_record("abc", account="paris", received_at=NOW - HOUR)
    office.write([record])
    before = datetime.now(UTC)

    first = run("dead-letters", "replay", env=office.settings)
    second = run("dead-letters", "replay", env=office.settings)  # and by another operator: nothing is kept here

    [stored] = office.read(Destination.STATUS)
    headers = {name: value.decode() for name, value in stored.headers}
    [told] = published(office)
    assert (first.exit_code, first.stdout) == (0, "replayed: 1\n")
    assert (second.exit_code, second.stdout) == (0, "stands there already: 1\n")
    assert (told.sms_id, told.status, told.source.account) == ("abc", "delivered", "paris")
    assert told.received_at == NOW - HOUR
    assert headers["ce_id"] == headers["correlation_id"] == told.event_id
    assert headers["relay-dead-letter-id"] == record.id
    assert before - timedelta(seconds=1) <= datetime.fromisoformat(headers["relay-replayed"]) <= datetime.now(UTC)
    assert stored.timestamp_ms == milliseconds(datetime.fromisoformat(headers["relay-replayed"]))
    assert office.ends()[Destination.DEAD_LETTER] == 1


@kafka_needed
def test_what_sofy_told_again_meanwhile_is_not_replayed(run: Run, office: Office) -> None:
    office.write([letter_record("abc")])
    run("dead-letters", "replay", env=office.settings)
    told_by_sofy = [status_record(StatusEvent.of(it)) for it in published(office)]  # without a replay's headers
    again = Office(office.servers, {**office.topics, Destination.STATUS: office.topics[Destination.OTHER]})
    again.write(told_by_sofy)
    settings = {
        **office.settings,
        "RELAY_TOPICS__STATUS": office.topics[Destination.OTHER],
        "RELAY_TOPICS__OTHER": office.topics[Destination.STATUS],
    }

    result = run("dead-letters", "replay", env=settings)

    assert (result.exit_code, result.stdout) == (0, "stands there already: 1\n")
    assert len(again.read(Destination.STATUS)) == 1


@kafka_needed
def test_two_letters_of_one_fact_become_one_event(run: Run, office: Office) -> None:
    letters = [letter_record("abc", payload=body(item(id="abc"), id=envelope)) for envelope in ("first", "replay")]
    office.write(letters)

    result = run("dead-letters", "replay", env=office.settings)

    assert result.exit_code == 0
    assert result.stdout == "replayed: 1, stands there already: 1\n"
    assert [it.sms_id for it in published(office)] == ["abc"]


@kafka_needed
def test_asked_again_it_replays_again_with_the_same_id(run: Run, office: Office) -> None:
    office.write([letter_record("abc")])
    run("dead-letters", "replay", env=office.settings)

    result = run("dead-letters", "replay", "--again", env=office.settings)

    assert (result.exit_code, result.stdout) == (0, "replayed: 1\n")
    assert len(office.read(Destination.STATUS)) == 2
    assert len(set(ids(office.read(Destination.STATUS)))) == 1


@kafka_needed
def test_what_is_still_unreadable_is_told_and_stays_where_it_is(run: Run, office: Office) -> None:
    whole = letter_record(
        None,
        payload=body(item(id="a"), item(id="b", status=...)),
        reason=Reason.WRONG_SHAPE,
        received_at=NOW - 2 * HOUR,
    )
    office.write([whole, BROKEN])
    places = office.places()

    first = run("dead-letters", "replay", env=office.settings)
    second = run("dead-letters", "replay", env=office.settings)

    still = "still unreadable, missing_status: status: absent"
    assert (first.exit_code, second.exit_code) == (1, 1)
    assert first.stdout.splitlines() == [
        f"{places[None]}  cannot be replayed: 1 record of it was replayed; {still}",
        f"{places[b'broken']}  cannot be replayed: {still}",
        "cannot be replayed: 2",
    ]
    assert [it.sms_id for it in published(office)] == ["a"]
    assert office.ends()[Destination.DEAD_LETTER] == 2


@kafka_needed
def test_of_many_letters_with_the_same_obstacle_ten_have_a_line(run: Run, office: Office) -> None:
    office.write([letter_record(f"sms-{number}", payload=b"{") for number in range(12)])

    result = run("dead-letters", "replay", env=office.settings)

    lines = [line.partition("  ")[2] for line in result.stdout.splitlines()]
    assert len(set(lines[:11])) == 1
    assert result.stdout.splitlines()[10].startswith("and 2 more  cannot be replayed: still unreadable, invalid_json: ")
    assert result.stdout.splitlines()[11:] == ["cannot be replayed: 12"]


@kafka_needed
def test_a_payload_that_was_not_kept_cannot_be_replayed(run: Run, office: Office) -> None:
    office.write([stub(letter_record("abc"))])

    result = run("dead-letters", "replay", env=office.settings)

    assert result.exit_code == 1
    assert "RELAY_PRIVACY__DEAD_LETTER_PAYLOAD was drop when it came" in result.stdout
    assert published(office) == []


@kafka_needed
def test_other_events_go_whole_to_their_topic_once_whatever_their_partition(run: Run, office: Office) -> None:
    payload = body(type="sms.reply", data=None, id=None)
    office.write([letter_record(None, payload=payload, reason=Reason.WRONG_SHAPE)])

    run("dead-letters", "replay", env=office.settings)
    result = run("dead-letters", "replay", env=office.settings)

    assert result.stdout == "stands there already: 1\n"
    assert [(it.key, it.value) for it in office.read(Destination.OTHER)] == [(None, payload)]


@kafka_needed
def test_only_what_was_chosen_is_replayed(run: Run, office: Office) -> None:
    office.write([letter_record(sms_id) for sms_id in ("a", "b", "c")])
    places = office.places()

    result = run("dead-letters", "replay", places[b"a"], places[b"c"], "0@99", env=office.settings)

    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["0@99  not found: no dead letter stands there", "replayed: 2, not found: 1"]
    assert sorted(it.sms_id for it in published(office)) == ["a", "c"]


@kafka_needed
def test_the_privacy_modes_of_today_hold_for_what_is_replayed(run: Run, office: Office) -> None:
    office.write([letter_record("abc")])

    run(
        "dead-letters",
        "replay",
        env={**office.settings, "RELAY_PRIVACY__BODY": "drop", "RELAY_PRIVACY__NUMBERS": "mask"},
    )

    [told] = published(office)
    assert (told.body, told.recipient) == (None, "+590*******33")


@kafka_needed
def test_a_dry_run_says_what_would_become_of_each_and_writes_nothing(run: Run, office: Office) -> None:
    office.write([letter_record("old", received_at=NOW - 2 * HOUR)])
    run("dead-letters", "replay", env=office.settings)
    office.write([letter_record("abc", received_at=NOW - HOUR), BROKEN._replace(timestamp_ms=milliseconds(NOW))])
    before = office.ends()
    places = office.places()

    result = run("dead-letters", "replay", "--dry-run", env=office.settings)

    assert result.exit_code == 1
    assert sorted(result.stdout.splitlines()) == sorted(
        [
            f"{places[b'old']}  stands there already",
            f"{places[b'abc']}  would be replayed: 1 record",
            f"{places[b'broken']}  cannot be replayed: still unreadable, missing_status: status: absent",
            "would be replayed: 1, stands there already: 1, cannot be replayed: 1",
        ]
    )
    assert office.ends() == before


@kafka_needed
def test_with_nothing_chosen_it_says_so_and_ends_well(run: Run, office: Office) -> None:
    result = run("dead-letters", "replay", env=office.settings)

    assert (result.exit_code, result.stdout) == (0, "No dead letter is meant by that.\n")


@kafka_needed
def test_where_it_cannot_be_told_any_more_it_replays_only_if_asked(run: Run, office: Office, kafka: Kafka) -> None:
    office.write([letter_record("abc"), status_record(StatusEvent.of(event(Status.SENT, sms_id="abc")))])
    [stored] = office.read(Destination.STATUS)
    gone = TopicPartition(office.topics[Destination.STATUS], stored.partition, 1)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.delete_records([gone])[gone].result(20)  # as retention does

    unasked = run("dead-letters", "replay", env=office.settings)
    asked = run("dead-letters", "replay", "--again", env=office.settings)

    assert (unasked.exit_code, asked.exit_code) == (1, 0)
    assert "may have been replayed: its topic for status events does not reach back" in unasked.stdout
    assert [it.status for it in published(office)] == ["delivered"]


def many(count: int) -> list[Record]:
    return [letter_record(f"sms-{number}") for number in range(count)]


@kafka_needed
@pytest.mark.slow
def test_killed_in_the_middle_and_run_again_each_fact_stands_there_once(run: Run, office: Office) -> None:
    count = 4000
    office.write(many(count))
    killed = start("dead-letters", "replay", env=office.settings)
    wait_until(lambda: len(office.read(Destination.STATUS)) > 0)

    killed.kill()
    killed.communicate()
    done_before = len(office.read(Destination.STATUS))
    result = run("dead-letters", "replay", env=office.settings)

    found = ids(office.read(Destination.STATUS))
    assert 0 < done_before < count
    assert result.exit_code == 0
    assert len(found) == len(set(found)) == count


@kafka_needed
@pytest.mark.slow
def test_two_operators_at_the_same_time_lose_nothing_and_a_second_record_has_the_same_id(office: Office) -> None:
    count = 1500
    office.write(many(count))

    both: list[subprocess.Popen[str]] = [start("dead-letters", "replay", env=office.settings) for _ in range(2)]
    told = [each.communicate(timeout=60) for each in both]

    found = ids(office.read(Destination.STATUS))
    assert [each.returncode for each in both] == [0, 0], told
    assert len(set(found)) == count
    assert len(found) <= 2 * count


def wait_until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


@kafka_needed
@pytest.mark.slow
def test_without_a_right_it_says_which_in_one_sentence_and_loses_nothing(guarded_kafka: GuardedKafka) -> None:
    names = {name: guarded_kafka.create_topic() for name in ("STATUS", "OTHER", "DEAD_LETTER")}
    record = letter_record("abc")
    producer_settings = guarded_settings(guarded_kafka, names)
    guarded_kafka.grant_write(names["DEAD_LETTER"])
    asyncio.run(write_guarded(guarded_kafka, names["DEAD_LETTER"], record))

    no_read = finished(producer_settings)
    for name in names.values():
        guarded_kafka.grant(name, AclOperation.READ)
    no_write = finished(producer_settings)
    guarded_kafka.grant_write(names["STATUS"])
    allowed = finished(producer_settings)

    assert no_read[0] == 1
    assert no_read[2].endswith(": our user needs the right Read on it.\n")
    assert len(no_read[2].splitlines()) == 1
    assert no_write[0] == 1
    assert "  not published: not_authorized: " in no_write[1]
    assert "Traceback" not in no_write[2]
    assert allowed == (0, "replayed: 1\n", "")


def finished(settings: dict[str, str]) -> tuple[int, str, str]:
    process = start("dead-letters", "replay", env=settings)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def guarded_settings(guarded: GuardedKafka, names: dict[str, str]) -> dict[str, str]:
    return {
        "RELAY_KAFKA__BOOTSTRAP_SERVERS": ",".join(guarded.by_password.bootstrap_servers),
        "RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "RELAY_KAFKA__SASL_USERNAME": USER,
        "RELAY_KAFKA__SASL_PASSWORD": PASSWORD,
        "RELAY_KAFKA__SSL_CAFILE": str(guarded.by_password.ssl_cafile),
        **{f"RELAY_TOPICS__{name}": topic for name, topic in names.items()},
    }


async def write_guarded(guarded: GuardedKafka, topic: str, record: Record) -> None:
    async with writing(guarded.by_password, {Destination.DEAD_LETTER: topic}) as publisher:
        assert await outcomes(publisher, [record]) == [None]
