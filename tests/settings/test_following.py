"""Mounted secrets and certificates are read again once they have settled; nothing else is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from relay.settings.environment import SettingsError, load
from relay.settings.following import FOLLOWED, FollowedFiles, Renewal

BASE = {"RELAY_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092"}


def following(environ: dict[str, str]) -> FollowedFiles:
    environ = BASE | environ
    return FollowedFiles(environ, load(environ, to_serve=True))


def settle(files: FollowedFiles) -> Renewal | None:
    """Look twice: a new content counts at the second look."""
    assert files.look() is None
    return files.look()


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text('["old"]')
    return file


def test_without_files_there_is_nothing_to_follow() -> None:
    assert not following({"RELAY_SOFY__TOKENS": '["old"]'}).any


def test_what_does_not_change_is_told_of_never(tokens: Path) -> None:
    files = following({"RELAY_SOFY__TOKENS_FILE": str(tokens)})

    tokens.touch()

    assert [files.look() for _ in range(3)] == [None, None, None]


def test_new_tokens_are_told_once_they_have_settled(tokens: Path) -> None:
    files = following({"RELAY_SOFY__TOKENS_FILE": str(tokens)})

    tokens.write_text('["old","new"]\n')
    renewal = settle(files)

    assert renewal is not None
    assert (renewal.webhooks, renewal.kafka) == (True, False)
    assert [token.get_secret_value() for token in renewal.settings.sofy.tokens] == ["old", "new"]
    assert files.look() is None


def test_a_file_that_is_still_being_written_is_waited_for(tokens: Path) -> None:
    files = following({"RELAY_SOFY__TOKENS_FILE": str(tokens)})

    tokens.write_text('["old"')
    half = files.look()
    tokens.write_text('["old","new"]')
    whole = settle(files)

    assert half is None
    assert whole is not None


def test_a_secret_mounted_as_kubernetes_does_is_followed_through_its_links(tmp_path: Path) -> None:
    for version, content in (("..1", '["old"]'), ("..2", '["new"]')):
        (tmp_path / version).mkdir()
        (tmp_path / version / "tokens").write_text(content)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "tokens").symlink_to("..data/tokens")
    files = following({"RELAY_SOFY__TOKENS_FILE": str(tmp_path / "tokens")})

    (tmp_path / "..next").symlink_to("..2")
    (tmp_path / "..next").rename(tmp_path / "..data")
    renewal = settle(files)

    assert renewal is not None
    assert renewal.settings.sofy.tokens[0].get_secret_value() == "new"


@pytest.mark.parametrize("content", ["", "[]", '["old"', '["old", 7]', '[" "]'])
def test_what_could_not_be_started_with_is_refused_once_and_without_its_text(tokens: Path, content: str) -> None:
    files = following({"RELAY_SOFY__TOKENS_FILE": str(tokens)})

    tokens.write_text(content)
    assert files.look() is None
    with pytest.raises(SettingsError) as refused:
        files.look()

    assert "RELAY_SOFY__" in str(refused.value)
    assert "old" not in str(refused.value)
    assert files.look() is None


def test_a_file_that_was_taken_away_is_refused_and_its_return_told(tokens: Path) -> None:
    files = following({"RELAY_SOFY__TOKENS_FILE": str(tokens)})

    tokens.unlink()
    assert files.look() is None
    with pytest.raises(SettingsError, match="does not exist"):
        files.look()
    tokens.write_text('["old"]')
    renewal = settle(files)

    assert renewal is not None
    assert (renewal.webhooks, renewal.kafka) == (False, False)


def test_a_new_password_concerns_kafka_alone(tmp_path: Path, tokens: Path) -> None:
    password = tmp_path / "password"
    password.write_text("old")
    files = following(
        {
            "RELAY_SOFY__TOKENS_FILE": str(tokens),
            "RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "RELAY_KAFKA__SASL_USERNAME": "relay",
            "RELAY_KAFKA__SASL_PASSWORD_FILE": str(password),
        }
    )

    password.write_text("new")
    renewal = settle(files)

    assert renewal is not None
    assert (renewal.webhooks, renewal.kafka) == (False, True)
    assert renewal.settings.kafka.sasl_password is not None
    assert renewal.settings.kafka.sasl_password.get_secret_value() == "new"


@pytest.fixture
def certificates(tmp_path: Path) -> FollowedFiles:
    """Three files as a cluster's operator mounts them, followed."""
    write_authority(tmp_path)
    write_pair(tmp_path)
    return following(
        {
            "RELAY_SOFY__TOKENS": '["a-token"]',
            "RELAY_KAFKA__SECURITY_PROTOCOL": "SSL",
            "RELAY_KAFKA__SSL_CAFILE": str(tmp_path / "ca.pem"),
            "RELAY_KAFKA__SSL_CERTFILE": str(tmp_path / "relay.pem"),
            "RELAY_KAFKA__SSL_KEYFILE": str(tmp_path / "relay.key"),
        }
    )


