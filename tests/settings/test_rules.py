"""Rules between settings, each with what breaks it and what its sentence says."""

import sys
from pathlib import Path

import pytest

from relay.settings.environment import SettingsError, load

BROKER = {"RELAY_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092"}
LOGIN = {"RELAY_KAFKA__SASL_USERNAME": "relay", "RELAY_KAFKA__SASL_PASSWORD": "secret"}
PROTOCOL = "RELAY_KAFKA__SECURITY_PROTOCOL"


@pytest.mark.parametrize(
    ("variables", "sentences"),
    [
        (
            {PROTOCOL: "SASL_SSL"},
            [
                "RELAY_KAFKA__SASL_USERNAME is not set, which RELAY_KAFKA__SECURITY_PROTOCOL asks for; set it.",
                "RELAY_KAFKA__SASL_PASSWORD is not set, which RELAY_KAFKA__SECURITY_PROTOCOL asks for; set it.",
            ],
        ),
        (
            LOGIN,  # credentials that nobody asks for: most likely the protocol was forgotten
            [
                (
                    "RELAY_KAFKA__SASL_USERNAME is set, but RELAY_KAFKA__SECURITY_PROTOCOL does not log in;"
                    " set that to SASL_SSL, or leave the first unset."
                ),
                (
                    "RELAY_KAFKA__SASL_PASSWORD is set, but RELAY_KAFKA__SECURITY_PROTOCOL does not log in;"
                    " set that to SASL_SSL, or leave the first unset."
                ),
            ],
        ),
        (
            {"RELAY_KAFKA__SSL_CAFILE": "/ca.pem"},
            [
                (
                    "RELAY_KAFKA__SSL_CAFILE is set, but RELAY_KAFKA__SECURITY_PROTOCOL does not encrypt;"
                    " set that to SSL or SASL_SSL, or leave the first unset."
                )
            ],
        ),
        (
            {PROTOCOL: "SSL", "RELAY_KAFKA__SSL_CAFILE": "/absent.pem"},
            ["RELAY_KAFKA__SSL_CAFILE names no readable PEM file of certificates; correct the path or the file."],
        ),
        (
            {PROTOCOL: "SSL", "RELAY_KAFKA__SSL_CERTFILE": "/cert.pem"},
            [
                (
                    "RELAY_KAFKA__SSL_CERTFILE is set without RELAY_KAFKA__SSL_KEYFILE;"
                    " set both (they may name one file) or none."
                )
            ],
        ),
        (
            {PROTOCOL: "SSL", "RELAY_KAFKA__SSL_KEYFILE": "/key.pem"},
            [
                (
                    "RELAY_KAFKA__SSL_KEYFILE is set without RELAY_KAFKA__SSL_CERTFILE;"
                    " set both (they may name one file) or none."
                )
            ],
        ),
        (
            {PROTOCOL: "SSL", "RELAY_KAFKA__SSL_KEYFILE": "/key.pem", "RELAY_KAFKA__SSL_CERTFILE": "/cert.pem"},
            [
                (
                    "RELAY_KAFKA__SSL_CERTFILE and RELAY_KAFKA__SSL_KEYFILE name no readable PEM pair of a certificate"
                    " and its key (without a pass phrase); correct the paths or the files."
                )
            ],
        ),
        (
            {"RELAY_TOPICS__OTHER": "sofy.sms_status.v1", "RELAY_TOPICS__LATEST": "sofy.sms.status_v1"},
            [
                (
                    "RELAY_TOPICS__STATUS and RELAY_TOPICS__OTHER and RELAY_TOPICS__LATEST name the same"
                    " topic (a dot counts as an underscore); give each its own."
                )
            ],
        ),
        (
            {"RELAY_TOPICS__REPLICATION_FACTOR": "1"},
            [
                (
                    "RELAY_TOPICS__MIN_INSYNC_REPLICAS is above RELAY_TOPICS__REPLICATION_FACTOR:"
                    " no record could be acknowledged; lower the first."
                )
            ],
        ),
        (
            {"RELAY_HTTP__MAX_BODY_BYTES": "2MiB", "RELAY_TOPICS__MAX_MESSAGE_BYTES": "8MiB"},
            ["RELAY_HTTP__MAX_BODY_BYTES does not fit a record of 2 MiB; give at most 1984KiB."],
        ),
        (
            {"RELAY_TOPICS__MAX_MESSAGE_BYTES": "1MiB"},
            [
                (
                    "RELAY_HTTP__MAX_BODY_BYTES leaves no 64 KiB below RELAY_TOPICS__MAX_MESSAGE_BYTES, so that a body"
                    " might not fit a dead letter; lower the first or raise the second."
                )
            ],
        ),
        (
            {"RELAY_ADMIN__PORT": "8080", "RELAY_ADMIN__HOST": "127.0.0.1"},
            ["RELAY_HTTP__PORT and RELAY_ADMIN__PORT are the same; give each its own: metrics must not be public."],
        ),
        (
            {"RELAY_SOFY__ACCOUNTS": '{"default":{"tokens":["a"]}}', "RELAY_SOFY__TOKENS": '["b"]'},
            [
                (
                    "RELAY_SOFY__ACCOUNTS has an account default, which RELAY_SOFY__TOKENS, RELAY_SOFY__SECRETS,"
                    " RELAY_SOFY__WEBHOOK_IDS also describe; give it in one place only."
                )
            ],
        ),
        (
            {"RELAY_SOFY__ACCOUNTS": '{"paris":{"tokens":["a"]},"lyon":{"tokens":["b","a"]}}'},
            [
                (
                    "RELAY_SOFY__ACCOUNTS shares a token between two accounts (that of RELAY_SOFY__TOKENS is one);"
                    " give each its own."
                )
            ],
        ),
        (
            {"RELAY_SOFY__ACCOUNTS": '{"paris":{"tokens":["a"]}}', "RELAY_SOFY__TOKENS": '["a"]'},
            [
                (
                    "RELAY_SOFY__ACCOUNTS shares a token between two accounts (that of RELAY_SOFY__TOKENS is one);"
                    " give each its own."
                )
            ],
        ),
        (
            {"RELAY_SOFY__ACCOUNTS": '{"paris":{"tokens":["a"]},"lyon":{"webhook_ids":["w"]}}'},
            [
                (
                    "RELAY_SOFY__ACCOUNTS, account 2, has neither tokens nor secrets, so nobody could be believed;"
                    " give it one."
                )
            ],
        ),
        (
            {"RELAY_PRIVACY__NUMBERS": "hash"},
            [
                (
                    "RELAY_PRIVACY__KEY is not set, which RELAY_PRIVACY__NUMBERS=hash needs:"
                    " without a key every number could be tried; set it."
                )
            ],
        ),
    ],
)
def test_a_broken_rule_is_one_sentence_with_the_names_and_what_to_do(
    variables: dict[str, str], sentences: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(BROKER | variables)

    assert list(caught.value.problems) == sentences


@pytest.mark.parametrize(
    "variables",
    [
        {PROTOCOL: "SASL_SSL", **LOGIN},
        {PROTOCOL: "SASL_PLAINTEXT", "RELAY_KAFKA__SASL_MECHANISM": "plain", **LOGIN},
        {PROTOCOL: "SSL"},
        {"RELAY_TOPICS__REPLICATION_FACTOR": "1", "RELAY_TOPICS__MIN_INSYNC_REPLICAS": "1"},
        {"RELAY_HTTP__MAX_BODY_BYTES": "1984KiB"},
        {"RELAY_HTTP__HOST": "127.0.0.1", "RELAY_ADMIN__HOST": "127.0.0.2", "RELAY_ADMIN__PORT": "8080"},
        {"RELAY_HTTP__PORT": "0", "RELAY_ADMIN__PORT": "0"},
        {"RELAY_SOFY__ACCOUNTS": '{"default":{"tokens":["a","a"]},"paris":{"secrets":["a"]}}'},
        {"RELAY_SOFY__ACCOUNTS": '{"paris":{}}', "RELAY_SOFY__ALLOW_UNAUTHENTICATED": "true"},
        {"RELAY_PRIVACY__NUMBERS": "hash", "RELAY_PRIVACY__KEY": "k"},
    ],
)
def test_what_breaks_no_rule_loads(variables: dict[str, str]) -> None:
    assert load(BROKER | variables).warnings == ()


def test_a_shared_window_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(SettingsError) as caught:
        load(BROKER | {"RELAY_DUPLICATES__STORE": "redis://:pl4nted@redis"})

    assert list(caught.value.problems) == [
        (
            "RELAY_DUPLICATES__STORE needs the extra redis: install sofy-relay[redis],"
            " or set RELAY_DUPLICATES__STORE=memory."
        )
    ]


@pytest.mark.parametrize("absent", ["opentelemetry", "opentelemetry.exporter.otlp.proto.http"])
def test_tracing_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry.exporter")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)

    with pytest.raises(SettingsError) as caught:
        load(BROKER | {"RELAY_TRACING__ENABLED": "true"})

    assert list(caught.value.problems) == [
        "RELAY_TRACING__ENABLED needs the extra otel: install sofy-relay[otel], or set RELAY_TRACING__ENABLED=false."
    ]


def test_a_certificate_file_that_holds_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")

    with pytest.raises(SettingsError) as caught:
        load(BROKER | {PROTOCOL: "SSL", "RELAY_KAFKA__SSL_CAFILE": str(tmp_path / "ca.pem")})

    assert caught.value.problems[0].startswith("RELAY_KAFKA__SSL_CAFILE names no readable PEM file")


@pytest.mark.parametrize(
    ("variables", "may_serve"),
    [
        ({}, False),
        ({"RELAY_SOFY__TOKENS": "[]"}, False),
        ({"RELAY_SOFY__WEBHOOK_IDS": '["w"]'}, False),
        ({"RELAY_SOFY__TOKENS": '["a"]'}, True),
        ({"RELAY_SOFY__SECRETS": '["a"]'}, True),
        ({"RELAY_SOFY__ACCOUNTS": '{"paris":{"tokens":["a"]}}'}, True),
        ({"RELAY_SOFY__ALLOW_UNAUTHENTICATED": "true"}, True),
    ],
)
def test_serving_takes_a_credential_or_the_word_that_none_is_wanted(
    variables: dict[str, str], *, may_serve: bool
) -> None:
    said: tuple[str, ...] = ()
    try:
        load(BROKER | variables, to_serve=True)
    except SettingsError as error:
        said = error.problems

    load(BROKER | variables)  # commands other than serve need no credential
    assert not said if may_serve else len(said) == 1
    assert all(it.startswith("RELAY_SOFY__TOKENS and RELAY_SOFY__SECRETS are not set: ") for it in said)


def test_a_credential_that_cannot_be_read_is_not_also_called_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        load(BROKER | {"RELAY_SOFY__TOKENS": "not-json"}, to_serve=True)

    assert len(caught.value.problems) == 1
