"""`relay tail`: what it follows, and how a record looks."""

import json
import signal
import uuid
from collections.abc import Mapping

import pytest
from confluent_kafka import Producer

from relay.cli.tail import full_name, line, raw_line
from relay.demo.broker import EmbeddedBroker
from relay.settings import TopicSettings
from relay.streams.tail import TailedRecord
from tests.cli.conftest import Run
from tests.cli.processes import running
from tests.kafka.guarded import PASSWORD, USER, GuardedKafka

EVENT = {
    "sms_id": "zzzzz",
    "status": "expired",
    "reason": {"category": "validity_expired", "permanent": None, "code": "EXPIRED"},
    "recipient": "+590690112233",
    "occurred_at": "2022-12-29T18:24:44.938Z",
}


def record(
    value: object = EVENT, *, key: bytes | None = b"zzzzz", headers: Mapping[str, str] | None = None
) -> TailedRecord:
    content = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return TailedRecord(
        partition=0, offset=0, timestamp_ms=1672338285120, key=key, value=content, headers=dict(headers or {})
    )


@pytest.fixture
def topic(embedded: EmbeddedBroker) -> str:
    name = f"tail-{uuid.uuid4().hex[:8]}"
    embedded.create_topic(name, partitions=4)
    return name


@pytest.fixture
def settings(embedded: EmbeddedBroker, topic: str) -> dict[str, str]:
    return {"RELAY_KAFKA__BOOTSTRAP_SERVERS": embedded.bootstrap_servers, "RELAY_TOPICS__STATUS": topic}


