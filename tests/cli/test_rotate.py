"""`relay webhooks rotate` for v1's tokens, what a probe meets, and wrong use."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.reasons import Reason
from tests.cli.believing import refused
from tests.cli.conftest import Run
from tests.cli.rotation_stand import NEW, OLD, Stand, by_secret, by_token
from tests.cli.sofy_api import beside, simulator
from tests.simulator.receiver import HANG, Reply, answer
from tests.sofy.api_stand import PLANTED


@pytest.fixture(scope="module")
def sofy() -> Iterator[str]:
    with beside(simulator()) as address:
        yield address


@pytest.fixture
def v1(run: Run, sofy: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stand]:
    with by_token(run, sofy, tmp_path, str(hash(request.node.nodeid))) as stand:
        yield stand


@pytest.fixture
def v2(run: Run, sofy: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stand]:
    with by_secret(run, sofy, tmp_path, str(hash(request.node.nodeid))) as stand:
        yield stand


def test_a_token_is_proven_before_it_is_registered_and_the_old_one_deleted_after(v1: Stand, tmp_path: Path) -> None:
    (before,) = v1.ids()

    result = v1.rotate(f"--token-file={tmp_path / 'token'}")

    (after,) = v1.ids()
    assert (result.exit_code, result.stdout) == (0, "")
    assert before != after
    assert [json.loads(it.body)["webhookId"] for it in v1.relay.asked] == [None, None, after, after]
    assert PLANTED not in result.output


def test_a_token_may_be_the_password_of_the_url(v1: Stand, tmp_path: Path) -> None:
    v1.url = v1.url.replace("http://", "http://sofy@")

    result = v1.rotate(f"--token-file={tmp_path / 'token'}")

    assert result.exit_code == 0, result.stderr
    assert len(v1.ids()) == 1
    assert {it.path for it in v1.relay.asked} == {"/webhooks/sofy"}


def test_a_token_is_added_to_the_followed_file_first(v1: Stand, tmp_path: Path) -> None:
    v1.file.write_text(json.dumps([OLD]))

    result = v1.rotate(f"--token-file={tmp_path / 'token'}", f"--add-to={v1.file}")

    assert result.exit_code == 0, result.stderr
    assert v1.held() == [OLD, NEW]


def test_a_token_that_the_relay_never_learns_changes_nothing_and_the_run_after_rotates(
    v1: Stand, tmp_path: Path
) -> None:
    v1.file.write_text(json.dumps([OLD]))
    before = v1.ids()

    given_up = v1.rotate(f"--token-file={tmp_path / 'token'}", "--wait=0")
    meanwhile = v1.ids()
    v1.file.write_text(json.dumps([OLD, NEW]))
    again = v1.rotate(f"--token-file={tmp_path / 'token'}")

    assert (given_up.exit_code, meanwhile, again.exit_code) == (1, before, 0)
    assert "refuses it (401 unknown_token)" in given_up.stderr
    assert "Nothing was changed at Sofy; run the same command again" in given_up.stderr


def test_a_run_that_ended_after_the_registration_is_taken_up_by_the_same_command(v1: Stand, tmp_path: Path) -> None:
    v1.register(f"{v1.url}/{NEW}")
    before = v1.ids()

    result = v1.rotate(f"--token-file={tmp_path / 'token'}")
    again = v1.rotate(f"--token-file={tmp_path / 'token'}")

    assert (result.exit_code, again.exit_code) == (0, 0)
    assert v1.ids() == before[1:]


def test_no_event_ceases(v1: Stand, tmp_path: Path) -> None:
    v1.run("webhooks", "delete", "--", v1.ids()[0], env=v1.env)
    v1.register(f"{v1.url}/{OLD}", "--event", "sms.reply", "--event", "sms.status")

    v1.rotate(f"--token-file={tmp_path / 'token'}")

    (left,) = json.loads(v1.run("webhooks", "list", "--json", env=v1.env).stdout)["webhooks"]
    assert left["events"] == ["sms.reply", "sms.status"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refused(Reason.DRAINING), "cannot publish at present (503 draining)"),
        (refused(Reason.KAFKA_UNREACHABLE), "cannot publish at present (503 kafka_unreachable)"),
        (refused(Reason.UNKNOWN_PATH), "refuses it (404 unknown_path)"),
        (refused(Reason.MISSING_SIGNATURE), "refuses it (401 missing_signature)"),
        (answer(404, b"nginx"), "answers 404, which is not the relay's answer: something else is in between"),
        (answer(200, b"ok"), "answers 200, which is not the relay's answer"),
        (answer(302, Location="https://elsewhere.example"), "a redirect is in between"),
        (Reply(b"", "close"), "ends the connection without an answer"),
        (Reply(b"SSH-2.0\r\n\r\n", "close"), "does not answer in HTTP"),
        pytest.param(HANG, "does not answer in time", marks=pytest.mark.slow),
    ],
)
def test_a_probe_says_what_it_met(v1: Stand, tmp_path: Path, reply: Reply, words: str) -> None:
    before = v1.ids()
    v1.relay.before = lambda _: reply

    result = v1.rotate(f"--token-file={tmp_path / 'token'}", "--wait=0")

    assert result.exit_code == 1
    assert words in result.stderr
    assert v1.ids() == before
    assert PLANTED not in result.output


# Both


def test_a_dry_run_says_what_would_be_done_and_does_nothing(v2: Stand) -> None:
    before, held, inode = v2.ids(), v2.held(), v2.file.stat().st_ino

    result = v2.rotate(f"--add-to={v2.file}", "--dry-run")

    assert result.exit_code == 0
    assert result.stderr.splitlines()[1] == f"Then: delete {before[0]} ({v2.url})."
    assert (v2.ids(), v2.held(), v2.file.stat().st_ino, v2.relay.asked) == (before, held, inode, [])


@pytest.mark.parametrize("content", ["", "plain", '{"paris": {"secrets": ["x"]}}', '["a", 1]'])
def test_a_followed_file_of_another_form_is_refused_before_anything_is_registered(v2: Stand, content: str) -> None:
    v2.file.write_text(content)

    result = v2.rotate(f"--add-to={v2.file}")

    assert (result.exit_code, len(v2.ids())) == (2, 1)
    assert result.stderr.splitlines()[-1].startswith(f"{v2.file} h")
    assert v2.file.read_text() == content


def test_what_is_not_registered_cannot_be_rotated(v2: Stand) -> None:
    v2.url += "/accounts/paris"

    result = v2.rotate(f"--add-to={v2.file}")

    assert result.exit_code == 1
    assert "so there is none to rotate; use `relay webhooks register`." in result.stderr


def test_an_unknown_id_to_finish_is_a_sentence(v2: Stand, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("s")

    result = v2.rotate("--finish=nobody", f"--secret-file={tmp_path / 'new'}")

    assert result.exit_code == 1
    assert result.stderr.startswith("nobody is no registration of")


@pytest.mark.parametrize(
    ("version", "arguments", "sentence"),
    [
        ("v1", ["--secret-file=x"], "v1 has no secret"),
        ("v1", ["--finish=x"], "v1 has no secret"),
        ("v1", [], "The URL's path is none of the relay's with a token"),
        ("v2", ["--token-file=x"], "v2 signs its webhooks and needs no token"),
        ("v2", ["--add-to=x", "--secret-file=y"], "The secret goes to one place"),
        ("v2", ["--finish=x"], "--finish needs the secret of that registration"),
        ("v2", ["--finish=x", "--add-to=x"], "--finish needs the secret of that registration"),
    ],
)
def test_wrong_use_is_a_sentence_and_exit_2(
    request: pytest.FixtureRequest, version: str, arguments: list[str], sentence: str
) -> None:
    stand: Stand = request.getfixturevalue(version)
    before = stand.ids()

    result = stand.rotate(*arguments)

    assert result.exit_code == 2
    assert result.stderr.startswith(sentence)
    assert stand.ids() == before
