"""`relay check`: effective settings, then every check."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from relay.demo.broker import EmbeddedBroker
from tests.cli.conftest import Run
from tests.redis.server import RedisServer

PLANTED = "pl4nted-s3cret-value"
SETTINGS = {
    "RELAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "RELAY_SOFY__TOKENS": f'["{PLANTED}-1","{PLANTED}-2"]',
    "RELAY_SOFY__ACCOUNTS": f'{{"paris":{{"secrets":["{PLANTED}-3"]}}}}',
}


def test_offline_it_looks_at_the_settings_alone(run: Run) -> None:
    result = run("check", "--offline", env=SETTINGS)

    assert result.exit_code == 0
    assert "RELAY_SOFY__TOKENS = ******** (2)\n" in result.stdout
    assert "RELAY_HTTP__PORT = 8080  (default)\n" in result.stdout
    assert "ok      names: Every RELAY_ name in the environment is known.\n" in result.stdout
    assert "ok      authentication: Account default has 2 tokens.\n" in result.stdout
    assert "broker" not in result.stdout
    assert PLANTED not in result.output


def test_an_unknown_name_fails_it_with_the_nearest_known_one(run: Run) -> None:
    result = run("check", "--offline", env=SETTINGS | {"RELAY_HTTP_PORT": "8080"})

    assert result.exit_code == 1
    assert (
        "failed  names: RELAY_HTTP_PORT is no setting of this version; the nearest known one is RELAY_HTTP__PORT."
        in (result.stdout)
    )


def test_names_of_a_kubernetes_service_do_not_fail_it(run: Run) -> None:
    result = run("check", "--offline", env=SETTINGS | {"RELAY_PORT": "tcp://10.0.0.1:80", "RELAY_SERVICE_HOST": "x"})

    assert result.exit_code == 0


def test_wrong_settings_are_failed_checks(run: Run) -> None:
    result = run("check", env={"RELAY_HTTP__PORT": "x"})

    assert result.exit_code == 1
    assert "failed  settings: RELAY_KAFKA__BOOTSTRAP_SERVERS is not set; give host:port" in result.stdout
    assert "failed  settings: RELAY_HTTP__PORT is not a whole number; give a port" in result.stdout


def test_as_json_it_is_one_object(run: Run) -> None:
    result = run("check", "--offline", "--json", env=SETTINGS)

    said = json.loads(result.stdout)
    assert said["settings"]["RELAY_SOFY__TOKENS"] == "******** (2)"
    assert {"level": "ok", "about": "names", "says": "Every RELAY_ name in the environment is known."} in said["checks"]
    assert PLANTED not in result.output


def test_a_broker_that_does_not_answer_fails_it(run: Run) -> None:
    result = run("check", env=SETTINGS)

    assert result.exit_code == 1
    assert "failed  broker: No broker of RELAY_KAFKA__BOOTSTRAP_SERVERS answers (127.0.0.1:1: connection refused)." in (
        result.stdout
    )


@pytest.mark.parametrize(("missing", "code"), [("", 0), ("LATEST", 0), ("DEAD_LETTER", 1)])
def test_a_missing_topic_fails_it_if_serving_needs_it(
    run: Run, embedded: EmbeddedBroker, missing: str, code: int
) -> None:
    names = {kind: f"check-{missing.lower()}-{kind.lower()}" for kind in ("STATUS", "OTHER", "DEAD_LETTER", "LATEST")}
    for kind, name in names.items():
        if kind != missing:
            embedded.create_topic(name, partitions=12)

    result = run(
        "check",
        env=SETTINGS
        | {f"RELAY_TOPICS__{kind}": name for kind, name in names.items()}
        | {"RELAY_KAFKA__BOOTSTRAP_SERVERS": embedded.bootstrap_servers},
    )

    assert result.exit_code == code
    assert f"ok      broker: A broker of {embedded.bootstrap_servers} answers" in result.stdout
    assert f"ok      {names['STATUS']}: {names['STATUS']} has 12 partitions.\n" in result.stdout
    assert ("missing" in result.stdout) is bool(missing)


def test_a_redis_that_answers_is_said_without_its_password(run: Run, redis_server: RedisServer) -> None:
    redis_server.ask("CONFIG", "SET", "requirepass", PLANTED)
    store = f"redis://:{PLANTED}@127.0.0.1:{redis_server.port}"

    result = run("check", env=SETTINGS | {"RELAY_DUPLICATES__STORE": store})

    shown = f"redis://:********@127.0.0.1:{redis_server.port}/0"
    assert f"RELAY_DUPLICATES__STORE = {shown}\n" in result.stdout
    assert f"ok      duplicates: {shown} answers and may be written.\n" in result.stdout
    assert PLANTED not in result.output


def test_a_redis_that_does_not_answer_is_a_warning_with_the_reason(run: Run, redis_server: RedisServer) -> None:
    redis_server.kill()
    result = run("check", env=SETTINGS | {"RELAY_DUPLICATES__STORE": redis_server.url})

    assert f"warning duplicates: {redis_server.url} is of no use now (connection_failed)" in result.stdout


def test_a_certificate_that_ends_soon_is_a_warning(run: Run, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("relay.example", not_after=datetime.now(UTC) + timedelta(days=3))
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "relay.pem")

    encrypted = {
        "RELAY_KAFKA__SECURITY_PROTOCOL": "SSL",
        "RELAY_KAFKA__SSL_CAFILE": str(tmp_path / "ca.pem"),
        "RELAY_KAFKA__SSL_CERTFILE": str(tmp_path / "relay.pem"),
        "RELAY_KAFKA__SSL_KEYFILE": str(tmp_path / "relay.pem"),
    }

    result = run("check", "--offline", env=SETTINGS | encrypted)

    assert f"ok      certificates: {tmp_path / 'ca.pem'} is good until" in result.stdout
    assert f"warning certificates: {tmp_path / 'relay.pem'} expires on" in result.stdout
