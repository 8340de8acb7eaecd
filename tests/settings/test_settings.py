"""What stands in the models themselves."""

import os
from dataclasses import replace

import pytest
from pydantic import SecretStr, ValidationError

from relay.settings import Account, DuplicateSettings, KafkaSettings, Settings, SofySettings
from relay.settings.environment import KNOWN
from relay.settings.types import RedisUrl

KAFKA = KafkaSettings(bootstrap_servers=("localhost:9092",))

# The names that the interface promises, and the three retentions that it leaves to us to name.
PROMISED = """
RELAY_KAFKA__BOOTSTRAP_SERVERS RELAY_KAFKA__SECURITY_PROTOCOL RELAY_KAFKA__SASL_MECHANISM RELAY_KAFKA__SASL_USERNAME
RELAY_KAFKA__SASL_PASSWORD RELAY_KAFKA__SSL_CAFILE RELAY_KAFKA__SSL_CERTFILE RELAY_KAFKA__SSL_KEYFILE
RELAY_KAFKA__CLIENT_ID RELAY_KAFKA__COMPRESSION RELAY_KAFKA__LINGER_MS RELAY_KAFKA__REQUEST_TIMEOUT_MS
RELAY_TOPICS__STATUS RELAY_TOPICS__OTHER RELAY_TOPICS__DEAD_LETTER RELAY_TOPICS__LATEST RELAY_TOPICS__PARTITIONS
RELAY_TOPICS__REPLICATION_FACTOR RELAY_TOPICS__MIN_INSYNC_REPLICAS RELAY_TOPICS__MAX_MESSAGE_BYTES
RELAY_TOPICS__STATUS_RETENTION_H RELAY_TOPICS__OTHER_RETENTION_H RELAY_TOPICS__DEAD_LETTER_RETENTION_H
RELAY_TOPICS__LATEST_RETENTION_H
RELAY_SOFY__TOKENS RELAY_SOFY__SECRETS RELAY_SOFY__WEBHOOK_IDS RELAY_SOFY__ACCOUNTS
RELAY_SOFY__ALLOW_UNAUTHENTICATED RELAY_SOFY__REQUIRE_SIGNATURE RELAY_SOFY__SIGNATURE_MAX_AGE_S
RELAY_SOFY__API_URL RELAY_SOFY__API_KEY_ID RELAY_SOFY__API_KEY_SECRET RELAY_SOFY__API_TOKEN
RELAY_HTTP__HOST RELAY_HTTP__PORT RELAY_HTTP__BASE_PATH RELAY_HTTP__MAX_BODY_BYTES RELAY_HTTP__MAX_IN_FLIGHT
RELAY_HTTP__ANSWER_WITHIN_S RELAY_HTTP__KEEP_ALIVE_S RELAY_HTTP__DRAIN_S
RELAY_ADMIN__HOST RELAY_ADMIN__PORT RELAY_ADMIN__CONSOLE
RELAY_DUPLICATES__STORE RELAY_DUPLICATES__WINDOW_S RELAY_DUPLICATES__MAX_ENTRIES
RELAY_PROJECTOR__GROUP_ID RELAY_PROJECTOR__STUCK_AFTER_H
RELAY_PRIVACY__BODY RELAY_PRIVACY__NUMBERS RELAY_PRIVACY__KEY RELAY_PRIVACY__DEAD_LETTER_PAYLOAD
RELAY_LOG__LEVEL RELAY_LOG__FORMAT
RELAY_TRACING__ENABLED
"""


def test_the_names_are_the_promised_ones() -> None:
    assert list(KNOWN) == PROMISED.split()


def test_every_setting_says_its_default_with_a_reason_and_what_it_accepts() -> None:
    for known in KNOWN.values():
        group = Settings.model_fields[known.group].annotation
        assert group is not None
        description = group.model_fields[known.field].description or ""

        assert description.endswith("."), known
        assert known.wants != "another value", known


def test_settings_built_by_hand_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "RELAY_HTTP__PORT", "9999")

    assert Settings(kafka=KAFKA).http.port == 8080


def test_settings_never_change() -> None:
    settings = Settings(kafka=KAFKA)

    with pytest.raises(ValidationError):
        settings.http.port = 9000  # type: ignore[misc]  # that it is refused is the claim


@pytest.mark.parametrize(
    ("sofy", "names"),
    [
        (SofySettings(), ["default"]),  # with ALLOW_UNAUTHENTICATED it is the one that everything belongs to
        (SofySettings(tokens=(SecretStr("a"),)), ["default"]),
        (SofySettings(accounts=(Account(name="paris", tokens=(SecretStr("a"),)),)), ["paris"]),
        (SofySettings(secrets=(SecretStr("b"),), accounts=(Account(name="paris"),)), ["default", "paris"]),
        (SofySettings(accounts=(Account(name="default"), Account(name="paris"))), ["default", "paris"]),
    ],
)
def test_every_account_is_listed_once(sofy: SofySettings, names: list[str]) -> None:
    assert [account.name for account in sofy.every_account()] == names


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("redis://redis", RedisUrl("redis", 6379, 0, None, None, tls=False)),
        ("valkey://10.0.0.1:7000/", RedisUrl("10.0.0.1", 7000, 0, None, None, tls=False)),
        ("rediss://relay:p%40ss@redis.example:6380/12", RedisUrl("redis.example", 6380, 12, "relay", "p@ss", tls=True)),
        ("valkeys://:pass@[::1]", RedisUrl("::1", 6379, 0, None, "pass", tls=True)),
        (" Redis://redis ", RedisUrl("redis", 6379, 0, None, None, tls=False)),
    ],
)
def test_a_store_is_the_address_of_a_redis_or_valkey(text: str, url: RedisUrl) -> None:
    assert DuplicateSettings.model_validate({"store": text}).store == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "redis",
        "redis:",
        "redis://",
        "redis:///0",
        "redis://:6379",
        "redis://redis:port",
        "redis://redis:70000",
        "redis://redis/zero",
        "redis://redis/1/2",
        "redis://redis/-1",
        "redis://redis/\N{ARABIC-INDIC DIGIT ONE}",
        "redis://relay@redis",  # a user without a password: it may be the password
        "redis://relay:@redis",
        "redis://relay:pa/ss@redis",  # unencoded, the address ends within the password
        "redis://relay:pa#ss@redis",
        "redis://relay:pass@[::1",
        "redis://re dis",
        "redis://redis\n/0",
        "rediss://redis?ssl_cert_reqs=none",  # nothing switches the verification off
        "redis://redis#0",
        "unix:///run/redis.sock",
        "http://redis",
    ],
)
def test_what_is_no_such_address_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DuplicateSettings.model_validate({"store": text})

    assert [error["type"] for error in caught.value.errors()] == ["string_pattern_mismatch"]


@pytest.mark.parametrize("text", ["redis://:pl4nted@redis", "rediss://relay:pl4nted@[::1]:7000/1"])
def test_a_store_as_text_is_the_address_with_stars_for_the_password(text: str) -> None:
    store = DuplicateSettings.model_validate({"store": text}).store

    assert "pl4nted" not in f"{store} {store!r}"
    assert isinstance(store, RedisUrl)
    assert DuplicateSettings.model_validate({"store": str(store)}).store == replace(store, password="********")
