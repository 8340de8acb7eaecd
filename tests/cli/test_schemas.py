"""`relay schemas`: what is written, and what counts as drift."""

import json
from pathlib import Path

import pytest

from relay.events.schemas import documents
from tests.cli.conftest import Run


@pytest.fixture
def exported(run: Run, tmp_path: Path) -> Path:
    assert run("schemas", "export", str(tmp_path)).exit_code == 0
    return tmp_path


def test_export_writes_every_document(exported: Path) -> None:
    written = {path.relative_to(exported).as_posix(): path.read_bytes() for path in exported.rglob("*.json")}

    assert written == documents()


def test_check_is_content_with_what_was_exported(run: Run, exported: Path) -> None:
    result = run("schemas", "check", str(exported))

    assert result.exit_code == 0
    assert result.stderr == ""


def test_check_names_each_file_that_drifted(run: Run, exported: Path) -> None:
    schema, example, gone = "webhook-other/1.json", "sms-status/examples/sent.json", "dead-letter/1.json"
    (exported / schema).write_text("{}")
    (exported / example).write_text("not json")
    (exported / gone).unlink()
    (exported / "stray.json").write_text("{}")

    result = run("schemas", "check", str(exported))

    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert f"{exported / gone} is missing: run `relay schemas export {exported}`." in lines
    assert f"{exported / schema} differs from the models: run `relay schemas export {exported}`." in lines
    assert f"{exported / example} differs from the models: run `relay schemas export {exported}`." in lines
    assert f"{exported / 'stray.json'} is not made from the models: delete it." in lines


def test_check_tells_a_change_that_needs_a_new_version_from_a_mere_drift(run: Run, exported: Path) -> None:
    path = exported / "sms-status/1.json"
    schema = json.loads(path.read_text())
    schema["properties"]["carrier"] = {"type": "string"}  # as if the models had lost it
    path.write_text(json.dumps(schema))

    result = run("schemas", "check", str(exported))

    assert result.exit_code == 1
    assert f"{path} would change incompatibly (carrier: removed): make a new version instead." in result.stderr


def test_export_mends_what_drifted(run: Run, exported: Path) -> None:
    (exported / "sms-status/1.json").write_text("{}")

    run("schemas", "export", str(exported))

    assert run("schemas", "check", str(exported)).exit_code == 0


def test_a_directory_that_cannot_be_written_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    result = run("schemas", "export", str(tmp_path / "file"))

    assert result.exit_code == 1
    assert "give another DIR" in result.stderr