def send(servers: str, topic: str, *records: tuple[bytes, bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": servers, "acks": "all"})
    for key, value in records:
        producer.produce(topic, value, key=key)
    assert producer.flush(20) == 0


def test_from_the_beginning_it_gives_what_is_there_one_line_each(
    run: Run, embedded: EmbeddedBroker, settings: dict[str, str], topic: str
) -> None:
    send(embedded.bootstrap_servers, topic, (b"zzzzz", json.dumps(EVENT).encode()), (b"zzzzz", None))

    result = run("tail", "--from-beginning", "--count", "2", env=settings)

    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "2022-12-29T18:24:44.938Z  zzzzz  expired  EXPIRED  +590690112233"
    assert result.stdout.splitlines()[1].endswith("  zzzzz  erased")


def test_as_json_it_gives_the_values_as_they_are(
    run: Run, embedded: EmbeddedBroker, settings: dict[str, str], topic: str
) -> None:
    values = [json.dumps(EVENT), json.dumps({"price": "0.080"}, indent=2)]
    send(embedded.bootstrap_servers, topic, *((b"one", value.encode()) for value in values))

    result = run("tail", topic, "--json", "--from-beginning", "--count", "2", env=settings)

    assert result.exit_code == 0
    assert [json.loads(text) for text in result.stdout.splitlines()] == [EVENT, {"price": "0.080"}]


def test_of_one_sms_it_gives_its_records_alone(
    run: Run, embedded: EmbeddedBroker, settings: dict[str, str], topic: str
) -> None:
    send(embedded.bootstrap_servers, topic, (b"other", b'{"n":1}'), (b"mine", b'{"n":2}'), (b"mine", b'{"n":3}'))

    result = run("tail", "--json", "--from-beginning", "--sms", "mine", "--count", "2", env=settings)

    assert result.stdout.splitlines() == ['{"n":2}', '{"n":3}']


def test_it_follows_what_is_written_after_it_said_so_and_ends_well_on_ctrl_c(
    embedded: EmbeddedBroker, settings: dict[str, str], topic: str
) -> None:
    send(embedded.bootstrap_servers, topic, (b"zzzzz", b'{"n":"before"}'))

    with running("tail", "--json", env=settings) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        said = following.stderr.readline()
        send(embedded.bootstrap_servers, topic, (b"zzzzz", b'{"n":"after"}'))
        first = following.stdout.readline()
        following.send_signal(signal.SIGINT)
        _, rest = following.communicate(timeout=20)

    assert said == f"Following {topic} from now; Ctrl-C ends.\n"
    assert first == '{"n":"after"}\n'
    assert (following.returncode, rest) == (0, "")


def test_a_missing_topic_is_one_sentence_and_stays_missing(run: Run, settings: dict[str, str]) -> None:
    name = f"missing-{uuid.uuid4().hex[:8]}"

    first, second = run("tail", name, env=settings), run("tail", name, env=settings)

    assert first.exit_code == second.exit_code == 1
    assert first.stderr == second.stderr
    assert first.stderr.startswith(f"Topic {name} is missing, or our user may not see it")
    assert len(first.stderr.splitlines()) == 1


def test_a_broker_that_does_not_answer_is_one_sentence(run: Run) -> None:
    result = run("tail", env={"RELAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert result.exit_code == 1
    assert result.stderr == ("No broker of RELAY_KAFKA__BOOTSTRAP_SERVERS answers (127.0.0.1:1: connection refused).\n")


@pytest.mark.kafka
def test_a_topic_that_our_user_may_see_and_not_read_is_one_sentence(run: Run, guarded_kafka: GuardedKafka) -> None:
    topic = guarded_kafka.create_topic()
    guarded_kafka.grant_write(topic)
    connection = guarded_kafka.by_password
    servers = ",".join(connection.bootstrap_servers)

    result = run(
        "tail",
        topic,
        "--from-beginning",
        env={
            "RELAY_KAFKA__BOOTSTRAP_SERVERS": servers,
            "RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "RELAY_KAFKA__SASL_USERNAME": USER,
            "RELAY_KAFKA__SASL_PASSWORD": PASSWORD,
            "RELAY_KAFKA__SSL_CAFILE": str(connection.ssl_cafile),
        },
    )

    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == [
        f"{topic} cannot be read at {servers}: our user needs the right Read on it."
    ]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("status", "sofy.sms.status.v1"),
        ("other", "sofy.webhook.other.v1"),
        ("dead-letter", "sofy.webhook.dead-letter.v1"),
        ("latest", "sofy.sms.latest.v1"),
        ("my.topic", "my.topic"),
    ],
)
def test_a_short_name_stands_for_the_topic_of_the_settings(said: str, meant: str) -> None:
    assert full_name(said, TopicSettings()) == meant


@pytest.mark.parametrize(
    ("tailed", "shown"),
    [
        (record(), "2022-12-29T18:24:44.938Z  zzzzz  expired  EXPIRED  +590690112233"),
        (
            record(EVENT | {"occurred_at": None, "reason": None}),
            "2022-12-29T18:24:45.120Z  zzzzz  expired  +590690112233",
        ),
        (record(None), "2022-12-29T18:24:45.120Z  zzzzz  erased"),
        (
            record([1], key=None, headers={"ce_type": "fr.sofy.sms.reply"}),
            "2022-12-29T18:24:45.120Z  -  fr.sofy.sms.reply",
        ),
        (
            record(b"\xff", key=None, headers={"relay-reason": "invalid_json", "relay-detail": "at byte 0"}),
            "2022-12-29T18:24:45.120Z  -  invalid_json  at byte 0",
        ),
        (record(b"[" * 100_000, key=None), "2022-12-29T18:24:45.120Z  -  record"),
        (
            record({"status": "a\x1b[2J\n"}, key=b"\x1b]0;x\x07"),
            "2022-12-29T18:24:45.120Z  \\x1b]0;x\\x07  a\\x1b[2J\\n",
        ),
    ],
)
def test_a_record_is_one_line_that_cannot_steer_the_terminal(tailed: TailedRecord, shown: str) -> None:
    assert line(tailed).plain == shown


@pytest.mark.parametrize(
    ("value", "raw"), [(b'{"a":1}', b'{"a":1}\n'), (b'{\r\n"a":1}', b'{  "a":1}\n'), (None, b"null\n")]
)
def test_a_raw_value_is_one_line(value: bytes | None, raw: bytes) -> None:
    assert raw_line(record(value)) == raw
