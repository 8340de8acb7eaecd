"""`relay reconcile`: what it asks, publishes and says, over a real Kafka and a Sofy that answers as a script says."""

import json
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it re-exports them without saying so in __all__
    AclOperation,
    AdminClient,
)
from typer.testing import CliRunner

from relay.cli import app
from relay.events.latest import SmsLatestState, take_in
from relay.events.record import Destination
from relay.events.records import latest_record, status_record, tombstone_record
from relay.events.sms_status import SmsStatusEvent, Status
from relay.events.status_event import StatusEvent
from relay.events.times import rfc3339
from relay.sofy.reconciling import Verdict
from tests.cli.conftest import Run
from tests.cli.processes import environment, relay, start
from tests.cli.sofy_api import answering, beside
from tests.kafka.choice import Kafka
from tests.kafka.guarded import PASSWORD, USER, GuardedKafka
from tests.kafka.topics import Topics
from tests.simulator.receiver import Received, Reply, answer
from tests.sofy.api_stand import PLANTED, as_json
from tests.sofy.payloads import item
from tests.streams.facts import event
from tests.streams.letters import NOW, Office, ids

kafka_needed = pytest.mark.kafka
TIME = rfc3339(NOW - timedelta(days=30))
TOKEN = f"sofy_live_{PLANTED}"


