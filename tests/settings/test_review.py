"""What `relay check` says about settings that are valid: one row a remark that depends on a setting."""

from datetime import UTC, datetime, timedelta

import pytest

from relay.cli.review import Remark, certificates, review
from relay.publishing.topics import Level
from relay.settings.environment import load

BROKER = {"RELAY_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092"}
TOKEN = "a-long-random-token"
SAFE = BROKER | {
    "RELAY_SOFY__TOKENS": f'["{TOKEN}"]',
    "RELAY_KAFKA__SECURITY_PROTOCOL": "SSL",
    "RELAY_PRIVACY__BODY": "drop",
    "RELAY_PRIVACY__DEAD_LETTER_PAYLOAD": "drop",
}
STORE = "RELAY_DUPLICATES__STORE"
LOGIN = {"RELAY_KAFKA__SASL_USERNAME": "relay", "RELAY_KAFKA__SASL_PASSWORD": "secret"}


def remarks(variables: dict[str, str], about: str) -> list[Remark]:
    return [remark for remark in review(load(variables)) if remark.about == about]


def test_careful_settings_need_only_one_warning_what_passes_through_whole() -> None:
    found = [remark for remark in review(load(SAFE)) if remark.level is not Level.OK]

    assert [(remark.level, remark.about) for remark in found] == [(Level.WARNING, "personal data")]
    assert "as received, whatever RELAY_PRIVACY says" in found[0].says


@pytest.mark.parametrize(
    ("variables", "about", "level", "says"),
    [
        (SAFE | {"RELAY_SOFY__TOKENS": "[]"}, "authentication", Level.FAILED, "anybody could invent statuses"),
        (
            SAFE | {"RELAY_SOFY__ALLOW_UNAUTHENTICATED": "true"},
            "authentication",
            Level.WARNING,
            "RELAY_SOFY__ALLOW_UNAUTHENTICATED is true",
        ),
        (
            SAFE | {"RELAY_SOFY__SECRETS": '["short"]'},
            "authentication",
            Level.WARNING,
            "Account default has a token or secret of under 16 characters",
        ),
        (
            SAFE | {"RELAY_SOFY__SECRETS": f'["{TOKEN}"]', "RELAY_SOFY__REQUIRE_SIGNATURE": "false"},
            "authentication",
            Level.WARNING,
            "unsigned webhooks with a token are believed too",
        ),
        (
            SAFE | {"RELAY_SOFY__ACCOUNTS": f'{{"paris":{{"secrets":["{TOKEN}"],"webhook_ids":["w"]}}}}'},
            "authentication",
            Level.OK,
            "Account paris has 1 secret, 1 webhook id.",
        ),
        (BROKER, "encryption", Level.WARNING, "Events travel in clear text"),
        (
            BROKER
            | LOGIN
            | {"RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT", "RELAY_KAFKA__SASL_MECHANISM": "PLAIN"},
            "encryption",
            Level.WARNING,
            "The password and all events travel in clear text",
        ),
        (SAFE, "encryption", Level.OK, "Events travel encrypted"),
        (
            SAFE | {"RELAY_TOPICS__MIN_INSYNC_REPLICAS": "1"},
            "durability",
            Level.WARNING,
            "an acknowledgement may rest on one disk, which is not durable",
        ),
        (
            SAFE | {"RELAY_TOPICS__REPLICATION_FACTOR": "2"},
            "durability",
            Level.WARNING,
            "with any one broker away nothing can be acknowledged",
        ),
        (SAFE, "durability", Level.OK, "A record is acknowledged once 2 replicas hold it."),
        (SAFE | {"RELAY_HTTP__ANSWER_WITHIN_S": "1.5"}, "time", Level.WARNING, "before Kafka's reason is known"),
        (SAFE, "time", Level.OK, "answered within 3 s"),
        (SAFE, "duplicates", Level.OK, "a replay to another becomes a second record"),
        (SAFE | {STORE: "rediss://:pw@redis"}, "duplicates", Level.OK, "All replicas with the same"),
        (SAFE | {STORE: "redis://:pw@redis"}, "duplicates", Level.WARNING, "travels in clear text"),
        (
            SAFE | {"RELAY_PRIVACY__BODY": "keep"},
            "personal data",
            Level.WARNING,
            "texts whole, one-time codes among them",
        ),
        (
            SAFE | {"RELAY_TOPICS__STATUS_RETENTION_H": "12", "RELAY_PRIVACY__NUMBERS": "mask"},
            "personal data",
            Level.OK,
            "holds phone numbers masked and texts left out, for 12 hours.",
        ),
        (
            SAFE | {"RELAY_PRIVACY__NUMBERS": "hash", "RELAY_PRIVACY__KEY": "short"},
            "personal data",
            Level.WARNING,
            "RELAY_PRIVACY__KEY has fewer than 16 characters",
        ),
        (
            SAFE | {"RELAY_PRIVACY__DEAD_LETTER_PAYLOAD": "keep"},
            "personal data",
            Level.WARNING,
            "Set RELAY_PRIVACY__DEAD_LETTER_PAYLOAD=drop to leave it out.",
        ),
        (SAFE, "personal data", Level.OK, "holds size and hash of what could not be read, for 30 days."),
        (SAFE | {"RELAY_HTTP_PORT": "1"}, "names", Level.FAILED, "the nearest known one is RELAY_HTTP__PORT."),
    ],
)
def test_a_remark_says_what_the_settings_lead_to(
    variables: dict[str, str], about: str, level: Level, says: str
) -> None:
    found = remarks(variables, about)

    assert any(remark.level is level and says in remark.says for remark in found)


def test_no_remark_shows_a_secret() -> None:
    planted = "pl4nted"
    loaded = load(
        SAFE
        | {
            "RELAY_SOFY__TOKENS": f'["{planted}"]',
            "RELAY_SOFY__ACCOUNTS": f'{{"paris":{{"secrets":["{planted}"]}}}}',
            "RELAY_PRIVACY__KEY": planted,
            STORE: f"redis://:{planted}@redis",
        }
    )

    assert not any(planted in remark.says for remark in review(loaded))


@pytest.mark.parametrize(
    ("left", "level", "says"),
    [
        (timedelta(days=400), Level.OK, "is good until"),
        (timedelta(days=14), Level.OK, "is good until"),
        (timedelta(days=13, hours=23), Level.WARNING, "in 13 days"),
        (timedelta(0), Level.FAILED, "expired on"),
        (-timedelta(days=3), Level.FAILED, "expired on"),
    ],
)
def test_a_certificate_is_warned_of_in_time_and_failed_when_it_is_over(
    left: timedelta, level: Level, says: str
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    [remark] = certificates({"/etc/kafka/tls.crt": now + left}, now)

    assert (remark.level, remark.about) == (level, "certificates")
    assert says in remark.says
    assert "/etc/kafka/tls.crt" in remark.says
