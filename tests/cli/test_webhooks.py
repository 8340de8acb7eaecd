"""`relay webhooks`: against the simulator's REST over TCP, and against servers that answer badly."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.full_disk import full_disk
from tests.cli.processes import environment
from tests.cli.sofy_api import answering, beside, simulator
from tests.simulator.receiver import answer
from tests.sofy.api_stand import PLANTED, Script, as_json, by_method, entry, in_turn

BARE = "https://relay.example.com/webhooks/sofy"
V1 = {"RELAY_SOFY__API_KEY_ID": "a-location", "RELAY_SOFY__API_KEY_SECRET": f"{PLANTED}-1"}
V2 = {"RELAY_SOFY__API_TOKEN": f"sofy_live_{PLANTED}"}
HOOK = f"{BARE}/{PLANTED}"


@pytest.fixture(scope="module")
def sofy() -> Iterator[str]:
    """A simulator for all tests here: each uses keys of its own."""
    with beside(simulator()) as address:
        yield address


@pytest.fixture
def v1(sofy: str, request: pytest.FixtureRequest) -> dict[str, str]:
    return {"RELAY_SOFY__API_URL": sofy, **V1, "RELAY_SOFY__API_KEY_ID": str(hash(request.node.nodeid))}


@pytest.fixture
def v2(sofy: str, request: pytest.FixtureRequest) -> dict[str, str]:
    return {"RELAY_SOFY__API_URL": sofy, "RELAY_SOFY__API_TOKEN": f"sofy_live_{hash(request.node.nodeid)}"}


def listed(run: Run, env: dict[str, str]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run("webhooks", "list", "--json", env=env).stdout)["webhooks"]
    return found


# What is needed


@pytest.mark.parametrize("command", [("list",), ("register", BARE), ("rotate", BARE), ("delete", "1")])
@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({}, "No key of Sofy's API is set; set RELAY_SOFY__API_TOKEN (v2)"),
        ({"RELAY_SOFY__API_KEY_ID": PLANTED}, "RELAY_SOFY__API_KEY_ID is set without RELAY_SOFY__API_KEY_SECRET"),
        ({"RELAY_SOFY__API_KEY_SECRET": PLANTED}, "RELAY_SOFY__API_KEY_SECRET is set without RELAY_SOFY__API_KEY_ID"),
        ({"RELAY_SOFY__API_TOKEN": f"{PLANTED} x"}, "RELAY_SOFY__API_TOKEN holds a blank"),
        ({**V2, "RELAY_SOFY__API_URL": "http://api.sofy.fr"}, "RELAY_SOFY__API_URL is not encrypted"),
        ({**V2, "RELAY_SOFY__API_URL": "https://[:::"}, "RELAY_SOFY__API_URL is no usable address"),
        ({**V2, "RELAY_SOFY__API_URL": f"ftp://{PLANTED}"}, "RELAY_SOFY__API_URL is not of the right form"),
    ],
)
def test_unusable_settings_are_a_sentence_and_exit_2(
    run: Run, command: tuple[str, ...], env: dict[str, str], sentence: str
) -> None:
    result = run("webhooks", *command, env=env)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(sentence)
    assert len(result.stderr.splitlines()) == 1
    assert PLANTED not in result.output


def test_a_misspelt_key_is_named_with_the_nearest_setting(run: Run) -> None:
    result = run("webhooks", "list", env={"RELAY_SOFY__API_TOKN": PLANTED})

    assert result.exit_code == 2
    assert "RELAY_SOFY__API_TOKN is no setting of this version; the nearest known one is RELAY_SOFY__API_TOKEN." in (
        result.stderr.splitlines()
    )


def test_wrong_settings_of_kafka_are_nobodys_business_here(run: Run, v2: dict[str, str]) -> None:
    result = run("webhooks", "list", env={**v2, "RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "RELAY_LOG__LEVEL": "x"})

    assert (result.exit_code, result.stderr) == (0, "No webhook is registered with v2's key.\n")


# A life


def test_a_v2_webhook_is_registered_listed_and_deleted(run: Run, v2: dict[str, str]) -> None:
    made = run("webhooks", "register", BARE, env=v2)
    (shown,) = listed(run, v2)
    table = run("webhooks", "list", "--url", BARE, env=v2)
    deleted = run("webhooks", "delete", "--", str(shown["id"]), env=v2)
    after = run("webhooks", "list", "--url", BARE, env=v2)

    assert (made.exit_code, table.exit_code, deleted.exit_code, after.exit_code) == (0, 0, 0, 1)
    assert re.fullmatch(r"[0-9a-f]{64}\n", made.stdout)
    assert f"Registered {BARE} (v2, sms.status) as {shown['id']}." in made.stderr
    assert "Put it into RELAY_SOFY__SECRETS, best its file" in made.stderr
    assert made.stdout.strip() not in made.stderr + table.output + json.dumps(shown)
    assert table.stdout.splitlines()[1].split()[:4] == [shown["id"], "v2", BARE, "sms.status"]
    assert f"Deleted {shown['id']} (v2, {BARE})." in deleted.stderr
    assert "without it no status arrives" in deleted.stderr
    assert after.stdout.startswith(f"failed  missing: No webhook is registered for {BARE}")


def test_a_v1_webhook_gets_its_token_from_a_file_and_shows_it_nowhere(
    run: Run, v1: dict[str, str], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(f"{PLANTED}\n")
    env = {**v1, "RELAY_SOFY__TOKENS": json.dumps([PLANTED])}

    made = run("webhooks", "register", BARE, "--token-file", str(token), env=env)
    again = run("webhooks", "register", HOOK, env=env)
    table = run("webhooks", "list", "--url", BARE, env=env)
    as_object = run("webhooks", "list", "--json", env=env)

    assert [it.exit_code for it in (made, again, table, as_object)] == [0, 0, 0, 0]
    assert made.stdout == ""
    assert f"Registered {BARE}/******** (v1, sms.status)" in made.stderr
    assert "registered already" in again.stderr
    assert f"{BARE}/********" in table.stdout
    assert PLANTED not in "".join(it.output for it in (made, again, table, as_object))


def test_a_secret_goes_to_a_file_of_its_own_and_nowhere_else(run: Run, v2: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "secret"

    result = run("webhooks", "register", f"{BARE}/accounts/paris", "--secret-file", str(path), env=v2)

    secret = path.read_text()
    assert (result.exit_code, result.stdout) == (0, "")
    assert re.fullmatch(r"[0-9a-f]{64}\n", secret)
    assert path.stat().st_mode & 0o777 == 0o600
    assert secret.strip() not in result.output
    assert "Put it into the secrets of paris in RELAY_SOFY__ACCOUNTS" in result.stderr


@pytest.mark.parametrize("obstacle", ["exists", "no folder"])
def test_a_secret_file_that_cannot_be_written_is_found_out_before_anything_is_registered(
    run: Run, v2: dict[str, str], tmp_path: Path, obstacle: str
) -> None:
    path = tmp_path / "secret" if obstacle == "exists" else tmp_path / "absent" / "secret"
    if obstacle == "exists":
        path.write_text("older")

    result = run("webhooks", "register", BARE, "--secret-file", str(path), env=v2)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(str(path))
    assert listed(run, v2) == []
    assert obstacle != "exists" or path.read_text() == "older"


def test_a_secret_that_its_file_does_not_take_after_all_is_not_lost(
    run: Run, v2: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "secret"

    with full_disk():
        result = run("webhooks", "register", BARE, "--secret-file", str(path), env=v2)

    assert result.exit_code == 1
    assert re.fullmatch(r"[0-9a-f]{64}\n", result.stdout)
    assert "is the disk full? It is on stdout instead, this once." in result.stderr
    assert not path.exists()


def test_what_is_registered_already_is_said_and_left_alone(run: Run, v2: dict[str, str], tmp_path: Path) -> None:
    run("webhooks", "register", BARE, env=v2)
    path = tmp_path / "secret"

    result = run(
        "webhooks", "register", "https://RELAY.example.com:443/webhooks/sofy/", "--secret-file", str(path), env=v2
    )

    assert (result.exit_code, result.stdout) == (0, "")
    assert "registered already" in result.stderr
    assert len(listed(run, v2)) == 1
    assert not path.exists()


def test_a_registration_that_lacks_an_event_is_no_success(run: Run, v2: dict[str, str]) -> None:
    run("webhooks", "register", BARE, "--event", "sms.reply", env=v2)

    result = run("webhooks", "register", BARE, env=v2)
    seen = run("webhooks", "list", env=v2)

    assert result.exit_code == 1
    assert "not for sms.status" in result.stderr
    assert seen.exit_code == 1
    assert "missing event" in seen.stdout


def test_another_registration_of_the_same_relay_is_told_of(run: Run, v2: dict[str, str]) -> None:
    run("webhooks", "register", BARE, env=v2)

    result = run("webhooks", "register", f"{BARE}/accounts/paris", env=v2)
    seen = run("webhooks", "list", env=v2)

    assert result.exit_code == 0
    assert "posts to the same relay: once the new one works, `relay webhooks delete" in result.stderr
    assert seen.exit_code == 1
    assert "duplicate" in seen.stdout


def test_a_dry_run_changes_nothing(run: Run, v2: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "secret"
    before = run("webhooks", "register", BARE, "--dry-run", "--secret-file", str(path), env=v2)
    assert listed(run, v2) == []
    run("webhooks", "register", BARE, env=v2)
    (there,) = listed(run, v2)

    after = run("webhooks", "delete", "--dry-run", "--", str(there["id"]), env=v2)

    assert (before.exit_code, before.stdout, after.exit_code) == (0, "", 0)
    assert "Would register" in before.stderr
    assert "Would delete" in after.stderr
    assert not path.exists()
    assert listed(run, v2) == [there]


def test_both_apis_are_listed_and_one_is_chosen_to_register(run: Run, v1: dict[str, str], v2: dict[str, str]) -> None:
    env = {**v1, **v2}
    undecided = run("webhooks", "register", HOOK, env=env)
    by_v1 = run("webhooks", "register", HOOK, "--api", "v1", env=env)
    by_v2 = run("webhooks", "register", BARE, "--api", "v2", env=env)

    shown = listed(run, env)
    deleted = [run("webhooks", "delete", "--", str(it["id"]), env=env).exit_code for it in shown]

    assert (undecided.exit_code, by_v1.exit_code, by_v2.exit_code) == (2, 0, 0)
    assert "say --api v1 or --api v2" in undecided.stderr
    assert [it["apis"] for it in shown] == [["v1"], ["v2"]]
    assert deleted == [0, 0]
    assert listed(run, env) == []


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "env", "sentence"),
    [
        (["register", BARE.replace("https", "http")], V2, "The URL must begin with https://"),
        (["register", PLANTED], V2, "The URL must be an absolute one"),
        (["register", BARE], V1, "The URL holds no token, and v1 signs nothing"),
        (["register", BARE, "--api", "v1"], V2, "--api v1 needs RELAY_SOFY__API_KEY_ID and RELAY_SOFY__API_KEY_SECRET"),
        (["register", HOOK, "--api", "v2"], V1, "--api v2 needs RELAY_SOFY__API_TOKEN"),
        (["delete", "1", "--api", "v2"], V1, "--api v2 needs RELAY_SOFY__API_TOKEN"),
        (["register", HOOK, "--secret-file", "secret"], V1, "v1 has no secret to write"),
        (["register", BARE, "--token-file", "token"], V2, "v2 signs its webhooks and needs no token"),
        (["register", BARE, "--token-file", "/absent"], V1, "/absent is no text file that this user may read"),
        (["register", BARE, "--event", "a b"], V2, "--event takes a name such as sms.status"),
    ],
)
def test_wrong_use_is_a_sentence_and_exit_2(run: Run, arguments: list[str], env: dict[str, str], sentence: str) -> None:
    result = run("webhooks", *arguments, env={**env, "RELAY_SOFY__API_URL": "http://127.0.0.1:1"})

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(sentence)
    assert PLANTED not in result.output


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("", "does not hold one line"), ("a\nb\n", "does not hold one line"), ('["a"]\n', "holds a list")],
)
def test_a_token_file_holds_one_token(run: Run, tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)

    result = run("webhooks", "register", BARE, "--token-file", str(path), env=V1)

    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_token_that_the_relay_does_not_know_is_warned_of(run: Run, v1: dict[str, str]) -> None:
    result = run("webhooks", "register", HOOK, env={**v1, "RELAY_SOFY__TOKENS": '["another"]'})

    assert result.exit_code == 0
    assert "By the settings here the relay refuses such a webhook (401): its token is none of" in result.stderr


def test_a_path_that_is_none_of_the_relays_is_warned_of(run: Run, v2: dict[str, str]) -> None:
    result = run("webhooks", "register", BARE, env={**v2, "RELAY_HTTP__BASE_PATH": "/hooks"})

    assert result.exit_code == 0
    assert "The URL's path is none of the relay's" in result.stderr


def test_an_unknown_id_is_a_sentence(run: Run, v2: dict[str, str]) -> None:
    result = run("webhooks", "delete", "nobody", env=v2)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "No webhook of that id is registered with v2's key; `relay webhooks list` shows those that are.\n"
    )


# Trouble


def asked(run: Run, script: Script, *arguments: str) -> tuple[int, str, str]:
    with beside(answering(script)) as address:
        result = run("webhooks", *arguments, env={**V2, "RELAY_SOFY__API_URL": address})
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("command", [("list",), ("register", BARE), ("rotate", BARE), ("delete", "1")])
@pytest.mark.parametrize(
    ("script", "words"),
    [
        (in_turn(answer(401)), "Sofy does not know this key (401); check RELAY_SOFY__API_TOKEN."),
        (in_turn(answer(403)), "(403)"),
        (in_turn(answer(429, Retry_After="100")), "try again in 100 s."),
        (in_turn(answer(200, b"<html>")), "is not JSON"),
    ],
)
def test_trouble_is_a_sentence_on_stderr_and_exit_1(
    run: Run, command: tuple[str, ...], script: Script, words: str
) -> None:
    code, stdout, stderr = asked(run, script, *command)

    assert (code, stdout) == (1, "")
    assert words in stderr
    assert len(stderr.splitlines()) == 1
    assert PLANTED not in stderr


def test_one_key_that_is_refused_does_not_hide_what_the_other_shows(
    run: Run, v1: dict[str, str], v2: dict[str, str]
) -> None:
    run("webhooks", "register", BARE, env=v2)
    run("webhooks", "list", env=v1)  # the first secret that comes with a key id is its secret

    result = run("webhooks", "list", "--json", env={**v1, **v2, "RELAY_SOFY__API_KEY_SECRET": "wrong"})

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [it["url"] for it in told["webhooks"]] == [BARE]
    assert ["(401)" in sentence for sentence in told["errors"]] == [True]


def test_a_lost_answer_to_a_registration_costs_its_secret_and_says_so(run: Run, tmp_path: Path) -> None:
    there = as_json(200, [entry("made", BARE)])
    script = by_method(POST=in_turn(answer(500)), GET=in_turn(as_json(200, []), there))
    path = tmp_path / "secret"

    code, stdout, stderr = asked(run, script, "register", BARE, "--secret-file", str(path))

    assert (code, stdout) == (1, "")
    assert "Its secret was in the answer that was lost: `relay webhooks delete made`, and register it anew." in stderr
    assert not path.exists()


def test_what_sofy_writes_does_not_steer_the_terminal(run: Run) -> None:
    hostile = [entry("id\x1b[2J\n", "https://r.example.com/webhooks/sofy", ("\x1b[31m",))]

    _, stdout, stderr = asked(run, in_turn(as_json(200, hostile)), "list")

    assert "\x1b" not in stdout + stderr
    assert "id\\x1b[2J\\n" in stdout


@pytest.mark.parametrize(("said", "code", "left"), [(b"n\n", 1, 1), (b"y\n", 0, 0)])
def test_on_a_terminal_a_deletion_is_asked_for_first(
    run: Run, v2: dict[str, str], said: bytes, code: int, left: int
) -> None:
    run("webhooks", "register", BARE, env=v2)
    (there,) = listed(run, v2)
    ours, theirs = pty.openpty()
    os.write(ours, said)

    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "relay", "webhooks", "delete", "--", str(there["id"])],
        env=environment(v2),
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(ours)
    os.close(theirs)

    assert done.returncode == code
    assert "Delete " in done.stderr
    assert len(listed(run, v2)) == left
