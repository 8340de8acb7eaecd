"""`relay webhooks rotate` for v2's secrets, against the simulator's REST and a relay over TCP: each place to end at."""

import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from relay.reasons import Reason
from relay.sofy.authenticity import Credentials
from tests.cli.believing import Believing, believing, refused
from tests.cli.conftest import Run
from tests.cli.full_disk import full_disk
from tests.cli.processes import start
from tests.cli.rotation_stand import QUICK, Stand, by_secret, secrets_in
from tests.cli.sofy_api import answering, beside, simulator
from tests.simulator.receiver import Reply, answer
from tests.sofy.api_stand import as_json, by_method, entry, in_turn

SECRET = re.compile(r"[0-9a-f]{64}")


@pytest.fixture(scope="module")
def sofy() -> Iterator[str]:
    with beside(simulator()) as address:
        yield address


@pytest.fixture
def v2(run: Run, sofy: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stand]:
    with by_secret(run, sofy, tmp_path, str(hash(request.node.nodeid))) as stand:
        yield stand


def test_a_secret_is_added_proven_and_only_then_is_the_old_registration_deleted(v2: Stand) -> None:
    (before,), (old,) = v2.ids(), v2.held()

    result = v2.rotate(f"--add-to={v2.file}")

    (after,), held = v2.ids(), v2.held()
    assert (result.exit_code, result.stdout) == (0, "")
    assert before != after
    assert (held[0], len(held)) == (old, 2)
    said = result.stderr.splitlines()
    assert said[0] == f"To do: register {v2.url} (v2, sms.status) anew, and prove that the relay believes it."
    assert said[1] == f"Then: delete {before} ({v2.url})."
    assert said[-2] == f"Deleted {before}, the old one."
    assert said[-1].startswith(f"The old secret is still in {v2.file}")
    assert not any(secret in result.output for secret in held)


def test_every_probe_carries_the_new_registrations_id_and_comes_over_a_connection_of_its_own(v2: Stand) -> None:
    v2.rotate(f"--add-to={v2.file}", "--in-a-row=4")

    asked = [(json.loads(it.body), it.connection) for it in v2.relay.asked if it.body]
    assert [it["webhookId"] for it, _ in asked] == v2.ids() * 4
    assert {json.dumps(it["data"]) for it, _ in asked} == {"[]"}
    assert len({number for _, number in asked}) == 4


def test_a_secret_that_the_relay_never_learns_leaves_both_and_the_run_after_goes_on(v2: Stand, tmp_path: Path) -> None:
    secret_file = tmp_path / "new secret"
    (before,) = v2.ids()

    given_up = v2.rotate(f"--secret-file={secret_file}", "--wait=0")
    both = v2.ids()
    v2.file.write_text(json.dumps([*v2.held(), secret_file.read_text().strip()]))
    finish = f"--finish={both[1]}"
    finished = v2.rotate(finish, f"--secret-file={secret_file}")

    assert (given_up.exit_code, finished.exit_code) == (1, 0)
    assert f"refuses it (401 {Reason.INVALID_SIGNATURE})" in given_up.stderr
    assert f"`relay webhooks rotate {v2.url} {finish} --secret-file '{secret_file}'` goes on" in given_up.stderr
    assert both[0] == before
    assert v2.ids() == [both[1]]
    assert secret_file.read_text().strip() not in given_up.output + finished.output


def test_the_secret_alone_is_on_stdout_where_no_file_is_given(v2: Stand) -> None:
    result = v2.rotate("--wait=0")

    assert result.exit_code == 1
    assert SECRET.fullmatch(result.stdout.strip())
    assert f"--finish={v2.ids()[1]} --secret-file FILE` goes on" in result.stderr


def test_the_reader_of_a_pipe_has_the_secret_whole_while_the_relay_is_still_waited_for(v2: Stand) -> None:
    process = start("webhooks", "rotate", v2.url, *QUICK, "--wait=60", env=v2.env)
    assert process.stdout is not None

    secret = process.stdout.read()  # to its end: as `kubectl create secret --from-file=/dev/stdin` reads
    v2.file.write_text(json.dumps([*v2.held(), secret.strip()]))

    assert process.wait(60) == 0
    assert len(v2.ids()) == 1
    process.communicate()


def test_a_run_that_lost_the_secret_is_mended_by_the_next_which_deletes_all_before_it(v2: Stand) -> None:
    v2.rotate("--wait=0")  # its secret went to nobody
    before = v2.ids()

    result = v2.rotate(f"--add-to={v2.file}")

    assert (result.exit_code, len(before)) == (0, 2)
    assert len(v2.ids()) == 1
    assert v2.ids()[0] not in before


def test_an_interrupted_wait_says_what_stands_and_how_to_go_on(v2: Stand, tmp_path: Path) -> None:
    process = start("webhooks", "rotate", v2.url, f"--secret-file={tmp_path / 'new'}", env=v2.env)
    deadline = time.monotonic() + 30
    while not any(it.body for it in v2.relay.asked):
        assert time.monotonic() < deadline
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)

    assert process.returncode == 1
    assert stderr.splitlines()[-1].startswith("Interrupted. The old registration stands beside the new one")
    assert len(v2.ids()) == 2


def test_an_interrupted_overlap_leaves_only_the_deletion(v2: Stand) -> None:
    process = start("webhooks", "rotate", v2.url, f"--add-to={v2.file}", "--overlap=60", env=v2.env)
    assert process.stderr is not None
    said = ""
    while "Both registrations stand for 60 s more" not in said:
        said = process.stderr.readline()
        assert said

    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)

    old = v2.ids()[0]
    assert process.returncode == 1
    assert f"works. What is left: `relay webhooks delete -- {old}`." in stderr


