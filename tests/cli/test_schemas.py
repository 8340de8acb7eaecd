"""`relay schemas`: what is written, what counts as drift, and that no breaking change of the model gets through."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from relay.cli.schemas import ASYNCAPI
from relay.events.publication import LOCK
from relay.events.schemas import documents
from tests.cli.conftest import Run
from tests.events.model_changes import ALLOWED, FORBIDDEN, Edit

ROOT = Path(__file__).parents[2]

UNLOCKED = {LOCK, ASYNCAPI}
"""What is made anew at each change."""


@pytest.fixture
def exported(run: Run, tmp_path: Path) -> Path:
    assert run("schemas", "export", str(tmp_path)).exit_code == 0
    return tmp_path


def contents(directory: Path) -> dict[str, bytes]:
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*.json")}


def test_export_into_an_empty_folder_writes_all_that_is_published_and_its_lock(exported: Path) -> None:
    written = contents(exported)

    assert written == contents(ROOT / "schemas")
    assert set(json.loads(written[LOCK])) == set(written) - UNLOCKED
    assert written.keys() >= documents().keys()


def test_export_says_what_it_wrote_and_the_second_time_that_there_is_nothing_to_write(run: Run, tmp_path: Path) -> None:
    first, second = (run("schemas", "export", str(tmp_path)) for _ in range(2))

    assert f"wrote {tmp_path / 'sms-status/1.json'}" in first.stdout.splitlines()
    assert second.stdout == f"{tmp_path} holds what the models say already: nothing to write.\n"


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
    export = f"run `relay schemas export {exported}`"
    assert f"{exported / gone} is missing: {export}." in lines
    assert f"{exported / schema} was changed though it is published: {export}, which restores it." in lines
    assert f"{exported / example} was changed though it is published: {export}, which restores it." in lines
    assert f"{exported / 'stray.json'} is not made from the models: delete it." in lines


def test_check_tells_a_change_that_needs_a_new_version_from_a_mere_drift(run: Run, exported: Path) -> None:
    path = exported / "sms-status/1.json"
    schema = json.loads(path.read_text())
    schema["properties"]["carrier"] = {"type": "string"}  # as if the models had lost it
    path.write_text(json.dumps(schema))

    result = run("schemas", "check", str(exported))

    assert result.exit_code == 1
    assert (
        f"{path} would change incompatibly (property_removed: carrier is removed): "
        "undo it, or publish version 2 on a new topic (schemas/README.md)."
    ) in result.stderr


@pytest.mark.parametrize("name", ["sms-status/1.json", "sms-status/examples/sent.json", LOCK])
def test_export_mends_what_drifted(run: Run, exported: Path, name: str) -> None:
    (exported / name).write_text("{}")

    run("schemas", "export", str(exported))

    assert run("schemas", "check", str(exported)).exit_code == 0


def test_export_writes_nothing_where_something_is_refused(run: Run, exported: Path) -> None:
    lock = json.loads((exported / LOCK).read_text())
    (exported / LOCK).write_text(json.dumps({**lock, "sms-status/1.json": "0" * 64}))
    (exported / "dead-letter/1.json").unlink()
    before = contents(exported)

    result = run("schemas", "export", str(exported))

    assert result.exit_code == 1
    assert result.stderr == (
        f"{exported / 'sms-status/1.json'} is locked as something else than was published: restore the lock.\n"
    )
    assert contents(exported) == before


def test_a_folder_that_is_not_there_is_all_missing(run: Run, tmp_path: Path) -> None:
    result = run("schemas", "check", str(tmp_path / "nowhere"))

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == len(documents()) + len(UNLOCKED)


def test_a_directory_that_cannot_be_written_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    result = run("schemas", "export", str(tmp_path / "file"))

    assert result.exit_code == 1
    assert "give another DIR" in result.stderr


# A changed model, by a copy of the project whose source was edited


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "relay", tmp_path / "relay", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    return tmp_path


def change(checkout: Path, edit: Edit) -> None:
    """Make the edit in the copy's model; a new status is given a golden example, as the check asks for one."""
    (checkout / "relay/events/sms_status.py").write_text(edit.source)
    if "is added" in edit.what and "READ" in edit.source:
        examples = checkout / "relay/events/examples.py"
        unknown = '    Status.UNKNOWN: ("teleported"'
        assert examples.read_text().count(unknown) == 1
        examples.write_text(
            examples.read_text().replace(unknown, f'    Status.READ: ("read", "", None, None),\n{unknown}')
        )


def relay(checkout: Path, command: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "relay", "schemas", command]
    return subprocess.run(arguments, cwd=checkout, capture_output=True, text=True, check=False)  # noqa: S603 - ours


def some_now_and_all_when_there_is_time(edits: list[Edit], now: set[str]) -> list[object]:
    assert now < {edit.what for edit in edits}
    marks = {True: (), False: (pytest.mark.slow,)}
    return [pytest.param(edit, id=edit.what, marks=marks[edit.what in now]) for edit in edits]


@pytest.mark.parametrize(
    "edit",
    some_now_and_all_when_there_is_time(FORBIDDEN, {"a field is removed", "a field is added without a default"}),
)
def test_a_breaking_change_of_the_model_fails_the_check_with_the_rule_and_is_not_exported(
    checkout: Path, edit: Edit
) -> None:
    before = contents(checkout / "schemas")
    change(checkout, edit)

    check, export = relay(checkout, "check"), relay(checkout, "export")

    assert (check.returncode, export.returncode) == (1, 1)
    for rule in edit.breaks:
        for said in (check.stderr, export.stderr):
            assert f"schemas/sms-status/1.json would change incompatibly ({rule} " in said
    assert contents(checkout / "schemas") == before


@pytest.mark.parametrize(
    "edit", some_now_and_all_when_there_is_time(ALLOWED, {"a field is added that may be absent and null"})
)
def test_an_addition_to_the_model_is_drift_until_it_is_exported_as_a_revision(checkout: Path, edit: Edit) -> None:
    before = contents(checkout / "schemas")
    change(checkout, edit)

    drift, export, check = (relay(checkout, command) for command in ("check", "export", "check"))

    assert (drift.returncode, export.returncode, check.returncode) == (1, 0, 0), export.stderr + check.stderr
    after = contents(checkout / "schemas")
    (path,) = (path for path in after if path not in before and path.startswith("sms-status/1."))
    assert f"schemas/{path} is missing: run `relay schemas export schemas`." in drift.stderr
    revision = json.loads(after[path])
    assert revision["$id"] == "urn:sofy-relay:schema:sms-status:1"
    assert revision["properties"]["schema_version"]["const"] == 1
    assert {path: after[path] for path in before.keys() - UNLOCKED} == {p: before[p] for p in before.keys() - UNLOCKED}


def test_a_status_without_a_golden_example_is_asked_for_one(checkout: Path) -> None:
    (edit,) = (edit for edit in ALLOWED if edit.what == "a status is added")
    (checkout / "relay/events/sms_status.py").write_text(edit.source)

    check = relay(checkout, "check")

    assert check.returncode == 1
    assert "the status read has no provider's words there: give it some" in check.stderr
    assert "Traceback" not in check.stderr
