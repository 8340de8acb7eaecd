"""`relay demo` from outside: it ends by itself or by a signal, always with a ledger that tells the truth."""

import json
import re
import signal
import subprocess
import sys
from contextlib import AbstractContextManager

import pytest

from tests.cli.processes import running
from tests.kafka.choice import Kafka
from tests.kafka.ports import free_ports
from tests.kafka.topics import Topics

_TROUBLE = re.compile(r"error|traceback|exception|never retrieved|was destroyed", re.IGNORECASE)
_LEDGER = {"sent", "received", "published", "duplicates", "dead_lettered", "lost"}


def test_it_ends_by_itself_with_the_ledger_as_the_last_line() -> None:
    with _demo("--seconds", "5", "--json") as process:
        stdout, stderr = process.communicate(timeout=60)

    ledger = _settled(stdout)
    assert process.returncode == 0
    assert ledger["published"] > 100
    assert ledger["duplicates"] > 0
    assert ledger["dead_lettered"] > 0
    assert not _TROUBLE.search(stderr), stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_ledger(number: signal.Signals) -> None:
    with _demo("--json") as process:
        _wait_for(process, "dead letters")
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)

    ledger = _settled(stdout)
    assert process.returncode == 0
    assert ledger["published"] > 0
    assert not _TROUBLE.search(stderr), stderr


def test_a_second_signal_ends_it_without_the_ledger() -> None:
    with _demo("--json") as process:
        _wait_for(process, "dead letters")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout) == (130, "")
    assert not _TROUBLE.search(stderr), stderr


def test_its_first_lines_tell_where_to_look() -> None:
    with _demo("--seconds", "0.5") as process:
        stdout, stderr = process.communicate(timeout=60)

    for said in (
        r"replicas: 1 \(the cluster has 1 broker\)",
        r"webhook +http://127\.0\.0\.1:\d+/webhooks/sofy/\S+",
        r"page +http://127\.0\.0\.1:\d+/",
        r"RELAY_KAFKA__BOOTSTRAP_SERVERS=127\.0\.0\.1:\d+ relay tail",
    ):
        assert re.search(said, stderr)
    assert "Nothing was lost" in stdout


def test_a_kafka_that_is_not_there_is_one_sentence() -> None:
    [port] = free_ports(1)

    with _demo("--kafka", f"127.0.0.1:{port}") as process:
        stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout) == (2, "")
    assert re.fullmatch(rf"--kafka 127\.0\.0\.1:{port} cannot be used: .*refused.*\n", stderr)


def test_an_address_that_is_none_is_one_sentence() -> None:
    with _demo("--kafka", "somewhere") as process:
        stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout) == (2, "")
    assert stderr == "--kafka takes HOST:PORT, or several separated by commas.\n"


def test_without_the_embedded_broker_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['confluent_kafka.cimpl'] = None; from relay.cli import main; main()"

    done = subprocess.run(  # noqa: S603 - the program stands above
        [sys.executable, "-c", program, "demo", "--seconds", "1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r".* install sofy-relay\[demo\]\.\n", done.stderr)


@pytest.mark.kafka
def test_on_a_real_kafka_it_makes_what_is_missing_and_reads_back_what_it_sent(kafka: Kafka, topics: Topics) -> None:
    before = topics.names()

    with _demo("--seconds", "3", "--json", "--kafka", kafka.bootstrap_servers) as process:
        stdout, stderr = process.communicate(timeout=90)

    made = topics.names() - before
    for name in made:
        topics.delete(name)
    ledger = _settled(stdout)
    assert process.returncode == 0
    assert ledger["published"] > 0
    assert "sofy.sms.status.v1" in made
    assert f"replicas: {min(3, topics.brokers())} " in stderr


def _settled(stdout: str) -> dict[str, int]:
    """Give the ledger, which must hold in itself and be without loss."""
    ledger: dict[str, int] = json.loads(stdout.splitlines()[-1])
    assert set(ledger) >= _LEDGER
    assert ledger["lost"] == 0
    assert ledger["complete"]
    assert ledger["received"] <= ledger["sent"]
    assert ledger["received"] + ledger["unpromised"] == sum(
        ledger[name] for name in ("published", "duplicates", "dead_lettered", "lost")
    )
    return ledger


def _wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    message = f"it ended without {words!r}"
    raise AssertionError(message)


def _demo(*arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    return running("demo", *arguments, env={})
