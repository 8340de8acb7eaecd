"""`relay topics`: what it makes, and what it leaves alone."""

import json
from typing import Any

import pytest

from relay.demo.broker import EmbeddedBroker
from tests.cli.conftest import Run
from tests.kafka.choice import Kafka
from tests.kafka.topics import Topics


def settings(servers: str, prefix: str, **others: str) -> dict[str, str]:
    names = {kind: f"{prefix}.{kind.lower()}" for kind in ("STATUS", "OTHER", "DEAD_LETTER", "LATEST")}
    return {
        "RELAY_KAFKA__BOOTSTRAP_SERVERS": servers,
        "RELAY_TOPICS__PARTITIONS": "3",
        "RELAY_TOPICS__REPLICATION_FACTOR": "1",
        "RELAY_TOPICS__MIN_INSYNC_REPLICAS": "1",
        **{f"RELAY_TOPICS__{kind}": name for kind, name in names.items()},
        **others,
    }


def changes(output: str) -> list[tuple[str, str]]:
    said: dict[str, list[dict[str, Any]]] = json.loads(output)
    return [(change["topic"].rpartition(".")[2], change["outcome"]) for change in said["changes"]]


@pytest.mark.kafka
def test_apply_makes_the_missing_topics_once(run: Run, kafka: Kafka, topics: Topics) -> None:
    env = settings(kafka.bootstrap_servers, topics.unused_name())

    planned = run("topics", "apply", "--dry-run", "--json", env=env)
    before = run("topics", "show", env=env)
    made = run("topics", "apply", "--json", env=env)
    after = run("topics", "show", env=env)
    again = run("topics", "apply", env=env)

    kinds = ["status", "other", "dead_letter", "latest"]
    assert (planned.exit_code, changes(planned.stdout)) == (0, [(kind, "would") for kind in kinds])
    assert before.exit_code == 1
    assert (made.exit_code, changes(made.stdout)) == (0, [(kind, "done") for kind in kinds])
    assert after.exit_code == 0
    assert again.stdout == "ok      topics: All four are as the settings ask; nothing to do.\n"


@pytest.mark.kafka
def test_apply_alters_a_topic_that_exists_only_when_forced(run: Run, kafka: Kafka, topics: Topics) -> None:
    prefix = topics.unused_name()
    run("topics", "apply", env=settings(kafka.bootstrap_servers, prefix))
    more = settings(kafka.bootstrap_servers, prefix, RELAY_TOPICS__STATUS_RETENTION_H="24")

    unforced = run("topics", "apply", "--json", env=more)
    still = run("topics", "show", env=more)
    forced = run("topics", "apply", "--force", "--json", env=more)
    now = run("topics", "show", env=more)

    assert (unforced.exit_code, changes(unforced.stdout)) == (0, [("status", "left")])
    assert "keeps records for 168 hours" in still.stdout
    assert (forced.exit_code, changes(forced.stdout)) == (0, [("status", "done")])
    assert "keeps records for 24 hours." in now.stdout


def test_what_cannot_be_made_fails_it_and_says_why(run: Run, embedded: EmbeddedBroker) -> None:
    env = settings(embedded.bootstrap_servers, "impossible", RELAY_TOPICS__REPLICATION_FACTOR="3")

    result = run("topics", "apply", env=env)

    assert result.exit_code == 1
    assert (
        "failed  impossible.status: Not possible: impossible.status cannot have 3 replicas on 1 broker(s)"
        in result.stdout
    )


def test_a_topic_that_exists_and_differs_is_left_as_it_is_without_failing(run: Run, embedded: EmbeddedBroker) -> None:
    env = settings(embedded.bootstrap_servers, "left")
    for kind in ("status", "other", "dead_letter", "latest"):
        embedded.create_topic(f"left.{kind}", partitions=1)

    result = run("topics", "apply", env=env)

    assert result.exit_code == 0
    assert "warning left.status: Left as it is; --force would grow left.status from 1 to 3 partitions" in result.stdout


@pytest.mark.parametrize("command", ["show", "apply"])
def test_a_broker_that_does_not_answer_is_one_sentence(run: Run, command: str) -> None:
    result = run("topics", command, env=settings("127.0.0.1:1", "t"))

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "No broker of RELAY_KAFKA__BOOTSTRAP_SERVERS answers (127.0.0.1:1: connection refused)."
    ]
