"""As it is operated: hardened containers, scrapers that must not be flooded, logs that must not be forged."""

import json
import random
import signal
import subprocess
import sys
import uuid

import pytest

from relay.demo.broker import EmbeddedBroker
from relay.observability.neutralise import MAX_TEXT_BYTES
from tests.end_to_end import confined
from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import SECRET, TOKEN, RelayProcess
from tests.http.client import Received, connect, request
from tests.kafka.ports import free_ports
from tests.overload.watching import values
from tests.sofy.payloads import body, item

MEGABYTE = 1_000_000
LONGEST_LINE = 4 * MAX_TEXT_BYTES
"""A line holds a few texts, and only one that a stranger may choose."""
PATH = f"/webhooks/sofy/{TOKEN}"


@pytest.fixture
def cluster(embedded: EmbeddedBroker) -> Cluster:
    """The embedded broker alone: what is claimed here does not depend on Kafka."""
    unique = uuid.uuid4().hex[:12]
    topics = {name: f"{unique}.{name.lower()}" for name in ("STATUS", "OTHER", "DEAD_LETTER")}
    for topic in topics.values():
        embedded.create_topic(topic, partitions=3)
    return Cluster(embedded.bootstrap_servers, topics)


class ConfinedRelay(RelayProcess):
    """`relay serve` where nothing can be written, by a user that nobody knows, without HOME."""

    command = (sys.executable, confined.__file__, sys.executable, "-m", "relay", "serve")

    def spawn(self) -> None:
        """Start it with nothing in its environment but its settings."""
        environment = {**self.environment, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": "/nonexistent"}
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            self.command, env=environment, stdout=self._log, stderr=self._log
        )


def test_the_confinement_of_these_tests_lets_nobody_write_anywhere() -> None:
    probe = "import os, tempfile; print(os.getuid()); tempfile.gettempdir()"

    ended = confined_run(sys.executable, "-c", probe)

    assert ended.stdout.strip() == str(confined.UID)
    assert ended.returncode == 1
    assert "No usable temporary directory" in ended.stderr