@dataclass
class Told:
    """What this Sofy answers by SMS id, and what it was asked."""

    answers: dict[str, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def __call__(self, request: Received) -> Reply:
        sms_id = unquote(request.path.removeprefix("/v2/sms/"))
        self.asked.append(sms_id)
        return self.answers.get(sms_id, answer(404, b'{"error":"not_found"}'))

    def sms(self, sms_id: str, **changes: Any) -> None:  # noqa: ANN401 - JSON
        """Know an SMS: delivered, unless changed."""
        told = item(**{"id": sms_id, "updatedAt": TIME, "isSmsFallback": False, **changes})
        self.answers[sms_id] = as_json(200, told)


@pytest.fixture
def sofy() -> Iterator[Told]:
    told = Told()
    with beside(answering(told)) as url:
        told.url = url
        yield told


@pytest.fixture
def office(kafka: Kafka, topics: Topics, sofy: Told) -> Office:
    return Office.open(
        kafka.bootstrap_servers,
        topics,
        RELAY_SOFY__API_URL=sofy.url,
        RELAY_SOFY__API_TOKEN=TOKEN,
        RELAY_SOFY__TOKENS='["a-token-of-the-default-account"]',
    )


@dataclass(frozen=True)
class Outcome:
    """What a run printed."""

    exit_code: int
    lines: list[dict[str, Any]]
    stderr: str

    @property
    def verdicts(self) -> dict[str, str]:
        return {line["sms_id"]: line["verdict"] for line in self.lines}


@dataclass(frozen=True)
class Reconciler:
    """Runs the command quickly, as JSON."""

    run: Run
    office: Office
    folder: Path

    def __call__(self, *options: str, env: Mapping[str, str] | None = None) -> Outcome:
        result = self.run(
            "reconcile", "--json", "--rate", "1000", *options, env={**self.office.settings, **(env or {})}
        )
        assert PLANTED not in result.output
        return Outcome(result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr)

    def ids(self, *sms_ids: str, env: Mapping[str, str] | None = None, options: tuple[str, ...] = ()) -> Outcome:
        """Reconcile these ids."""
        file = self.folder / "ids"
        file.write_text("\n".join(sms_ids))
        return self("--sms-ids", str(file), *options, env=env)


@pytest.fixture
def reconciled(run: Run, office: Office, tmp_path: Path) -> Reconciler:
    return Reconciler(run, office, tmp_path)


def published(office: Office) -> list[SmsStatusEvent]:
    return [SmsStatusEvent.model_validate_json(it.value or b"") for it in office.read(Destination.STATUS)]


def told(status: Status, sms_id: str, *, age_h: float = 100, account: str = "default", word: str | None = None) -> Any:  # noqa: ANN401 - an event
    """An event that a webhook told so long ago, of another time than Sofy's answer."""
    its = event(status, sms_id=sms_id)
    source = its.source.model_copy(update={"account": account, "status": word or its.source.status})
    return its.model_copy(update={"received_at": NOW - timedelta(hours=age_h), "source": source})


def state(*facts: SmsStatusEvent) -> SmsLatestState:
    current: SmsLatestState | None = None
    for offset, fact in enumerate(facts):
        current = take_in(current, fact, offset).state
    assert current is not None
    return current


# What is published


@kafka_needed
def test_what_is_missing_is_published_once_as_the_pipeline_would(
    reconciled: Reconciler, office: Office, sofy: Told
) -> None:
    sofy.sms("abc", body="your code is 4711")

    first, second = reconciled.ids("abc"), reconciled.ids("abc")

    [stored] = office.read(Destination.STATUS)
    [its] = published(office)
    headers = {name: value.decode() for name, value in stored.headers}
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert [first.verdicts, second.verdicts] == [{"abc": "published"}, {"abc": "known"}]
    assert first.lines[0]["event_id"] == second.lines[0]["event_id"] == its.event_id == headers["ce_id"]
    assert stored.key == b"abc"
    assert (its.status, its.recipient, its.body) == ("delivered", "+590690112233", "your code is 4711")
    assert (its.source.account, its.source.webhook_id, its.source.delivery_id) == ("default", None, None)
    assert headers["correlation_id"] == its.event_id
    assert headers["ce_type"] == "fr.sofy.sms.status.delivered"
    assert "traceparent" not in headers
    assert NOW <= its.received_at <= datetime.now(UTC)
    assert "4711" not in json.dumps(first.lines) + first.stderr
    assert "590690112233" not in json.dumps(first.lines) + first.stderr


@kafka_needed
def test_the_privacy_modes_hold_and_change_no_id(reconciled: Reconciler, office: Office, sofy: Told) -> None:
    sofy.sms("abc", body="your code is 4711")

    outcome = reconciled.ids("abc", env={"RELAY_PRIVACY__BODY": "drop", "RELAY_PRIVACY__NUMBERS": "mask"})

    [its] = published(office)
    assert (its.body, its.recipient, its.source.extra) == (None, "+590*******33", {"isSmsFallback": None})
    assert reconciled.ids("abc").verdicts == {"abc": "known"}
    assert outcome.lines[0]["event_id"] == its.event_id


@kafka_needed
def test_open_sms_of_the_latest_state_topic_are_asked_about_the_oldest_first(
    reconciled: Reconciler, office: Office, sofy: Told
) -> None:
    old, older, young = (
        told(Status.SENT, name, age_h=age) for name, age in (("old", 73), ("older", 99), ("young", 71))
    )
    final, paris = told(Status.DELIVERED, "final"), told(Status.SENT, "paris", account="paris")
    overtaken = told(Status.SENT, "overtaken")
    office.write([latest_record(state(it)) for it in (final, old, older, young, paris, overtaken)])
    office.write([tombstone_record(b"erased", NOW), latest_record(state(told(Status.SENT, "closed")))])
    office.write([latest_record(state(told(Status.SENT, "closed"), told(Status.EXPIRED, "closed")))])
    office.write(
        [status_record(StatusEvent.of(told(Status.DELIVERED, "overtaken")))]
    )  # the projector has not come to it yet
    for name in ("old", "older"):
        sofy.sms(name)

    outcome = reconciled()

    assert outcome.exit_code == 0
    assert sofy.asked == ["older", "old"]
    assert [line["verdict"] for line in outcome.lines] == ["published", "published"]
    assert "1 SMS without a final status are left out" in outcome.stderr
    assert "2 of 2 SMS are done." in outcome.stderr
    assert sorted(its.sms_id for its in published(office)) == ["old", "older", "overtaken"]


@kafka_needed
def test_which_are_asked_about_can_be_chosen(reconciled: Reconciler, office: Office, sofy: Told) -> None:
    ages = {f"sms-{hours}": hours for hours in (1, 2, 3, 4)}
    office.write([latest_record(state(told(Status.SENT, name, age_h=hours))) for name, hours in ages.items()])
    office.write([latest_record(state(told(Status.SENT, "of-paris", account="paris")))])
    by_environment = {"RELAY_PROJECTOR__STUCK_AFTER_H": "4"}
    paris = {"RELAY_SOFY__ACCOUNTS": '{"paris": {"tokens": ["a-token-of-the-paris-account"]}}'}

    asked = []
    for options, env in (
        (("--older-than", "3"), {}),
        (("--older-than", "0", "--limit", "2"), {}),
        ((), by_environment),
        (("--account", "paris"), paris),
    ):
        reconciled(*options, env=env)
        asked.append(sofy.asked.copy())
        sofy.asked.clear()

    assert asked == [["sms-4", "sms-3"], ["sms-4", "sms-3"], ["sms-4"], ["of-paris"]]


@kafka_needed
def test_a_dry_run_asks_and_writes_nothing(reconciled: Reconciler, office: Office, sofy: Told) -> None:
    sofy.sms("abc")

    outcome = reconciled.ids("abc", options=("--dry-run",))

    assert (outcome.exit_code, outcome.verdicts) == (0, {"abc": "to_publish"})
    assert sofy.asked == ["abc"]
    assert office.read(Destination.STATUS) == []


# What is not published


@kafka_needed
def test_what_is_not_certain_is_told_and_not_published(reconciled: Reconciler, office: Office, sofy: Told) -> None:
    office.write([status_record(StatusEvent.of(told(Status.DELIVERED, "differs")))])
    office.write([status_record(StatusEvent.of(told(Status.UNDELIVERED, "other-word", word="undelivered")))])
    office.write([status_record(StatusEvent.of(told(Status.EXPIRED, "contradicts", word="errored")))])
    office.write([status_record(StatusEvent.of(told(Status.SENT, "of-paris", account="paris")))])
    office.write([latest_record(state(told(Status.SENT, "erased"))), tombstone_record(b"erased", NOW)])
    sofy.sms("no-time", updatedAt=...)
    sofy.sms("no-reason", statusReason=...)
    sofy.sms("seconds", updatedAt="2026-01-01T12:00:09Z")
    sofy.sms("v2", status="rejected", statusReason="")
    sofy.sms("other-word", status="errored", statusReason="")
    sofy.sms("waiting", status="pending", statusReason="")
    sofy.sms("another", id="the-other")
    sofy.answers["broken"] = answer(422, b"{}")
    for name in ("differs", "contradicts", "of-paris", "erased"):
        sofy.sms(name)
    before = office.ends()

    outcome = reconciled.ids(*sofy.answers, "nobody", "..")

    assert outcome.exit_code == 1
    assert outcome.verdicts == {
        "no-time": "incomplete",
        "no-reason": "incomplete",
        "seconds": "incomplete",
        "v2": "other_words",
        "other-word": "told_differently",
        "waiting": "nothing_new",
        "another": "other_sms",
        "broken": "not_answered",
        "differs": "told_differently",
        "contradicts": "contradiction",
        "of-paris": "other_account",
        "erased": "erased",
        "nobody": "unknown_sms",
        None: "unusable_id",
    }
    details = {line["sms_id"]: line["detail"] for line in outcome.lines}
    assert details["no-time"] == details["seconds"] == "updatedAt"
    assert details["no-reason"] == "statusReason"
    assert details["of-paris"] == "paris"
    assert details[None] == "line 14"
    assert all(line["event_id"] is None for line in outcome.lines)
    assert "Of some SMS Sofy's API and its webhooks do not say the same." in outcome.stderr
    assert office.ends() == before


@kafka_needed
def test_a_word_of_v2s_is_published_where_the_accounts_webhooks_use_them(
    reconciled: Reconciler, office: Office, sofy: Told
) -> None:
    sofy.sms("abc", status="rejected", statusReason="")
    by_another = [status_record(StatusEvent.of(told(Status.FAILED, "x", account="paris", word="failed")))]
    by_us = told(Status.FAILED, "y", word="failed")
    by_us = by_us.model_copy(update={"source": by_us.source.model_copy(update={"webhook_id": None})})
    office.write([*by_another, status_record(StatusEvent.of(by_us))])

    unproven = reconciled.ids("abc")
    office.write([status_record(StatusEvent.of(told(Status.FAILED, "z", word="failed")))])
    proven = reconciled.ids("abc")

    assert [unproven.verdicts, proven.verdicts] == [{"abc": "other_words"}, {"abc": "published"}]


@kafka_needed
def test_where_retention_has_passed_only_a_state_proves_that_it_was_not_published(
    reconciled: Reconciler, office: Office, sofy: Told, kafka: Kafka
) -> None:
    office.write([status_record(StatusEvent.of(told(Status.SENT, name, age_h=1))) for name in ("never", "stuck")])
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for stored in office.read(Destination.STATUS):
        gone = TopicPartition(office.topics[Destination.STATUS], stored.partition, stored.offset + 1)
        admin.delete_records([gone])[gone].result(20)  # as retention does
    office.write([status_record(StatusEvent.of(told(Status.SENT, name, age_h=0))) for name in ("never", "stuck")])
    for name in ("never", "stuck"):
        sofy.sms(name)

    without = reconciled.ids("never", "stuck")
    office.write([latest_record(state(told(Status.SENT, "stuck", age_h=2)))])
    projector_stopped = reconciled.ids("never", "stuck")
    office.write([latest_record(state(told(Status.SENT, "another", age_h=0)))])
    projector_runs = reconciled.ids("never", "stuck")

    assert without.verdicts == projector_stopped.verdicts == {"never": "not_proven", "stuck": "not_proven"}
    assert projector_runs.verdicts == {"never": "not_proven", "stuck": "published"}
    assert (without.exit_code, projector_runs.exit_code) == (1, 1)


@kafka_needed
def test_an_account_must_be_one(reconciled: Reconciler, office: Office, sofy: Told) -> None:
    sofy.sms("abc")
    unset = {name: value for name, value in office.settings.items() if name != "RELAY_SOFY__TOKENS"}
    anonymous = Reconciler(reconciled.run, Office(office.servers, office.topics, unset), reconciled.folder)

    misspelt = reconciled.ids("abc", options=("--account", "pariss"))
    unheard_of = anonymous.ids("abc", options=("--account", "paris"))
    office.write([status_record(StatusEvent.of(told(Status.SENT, "x", account="paris")))])
    not_default = anonymous.ids("abc")
    heard_of = anonymous.ids("abc", options=("--account", "paris"))

    assert [it.exit_code for it in (misspelt, unheard_of, not_default, heard_of)] == [2, 2, 2, 0]
    assert misspelt.stderr == "The settings have no account pariss: name one of default by --account.\n"
    assert "nor the topics know an account paris: name the right one" in unheard_of.stderr
    assert "know an account default; the topics know paris: name the right one" in not_default.stderr
    assert heard_of.verdicts == {"abc": "published"}


@kafka_needed
def test_what_a_webhook_tells_while_sofy_is_asked_counts(reconciled: Reconciler, office: Office, sofy: Told) -> None:
    dry = {}
    for name in ("same", "differs"):
        sofy.sms(name)
        dry[name] = reconciled.ids(name, options=("--dry-run",)).lines[0]["event_id"]
    same = told(Status.DELIVERED, "same").model_copy(update={"event_id": dry["same"]})
    during = {"same": same, "differs": told(Status.DELIVERED, "differs")}

    def telling(request: Received) -> Reply:
        office.write([status_record(StatusEvent.of(during[request.path.rpartition("/")[2]]))])
        return sofy(request)

    with beside(answering(telling)) as url:
        outcome = reconciled.ids("same", "differs", env={"RELAY_SOFY__API_URL": url})

    assert outcome.verdicts == {"same": "known", "differs": "told_differently"}
    assert len(office.read(Destination.STATUS)) == 2


# Lists of ids


@kafka_needed
def test_ids_come_from_stdin_too_each_is_asked_about_once_and_to_the_letter(office: Office, sofy: Told) -> None:
    names = ["abc", "a/../b", "é", "ABC"]
    for name in names:
        sofy.sms(name)
    content = "\ufeffabc\r\n\r\na/../b\r\né\r\n  abc \r\nABC"

    result = CliRunner().invoke(
        app,
        ["reconcile", "--sms-ids", "-", "--rate", "1000"],
        env=environment({**office.settings}),
        input=content.encode(),
    )

    assert result.exit_code == 0
    assert sofy.asked == names
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == names
    assert f"abc  published  status='delivered'  statusReason='DELIVRD'  updatedAt='{TIME}'" in result.stdout
    assert "1 line repeats an id that was given before." in result.stderr
    assert "  published: 4 (the status was missing and is published now)" in result.stderr
    assert sorted(its.sms_id for its in published(office)) == sorted(names)


@kafka_needed
def test_without_a_latest_state_topic_ids_can_be_given_and_nothing_else_can(
    reconciled: Reconciler, sofy: Told, topics: Topics
) -> None:
    sofy.sms("abc")
    missing = {"RELAY_TOPICS__LATEST": topics.unused_name()}

    given, chosen = reconciled.ids("abc", env=missing), reconciled(env=missing)

    assert (given.exit_code, given.verdicts) == (0, {"abc": "published"})
    assert "There is no latest-state topic" in given.stderr
    assert (chosen.exit_code, chosen.lines) == (1, [])
    assert chosen.stderr.startswith(f"Topic {missing['RELAY_TOPICS__LATEST']} is missing")
    assert missing["RELAY_TOPICS__LATEST"] not in topics.names()


@kafka_needed
def test_a_missing_status_topic_is_said_and_not_made(reconciled: Reconciler, sofy: Told, topics: Topics) -> None:
    sofy.sms("abc")
    missing = {"RELAY_TOPICS__STATUS": topics.unused_name()}

    outcome = reconciled.ids("abc", env=missing)

    assert (outcome.exit_code, outcome.lines, sofy.asked) == (1, [], [])
    assert missing["RELAY_TOPICS__STATUS"] not in topics.names()


@kafka_needed
def test_nothing_to_ask_about_is_well(reconciled: Reconciler) -> None:
    for outcome in (reconciled(), reconciled.ids("", "\r")):
        assert (outcome.exit_code, outcome.lines) == (0, [])
        assert "0 of 0 SMS are done." in outcome.stderr


# Sofy fails


@kafka_needed
@pytest.mark.parametrize(("status", "asked"), [(401, 1), (403, 1), (302, 1)])
def test_what_every_sms_would_meet_ends_it_and_what_was_done_stays(
    reconciled: Reconciler, office: Office, sofy: Told, status: int, asked: int
) -> None:
    sofy.sms("a")
    sofy.answers["b"] = answer(status)
    sofy.sms("c")

    outcome = reconciled.ids("a", "b", "c")

    assert (outcome.exit_code, outcome.verdicts) == (1, {"a": "published", "b": "not_answered"})
    assert len(sofy.asked) == 1 + asked
    assert "Asking for an SMS failed: " in outcome.stderr
    assert "2 of 3 SMS are done." in outcome.stderr
    assert [its.sms_id for its in published(office)] == ["a"]


@kafka_needed
def test_three_failures_in_a_row_end_it_and_fewer_do_not(reconciled: Reconciler, sofy: Told) -> None:
    for name in ("a", "b", "d", "e", "f", "g"):
        sofy.answers[name] = answer(422)
    sofy.sms("c")

    outcome = reconciled.ids("a", "b", "c", "d", "e", "f", "g")

    assert (outcome.exit_code, sofy.asked) == (1, ["a", "b", "c", "d", "e", "f"])
    assert outcome.verdicts["c"] == "published"
    assert "6 of 7 SMS are done." in outcome.stderr


@kafka_needed
def test_too_many_requests_are_waited_out(reconciled: Reconciler, sofy: Told) -> None:
    sofy.sms("abc")
    left = [answer(429, Retry_After="1"), answer(503)]
    script = sofy.__call__

    def busy_first(request: Received) -> Reply:
        return left.pop(0) if left else script(request)

    with beside(answering(busy_first)) as url:
        outcome = reconciled.ids("abc", env={"RELAY_SOFY__API_URL": url})

    assert (outcome.exit_code, outcome.verdicts) == (0, {"abc": "published"})
    assert "(429); trying again in 1.0 s." in outcome.stderr


# Kafka fails


@kafka_needed
def test_an_event_that_its_topic_does_not_take_is_told_and_the_others_go_on(
    reconciled: Reconciler, sofy: Told, topics: Topics
) -> None:
    narrow = topics.create(settings={"max.message.bytes": "2000"})
    sofy.sms("large", body="x" * 3000)
    sofy.sms("small")

    outcome = reconciled.ids("large", "small", env={"RELAY_TOPICS__STATUS": narrow})

    assert (outcome.exit_code, outcome.verdicts) == (1, {"large": "not_written", "small": "published"})
    assert outcome.lines[0]["detail"] == "record_too_large"
    assert outcome.lines[0]["event_id"] is None


@kafka_needed
@pytest.mark.slow
def test_without_the_right_to_write_it_ends_after_the_first_answers(
    guarded_kafka: GuardedKafka, sofy: Told, tmp_path: Path
) -> None:
    status = guarded_kafka.create_topic()
    guarded_kafka.grant(status, AclOperation.READ)
    names = [f"sms-{number}" for number in range(8)]
    for name in names:
        sofy.sms(name)
    file = tmp_path / "ids"
    file.write_text("\n".join(names))
    settings = {
        "RELAY_KAFKA__BOOTSTRAP_SERVERS": ",".join(guarded_kafka.by_password.bootstrap_servers),
        "RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "RELAY_KAFKA__SASL_USERNAME": USER,
        "RELAY_KAFKA__SASL_PASSWORD": PASSWORD,
        "RELAY_KAFKA__SSL_CAFILE": str(guarded_kafka.by_password.ssl_cafile),
        "RELAY_SOFY__API_URL": sofy.url,
        "RELAY_SOFY__API_TOKEN": TOKEN,
        "RELAY_TOPICS__STATUS": status,
    }

    result = relay("reconcile", "--sms-ids", str(file), "--rate", "1", env=settings)

    assert result.returncode == 1
    assert [line.split("  ")[1] for line in result.stdout.splitlines()] == ["not_written (not_authorized)"] * 5
    assert "Kafka does not take events: not_authorized: " in result.stderr
    assert "5 of 8 SMS are done." in result.stderr
    assert "Traceback" not in result.stderr


# Interrupted


@kafka_needed
@pytest.mark.slow
def test_interrupted_it_says_how_far_it_came_and_goes_on_when_run_again(
    office: Office, sofy: Told, tmp_path: Path
) -> None:
    names = [f"sms-{number}" for number in range(300)]
    for name in names:
        sofy.sms(name)
    file = tmp_path / "ids"
    file.write_text("\n".join(names))
    process = start("reconcile", "--sms-ids", str(file), "--rate", "20", env=office.settings)
    end = time.monotonic() + 40
    while not office.read(Destination.STATUS):
        assert time.monotonic() < end
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    again = relay("reconcile", "--sms-ids", str(file), "--rate", "1000", env=office.settings)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert len(out.splitlines()) == 100  # what is on the topic is told
    assert "100 of 300 SMS are done." in err
    assert err.endswith("Interrupted. Run it again to go on: what stands on the topics is not published again.\n")
    assert again.returncode == 0
    assert "  known: 100 " in again.stderr
    assert len(ids(office.read(Destination.STATUS))) == len(set(ids(office.read(Destination.STATUS)))) == 300


# Wrong use


NEEDED = {"RELAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("options", "env", "says"),
    [
        ((), NEEDED, "RELAY_SOFY__API_TOKEN is not set"),
        (
            (),
            {**NEEDED, "RELAY_SOFY__API_KEY_ID": "a", "RELAY_SOFY__API_KEY_SECRET": "b"},
            "RELAY_SOFY__API_TOKEN is not",
        ),
        ((), {**NEEDED, "RELAY_SOFY__API_TOKEN": "two words"}, "RELAY_SOFY__API_TOKEN holds a blank"),
        (("--sms-ids", "-", "--older-than", "3"), NEEDED, "--older-than chooses among SMS on the latest-state topic"),
        (("--sms-ids", "/nonexistent"), {**NEEDED, "RELAY_SOFY__API_TOKEN": TOKEN}, "--sms-ids /nonexistent cannot be"),
        (("--rate", "nan"), {**NEEDED, "RELAY_SOFY__API_TOKEN": TOKEN}, "--rate"),
        (("--rate", "0"), {**NEEDED, "RELAY_SOFY__API_TOKEN": TOKEN}, "--rate"),
        (("--older-than", "-1"), {**NEEDED, "RELAY_SOFY__API_TOKEN": TOKEN}, "--older-than"),
        ((), {"RELAY_SOFY__API_TOKEN": TOKEN}, "RELAY_KAFKA__BOOTSTRAP_SERVERS"),
    ],
)
def test_wrong_use_is_a_sentence_and_exit_2(
    run: Run, options: tuple[str, ...], env: Mapping[str, str], says: str
) -> None:
    result = run("reconcile", *options, env=env)

    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_a_broker_that_does_not_answer_is_one_sentence(run: Run) -> None:
    result = run("reconcile", env={**NEEDED, "RELAY_SOFY__API_TOKEN": TOKEN})

    assert result.exit_code == 1
    assert result.stderr == "No broker of RELAY_KAFKA__BOOTSTRAP_SERVERS answers (127.0.0.1:1: connection refused).\n"


def test_the_document_has_every_verdict_and_says_whether_it_settles_the_sms() -> None:
    page = (Path(__file__).parents[2] / "docs/reconciliation.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `") and line.count(" | ") == 3]

    said = {row[0].strip("| `"): row[3].strip(" |") for row in rows}

    assert said == {verdict.value: "yes" if verdict.settled else "no" for verdict in Verdict}