def test_a_relay_that_cannot_be_reached_is_found_out_before_anything_is_registered(v2: Stand) -> None:
    v2.url = "http://127.0.0.1:1/webhooks/sofy"
    v2.register()

    result = v2.rotate(f"--add-to={v2.file}")

    assert result.exit_code == 1
    assert "http://127.0.0.1:1/webhooks/sofy refuses connections; Nothing was changed at Sofy." in result.stderr
    assert len(v2.ids()) == 2
    assert len(v2.held()) == 1


def test_a_disk_that_is_full_after_all_loses_no_secret(v2: Stand, tmp_path: Path) -> None:
    with full_disk():
        result = v2.rotate(f"--secret-file={tmp_path / 'new'}")

    assert result.exit_code == 1
    assert SECRET.fullmatch(result.stdout.strip())
    assert "is on stdout instead, this once. The old registration stands" in result.stderr
    assert len(v2.ids()) == 2


def test_an_expected_id_is_added_too_and_proven(v2: Stand, tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    ids.write_text(json.dumps(v2.ids()))
    secrets = v2.relay.credentials
    v2.relay.credentials = lambda: Credentials((), secrets().secrets, frozenset(json.loads(ids.read_text())))

    result = v2.rotate(f"--add-to={v2.file}", f"--add-id-to={ids}")

    assert result.exit_code == 0, result.stderr
    assert json.loads(ids.read_text())[1:] == v2.ids()


def test_an_id_that_is_not_expected_keeps_both(v2: Stand) -> None:
    (before,), secrets = v2.ids(), v2.relay.credentials
    v2.relay.credentials = lambda: Credentials((), secrets().secrets, frozenset({before}))

    result = v2.rotate(f"--add-to={v2.file}", "--wait=0")

    assert result.exit_code == 1
    assert "refuses it (401 unexpected_webhook_id)" in result.stderr
    assert len(v2.ids()) == 2


def test_an_account_of_its_own_gets_secret_and_id_in_the_file_of_accounts(
    run: Run, sofy: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "accounts"

    def credentials() -> Credentials:
        own = json.loads(file.read_text())["default"]
        return Credentials((), tuple(it.encode() for it in own["secrets"]), frozenset(own["webhook_ids"]))

    env = {"RELAY_SOFY__API_URL": sofy, "RELAY_SOFY__API_TOKEN": f"sofy_live_{hash(request.node.nodeid)}"}
    with beside(believing(Believing(credentials))) as url:
        stand = Stand(run, env, Believing(credentials), url, file)
        secret = stand.register()
        file.write_text(json.dumps({"default": {"secrets": [secret], "webhook_ids": stand.ids()}}))

        result = stand.rotate(f"--add-to={file}")

    own = json.loads(file.read_text())["default"]
    assert result.exit_code == 0, result.stderr
    assert (len(own["secrets"]), own["webhook_ids"][1:]) == (2, stand.ids())


def test_one_pod_of_several_that_does_not_know_it_yet_is_noticed_and_waited_for(v2: Stand) -> None:
    def every_third(relay: Believing) -> Reply | None:
        posted = sum(bool(it.body) for it in relay.asked)
        return refused(Reason.INVALID_SIGNATURE) if posted in {3, 6} else None

    v2.relay.before = every_third

    result = v2.rotate(f"--add-to={v2.file}", "--in-a-row=3", "--wait=60")

    assert result.exit_code == 0
    assert result.stderr.count("(401 invalid_signature)") == 1
    assert sum(bool(it.body) for it in v2.relay.asked) == 3 + 3 + 3


def test_a_lost_answer_is_no_rotation_and_the_old_one_is_not_taken_for_the_new(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("[]")
    with ExitStack() as stack:
        url = stack.enter_context(beside(believing(Believing(Credentials))))
        listed = [entry("old", url)]
        script = by_method(
            POST=in_turn(answer(500)),
            GET=in_turn(as_json(200, listed), as_json(200, [*listed, entry("new", url)])),
        )
        address = stack.enter_context(beside(answering(script)))
        env = {"RELAY_SOFY__API_URL": address, "RELAY_SOFY__API_TOKEN": "sofy_live_x"}
        result = run("webhooks", "rotate", url, f"--add-to={file}", *QUICK, env=env)

    assert result.exit_code == 1
    assert "Its secret was in the answer that was lost. The old registration stands beside the new one" in result.stderr
    assert file.read_text() == "[]"


def test_a_deletion_that_sofy_does_not_do_says_what_is_left(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text('["old"]')
    relay = Believing(lambda: secrets_in(file))
    with ExitStack() as stack:
        url = stack.enter_context(beside(believing(relay)))
        script = by_method(
            GET=in_turn(as_json(200, [entry("old", url)])),
            POST=in_turn(as_json(201, {**entry("new", url), "secret": "fresh"})),
            DELETE=in_turn(answer(403)),
        )
        address = stack.enter_context(beside(answering(script)))
        env = {"RELAY_SOFY__API_URL": address, "RELAY_SOFY__API_TOKEN": "sofy_live_x"}
        result = run("webhooks", "rotate", url, f"--add-to={file}", *QUICK, env=env)

    assert result.exit_code == 1
    assert "(403)" in result.stderr
    assert "The new registration works. What is left: `relay webhooks delete -- old`." in result.stderr
    assert json.loads(file.read_text()) == ["old", "fresh"]