def confined_run(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end in the confinement, or skip where there can be none."""
    ended = subprocess.run(  # noqa: S603 - our own arguments only
        [sys.executable, confined.__file__, *command], env={}, capture_output=True, text=True, timeout=60, check=False
    )
    if ended.returncode == confined.SKIP:
        pytest.skip(ended.stderr.strip())
    return ended


async def test_it_starts_serves_and_stops_on_a_read_only_root_with_any_uid_and_no_place_for_temporary_files(
    cluster: Cluster,
) -> None:
    confined_run(sys.executable, "-c", "")

    async with ConfinedRelay(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        answers = [await relay.post(body()), await relay.post(b"{"), await relay.post_signed(body(type="x"))]
        metrics = await relay.metrics()
        relay.signal(signal.SIGTERM)
        status = await relay.exit_status(20)

        assert [answer.status_code for answer in answers] == [200] * 3
        assert "sofy_relay_build_info" in metrics
        assert status == 0
        assert "Traceback" not in relay.log()
        assert not any("Errno" in line for line in relay.log().splitlines())


async def test_random_paths_methods_statuses_types_and_accounts_add_no_series(cluster: Cluster) -> None:
    rng = random.Random(4)  # noqa: S311 - reproducible, no secret

    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        # One of each kind first: what may appear once, such as a topic's replicas, has appeared then.
        await relay.post(body())
        before = set(values(await relay.metrics()))
        statuses = []
        for _ in range(150):
            async with connect(relay.webhook_port) as connection:
                statuses.append((await connection.ask(odd_request(rng))).status)
            statuses.append((await relay.post(odd_body(rng), **odd_headers(rng))).status_code)
            statuses.append((await relay.post_signed(odd_body(rng))).status_code)
        after = set(values(await relay.metrics()))

    assert after == before
    assert {200, 401, 404, 405, 415} <= set(statuses)
    assert not {500, 502} & set(statuses)


def word(rng: random.Random, alphabet: str = "abcdefghijklmnopqrstuvwxyz0123456789-_.~") -> str:
    return "".join(rng.choices(alphabet, k=rng.randint(1, 30)))


def odd_request(rng: random.Random) -> bytes:
    method = rng.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
    start = rng.choice(["/", "/webhooks/", "/webhooks/sofy/", "/webhooks/sofy/accounts/", f"{PATH}/"])
    path = start + word(rng) + rng.choice(["", "/", f"?{word(rng)}={word(rng)}"])
    return request(method.encode(), path.encode(), f"x-{word(rng)}: {word(rng)}\r\ncontent-length: 0\r\n".encode())


def odd_headers(rng: random.Random) -> dict[str, str]:
    return rng.choice(
        [
            {},
            {"content-encoding": word(rng)},
            {"content-type": word(rng)},
            {"traceparent": word(rng)},
            {"user-agent": word(rng)},
        ]
    )


def odd_body(rng: random.Random) -> bytes:
    changes = {
        name: word(rng)
        for name in rng.sample(["status", "statusReason", "id", "to", "from", "price", "updatedAt"], k=4)
    }
    return rng.choice(
        [
            body(item(**changes)),
            body(item(**changes, **{word(rng): word(rng)})),
            body(item(**changes), type=word(rng)),
            body(item(**changes), webhookId=word(rng), **{word(rng): word(rng)}),
            body(item(id=None)),
            word(rng).encode(),
        ]
    )


HOSTILE = 'x\r\n{"event": "forged"}\n\x1b[2J\x1b]0;owned\x07\u2028\u202e\0'


async def test_whatever_a_sender_writes_each_line_of_the_log_is_one_json_object_of_bounded_length(
    cluster: Cluster,
) -> None:
    hostile, long = HOSTILE, HOSTILE + "y" * MEGABYTE
    bodies = [
        body(item(id=hostile)),
        body(item(id=hostile, status=hostile, statusReason=hostile)),
        body(item(id=hostile, status=None)),
        body(item(id=hostile, to=hostile, price=hostile, updatedAt=hostile, **{hostile: hostile})),
        body(id=hostile, webhookId=hostile, type=hostile),
        hostile.encode(),
        body(item(id=long[:900_000])),
        body(item(status=long[:900_000])),
        body(type=long[:900_000]),
        long[:900_000].encode(),
    ]
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics, RELAY_LOG__LEVEL="debug") as relay:
        await relay.ready()

        for payload in bodies:
            await relay.post(payload)
            await relay.post_signed(payload)
            await relay.post_signed(payload, secret="not the one")
        for data in hostile_requests():
            async with connect(relay.webhook_port) as connection:
                await connection.ask(data)
        relay.signal(signal.SIGTERM)
        assert await relay.exit_status(20) == 0
        lines = relay.log().split("\n")

    assert lines.pop() == ""
    for line in lines:
        told = json.loads(line)
        assert {"timestamp", "level", "logger", "event"} <= set(told)
        assert told["event"] != "forged"
        assert line.isprintable()
        assert len(line) <= LONGEST_LINE


def hostile_requests() -> list[bytes]:
    escaped = "%0d%0a%7b%22event%22:%22forged%22%7d%1b[2J"
    return [
        request(b"POST", f"/webhooks/sofy/{escaped}".encode()),
        request(b"POST", f"/webhooks/sofy/accounts/{escaped}".encode()),
        request(b"POST", b"/\x1b[2J\x9b\xff", b"content-length: 0\r\n"),
        request(b"FORGE", PATH.encode()),
        request(b"POST", PATH.encode(), b"traceparent: \x1b[2J%0d%0a\r\ncontent-length: 0\r\n"),
        request(
            b"POST", PATH.encode(), b"x-request-id: \x1b[2J\xff\r\nuser-agent: \x1b]0;x\x07\r\ncontent-length: 0\r\n"
        ),
        request(b"POST", PATH.encode(), b"content-encoding: \x1b[2J\r\ncontent-length: 0\r\n"),
        request(b"POST", PATH.encode(), b"content-length: 1\x1b[2J\r\n"),
        request(b"POST", b"/webhooks/sofy/" + b"y" * 15_000, b"content-length: 0\r\n"),
        request(b"POST", PATH.encode(), b"x-long: " + b"y" * 15_000 + b"\r\ncontent-length: 0\r\n"),
        request(b"POST", b"/webhooks/sofy/" + b"y" * 1_000_000),
        request(b"POST", PATH.encode(), b"x-long: " + b"y" * 1_000_000 + b"\r\n"),
    ]


PLANTED = {"number": "590690112233", "text": "Planted one-time code 271828", "password": "planted-sasl-p4ssword"}


async def test_with_kafka_away_no_refusal_and_no_readiness_shows_what_was_sent_or_what_is_secret() -> None:
    (nobody,) = free_ports(1)
    sasl = {
        "RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "RELAY_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
        "RELAY_KAFKA__SASL_USERNAME": "relay",
        "RELAY_KAFKA__SASL_PASSWORD": PLANTED["password"],
        "RELAY_LOG__LEVEL": "debug",
    }
    topics = {name: name.lower() for name in ("STATUS", "OTHER", "DEAD_LETTER")}
    personal = body(item(to=PLANTED["number"], body=PLANTED["text"]))
    async with RelayProcess(f"127.0.0.1:{nobody}", topics, **sasl) as relay:
        answers = [await relay.post(personal), await relay.post_signed(personal)]
        answers += [await relay.post_signed(personal, secret="planted-wrong-secret")]
        answers += [await relay.post(personal, f"/webhooks/sofy/{PLANTED['number']}")]
        answers += [await relay.post(personal, f"/{TOKEN}/{PLANTED['number']}")]
        answers += [await relay.post(personal, **{"content-encoding": PLANTED["number"]})]
        answers += [await relay.post(personal + b" " * 2 * MEGABYTE)]
        answers += [await relay.client.put(PATH, content=personal)]
        raw = [await refused(relay, data) for data in planted_requests()]
        admin = [await relay.admin.get(path) for path in ("/readyz", "/metrics", "/startupz", "/version", "/nothing")]
        relay.signal(signal.SIGTERM)
        assert await relay.exit_status(20) == 0
        log = relay.log()

    assert {answer.status_code for answer in answers} == {401, 404, 405, 413, 415, 503}
    assert {answer.status for answer in raw} == {400, 431}
    assert admin[0].status_code == 503
    shown = "".join(f"{answer.headers}{answer.text}" for answer in (*answers, *admin))
    shown += "".join(f"{answer.headers}{answer.body!r}" for answer in raw)
    for planted in (*PLANTED.values(), TOKEN, SECRET, "planted-wrong-secret"):
        assert planted not in shown
        assert planted not in log


def planted_requests() -> list[bytes]:
    number = PLANTED["number"].encode()
    return [
        request(b"POST", PATH.encode(), b"content-length: " + number + b"x\r\n"),
        request(b"POST", PATH.encode(), b"transfer-encoding: gzip, chunked\r\nx-to: " + number + b"\r\n"),
        request(b"POST", PATH.encode(), b"x-to: " + number * 2000 + b"\r\n"),
    ]


async def refused(relay: RelayProcess, data: bytes) -> Received:
    async with connect(relay.webhook_port) as connection:
        return await connection.ask(data)