def write_authority(folder: Path) -> None:
    trustme.CA().cert_pem.write_to_path(folder / "ca.pem")


def write_pair(folder: Path) -> None:
    issued = trustme.CA().issue_cert("relay.example")
    issued.cert_chain_pems[0].write_to_path(folder / "relay.pem")
    issued.private_key_pem.write_to_path(folder / "relay.key")


@pytest.mark.parametrize("change", [write_authority, write_pair])
def test_another_content_of_a_certificate_file_concerns_kafka_though_no_setting_changed(
    tmp_path: Path, certificates: FollowedFiles, change: Callable[[Path], None]
) -> None:
    change(tmp_path)

    renewal = settle(certificates)

    assert renewal is not None
    assert (renewal.webhooks, renewal.kafka) == (False, True)


def test_a_certificate_beside_another_ones_key_is_refused_until_its_own_is_there(
    tmp_path: Path, certificates: FollowedFiles
) -> None:
    old_key = (tmp_path / "relay.key").read_bytes()
    write_pair(tmp_path)
    new_key = (tmp_path / "relay.key").read_bytes()
    (tmp_path / "relay.key").write_bytes(old_key)

    assert certificates.look() is None
    with pytest.raises(SettingsError, match="RELAY_KAFKA__SSL_KEYFILE"):
        certificates.look()
    (tmp_path / "relay.key").write_bytes(new_key)
    renewal = settle(certificates)

    assert renewal is not None
    assert renewal.kafka


def test_other_settings_stay_as_they_were_read_at_the_start(tmp_path: Path, tokens: Path) -> None:
    key = tmp_path / "key"
    key.write_text("the key that hashes numbers")
    files = following({"RELAY_SOFY__TOKENS_FILE": str(tokens), "RELAY_PRIVACY__KEY_FILE": str(key)})

    key.write_text("another")
    tokens.write_text('["new"]')
    renewal = settle(files)

    assert renewal is not None
    assert renewal.settings.privacy.key is not None
    assert renewal.settings.privacy.key.get_secret_value() == "the key that hashes numbers"


def test_a_pipe_is_read_at_the_start_only() -> None:
    reading, writing = os.pipe()
    os.write(writing, b'["from-a-pipe"]')
    os.close(writing)
    files = following(
        {"RELAY_SOFY__TOKENS_FILE": f"/dev/fd/{reading}", "RELAY_SOFY__ACCOUNTS": '{"paris":{"tokens":["another"]}}'}
    )

    looks = [files.look() for _ in range(3)]

    os.close(reading)
    assert looks == [None, None, None]


def test_what_is_followed_is_what_the_documentation_says() -> None:
    text = Path("docs/configuration.md").read_text()

    followed = text.partition("### Followed while running")[2].partition("###")[0]

    assert [name for name in FOLLOWED if f"`{name}`" not in followed] == []
