"""A secret's file: for its owner only, never overwritten unasked, and known to be writable before there is a secret."""

import os
from pathlib import Path

import pytest

from relay.cli.webhooks.secret_file import SecretFileError, reserved
from tests.cli.full_disk import full_disk


def test_a_secret_is_written_with_a_line_break_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    with reserved(path) as file:
        file.write("a secret")

    assert path.read_text() == "a secret\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_nothing_was_written_to_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    with pytest.raises(RuntimeError), reserved(path):
        raise RuntimeError

    assert not path.exists()


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("older")

    with pytest.raises(SecretFileError, match=r"exists; name another file, or give --force"), reserved(path):
        pass

    assert path.read_text() == "older"


def test_with_force_it_is_replaced_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("a longer older content")
    path.chmod(0o644)

    with reserved(path, force=True) as file:
        file.write("new")

    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_with_force_and_no_secret_the_older_content_stays(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("older")

    with reserved(path, force=True):
        pass

    assert path.read_text() == "older"


def test_what_cannot_be_written_is_found_out_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    plain = tmp_path / "plain"
    plain.touch()

    for path in (tmp_path / "absent" / "secret", plain / "secret", tmp_path, pipe):
        with pytest.raises(SecretFileError, match=r"cannot be written \(.+\); name a file"), reserved(path, force=True):
            pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_device_is_no_place_for_a_secret() -> None:
    with pytest.raises(SecretFileError, match="not a plain file"), reserved(Path("/dev/full"), force=True):
        pass


def test_a_full_disk_is_told_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    with reserved(path) as file, full_disk(), pytest.raises(SecretFileError, match="is the disk full") as raised:
        file.write("a secret")

    assert "a secret" not in str(raised.value)
    assert not path.exists()
