"""The runs themselves, short and with a fixed seed; `make chaos MINUTES=10` makes long ones."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.chaos.script import Fault, kinds, mixed
from tests.kafka.choice import Kafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SEED, MINUTES = 11, 2


def chaos(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run the command; give its exit status, the ledger from stdout's last line, and what it told people."""
    done = subprocess.run(  # noqa: S603 - our own arguments only
        [sys.executable, "-m", "tests.chaos", *arguments], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    ledger: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return done.returncode, ledger, done.stderr


def test_two_minutes_of_faults_lose_nothing_and_break_no_invariant(kafka: Kafka) -> None:
    assert kafka.version
    assert {Fault.BROKER_KILLED, Fault.RELAY_KILLED} <= kinds(mixed(SEED, MINUTES * 60))

    status, ledger, told = chaos("--minutes", str(MINUTES), "--seed", str(SEED))

    assert status == 0, told
    assert (ledger["missing"], ledger["unexplained_duplicates"], ledger["broken"]) == (0, 0, [])
    assert ledger["longest_answer_s"] <= 3.5
    assert ledger["longest_recovery_s"] <= 10.0
    assert ledger["acknowledged"] > 1000


def test_a_relay_killed_again_and_again_under_load_loses_nothing(kafka: Kafka) -> None:
    assert kafka.version

    status, ledger, told = chaos("--scenario", "kills", "--times", "25")

    assert status == 0, told
    assert (ledger["missing"], ledger["replica_restarts"]) == (0, 25)
    assert ledger["longest_recovery_s"] <= 10.0  # from the last one: they follow too fast to recover between them


def test_a_rolling_restart_under_load_breaks_no_connection_and_loses_nothing(kafka: Kafka) -> None:
    assert kafka.version

    status, ledger, told = chaos("--scenario", "rolling", "--times", "3")

    assert status == 0, told
    assert (ledger["missing"], ledger["replica_restarts"]) == (0, 6)
    assert set(ledger["not_2xx"]) <= {"timed out"}  # by Sofy's own fault: no refusal, no reset, no 503


def test_wrong_use_is_status_2() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.chaos", "--scenario", "none"], capture_output=True, check=False)

    assert done.returncode == 2
