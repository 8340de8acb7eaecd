"""A followed file of tokens or secrets: added to by the settings' own rules, and replaced in one step."""

import json
import os
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.webhooks.credential_file import (
    CredentialFile,
    CredentialFileError,
    FormError,
    Whose,
    with_credential,
    with_webhook_id,
)
from relay.settings.environment import load

DEFAULT = Whose()
PARIS = Whose("paris")
ACCOUNTS = {"paris": {"secrets": ["a"], "webhook_ids": ["1"]}, "lyon": {"tokens": ["t-lyon"]}}
ADD_B = partial(with_credential, member="secrets", value="b", whose=DEFAULT)


@pytest.mark.parametrize(
    ("text", "whose", "after"),
    [
        ('["a"]', DEFAULT, '["a", "b"]'),
        ('["a"]\n', DEFAULT, '["a", "b"]\n'),
        ('[\n"a"\n]', DEFAULT, '[\n  "a",\n  "b"\n]'),
        ("[]", DEFAULT, '["b"]'),
        ('["b", "a"]\n', DEFAULT, '["b", "a"]\n'),  # there already: not a byte changes
        ('["a"]', Whose("default"), '["a", "b"]'),
        ('{"paris":{"secrets":["a"]}}', PARIS, '{"paris": {"secrets": ["a", "b"]}}'),
        ('{"paris":{"tokens":["t"]}}', PARIS, '{"paris": {"tokens": ["t"], "secrets": ["b"]}}'),
        ('{"default":{}}', DEFAULT, '{"default": {"secrets": ["b"]}}'),
        ('{"lyon":{"tokens":["t"]}}', Whose(None, {b"t"}), '{"lyon": {"tokens": ["t"], "secrets": ["b"]}}'),
    ],
)
def test_a_secret_is_added_at_the_end_of_its_accounts_list(text: str, whose: Whose, after: str) -> None:
    assert with_credential(text, "secrets", "b", whose) == after


@pytest.mark.parametrize(
    ("text", "whose", "after"),
    [
        ('["1"]', DEFAULT, '["1", "2"]'),
        ("[]", DEFAULT, "[]"),  # all are expected: one id would refuse all others
        ('{"paris":{"webhook_ids":["1"]}}', PARIS, '{"paris": {"webhook_ids": ["1", "2"]}}'),
        ('{"paris":{"secrets":["a"]}}', PARIS, '{"paris":{"secrets":["a"]}}'),
    ],
)
def test_an_id_is_added_where_certain_ones_are_expected(text: str, whose: Whose, after: str) -> None:
    assert with_webhook_id(text, "2", whose) == after


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        ("", DEFAULT),
        ("plain-secret", DEFAULT),
        ('"a"', DEFAULT),
        ('["a", 1]', DEFAULT),
        ('["a", " "]', DEFAULT),
        ("{}", DEFAULT),
        ('{"paris":["a"]}', PARIS),
        ('{"paris":{"secret":["a"]}}', PARIS),
        ('{"paris":{},"paris":{}}', PARIS),
        (json.dumps(ACCOUNTS), Whose("nice")),
        (json.dumps(ACCOUNTS), Whose(None, {b"unknown"})),
        ('["a"]', PARIS),
        ("[" * 100_000, DEFAULT),
    ],
)
def test_what_the_relay_could_not_use_or_is_another_accounts_is_refused(text: str, whose: Whose) -> None:
    with pytest.raises(FormError):
        with_credential(text, "secrets", "b", whose)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda it: bool(it.strip()))


@given(before=st.lists(TEXTS, unique=True), secret=TEXTS, indent=st.sampled_from([None, 1]))
def test_the_settings_read_what_was_there_and_the_new_one(before: list[str], secret: str, indent: int | None) -> None:
    after = with_credential(json.dumps(before, indent=indent), "secrets", secret, DEFAULT)

    environ = {"RELAY_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092", "RELAY_SOFY__SECRETS": after}
    read = [it.get_secret_value() for it in load(environ).settings.sofy.secrets]
    assert read == (before if secret in before else [*before, secret])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "secrets"
    path.write_text('["a"]\n')
    path.chmod(0o640)
    return path


def test_a_change_takes_the_files_place_with_its_mode_and_leaves_nothing_beside_it(path: Path) -> None:
    with path.open() as open_before:
        changed = CredentialFile(path).change(ADD_B)

        assert open_before.read() == '["a"]\n'  # whoever reads it meanwhile has the old one, whole

    assert changed
    assert path.read_text() == '["a", "b"]\n'
    assert path.stat().st_mode & 0o777 == 0o640
    assert [it.name for it in path.parent.iterdir()] == ["secrets"]


def test_what_is_there_already_leaves_the_file_alone(path: Path) -> None:
    CredentialFile(path).change(ADD_B)
    before = path.stat().st_ino

    assert not CredentialFile(path).change(ADD_B)
    assert path.stat().st_ino == before


def test_a_symbolic_link_stays_one(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)

    CredentialFile(link).change(ADD_B)

    assert link.is_symlink()
    assert path.read_text() == '["a", "b"]\n'


def test_a_rehearsal_finds_what_is_wrong_and_changes_no_content(path: Path) -> None:
    CredentialFile(path).rehearse(ADD_B)

    assert path.read_text() == '["a"]\n'
    with pytest.raises(CredentialFileError, match="holds a list"):
        CredentialFile(path).rehearse(partial(ADD_B, whose=PARIS))


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe", "not text"])
def test_what_is_no_text_file_is_said(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "secrets"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "not text":
        path.write_bytes(b"\xff")

    with pytest.raises(CredentialFileError, match="is no text file that this user may read"):
        CredentialFile(path).change(ADD_B)


def test_a_file_that_cannot_be_replaced_holds_what_it_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write into any folder, so that a folder's mode would prove nothing in a container.
    def refuse(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "replace", refuse)  # as for a file that is mounted by itself

    with pytest.raises(CredentialFileError, match=r"cannot be replaced \(device or resource busy\)"):
        CredentialFile(path).change(ADD_B)

    assert path.read_text() == '["a"]\n'
    assert [it.name for it in path.parent.iterdir()] == ["secrets"]
