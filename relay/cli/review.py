"""What a careful colleague would say about settings that are valid. Pure; asks nobody. For `relay check`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from relay.publishing.topics import Level
from relay.settings import Account, Settings
from relay.settings.environment import Loaded
from relay.settings.rules import unauthenticated

CERTIFICATE_NOTICE: Final = timedelta(days=14)
"""How long before its end a certificate is warned of: two weeks' holidays of whoever renews it."""
SHORT_SECRET: Final = 16
"""Characters below which a token or key is called short: 16 random ones cannot be guessed."""


@dataclass(frozen=True, slots=True)
class Remark:
    """How one check ended."""

    level: Level
    about: str
    """What was looked at, in a word or two, or a topic's name."""
    says: str
    """One sentence; never a secret."""


def review(loaded: Loaded) -> list[Remark]:
    """Give a remark on every point, the good ones too, in a fixed order."""
    settings = loaded.settings
    return [
        *_names(loaded.warnings),
        *_authentication(settings),
        *_connection(settings),
        *_durability(settings),
        *_time(settings),
        *_duplicates(settings),
        *_tracing(settings),
        *_personal_data(settings),
    ]


def certificates(expiries: Mapping[str, datetime], now: datetime) -> Iterator[Remark]:
    """Give a remark on each certificate file, by path and when it expires; all times aware."""
    for path, expires in expiries.items():
        left, day = expires - now, f"{expires:%Y-%m-%d}"
        if left <= timedelta():
            says = f"{path} expired on {day}: replace it; a relay that runs takes the new one over by itself."
            yield Remark(Level.FAILED, "certificates", says)
        elif left < CERTIFICATE_NOTICE:
            says = f"{path} expires on {day}, in {left.days} days: replace it; no restart is needed."
            yield Remark(Level.WARNING, "certificates", says)
        else:
            yield Remark(Level.OK, "certificates", f"{path} is good until {day}.")


def _names(warnings: tuple[str, ...]) -> Iterator[Remark]:
    for sentence in warnings:
        yield Remark(Level.FAILED, "names", sentence)
    if not warnings:
        yield Remark(Level.OK, "names", "Every RELAY_ name in the environment is known.")


def _authentication(settings: Settings) -> Iterator[Remark]:
    sofy, about = settings.sofy, "authentication"
    for problem in unauthenticated(settings):
        yield Remark(Level.FAILED, about, problem.sentence)
    if sofy.allow_unauthenticated:
        says = "RELAY_SOFY__ALLOW_UNAUTHENTICATED is true: where an account has no credential, anybody is believed."
        yield Remark(Level.WARNING, about, says)
    for account in sofy.every_account():
        if account.tokens or account.secrets:
            yield Remark(Level.OK, about, f"Account {account.name} has {_credentials(account)}.")
        if account.secrets and not sofy.require_signature:
            says = (
                f"Account {account.name} has secrets, but unsigned webhooks with a token are believed too: "
                "set RELAY_SOFY__REQUIRE_SIGNATURE=true once Sofy signs them all."
            )
            yield Remark(Level.WARNING, about, says)
        if any(len(it.get_secret_value()) < SHORT_SECRET for it in (*account.tokens, *account.secrets)):
            says = f"Account {account.name} has a token or secret of under {SHORT_SECRET} characters: use a longer one."
            yield Remark(Level.WARNING, about, says)


def _credentials(account: Account) -> str:
    parts = [(len(account.tokens), "token"), (len(account.secrets), "secret"), (len(account.webhook_ids), "webhook id")]
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in parts if count)


def _connection(settings: Settings) -> Iterator[Remark]:
    kafka, about = settings.kafka, "encryption"
    protocol = kafka.security_protocol
    if protocol == "SASL_PLAINTEXT" and kafka.sasl_mechanism == "PLAIN":
        says = "The password and all events travel in clear text: set RELAY_KAFKA__SECURITY_PROTOCOL=SASL_SSL."
        yield Remark(Level.WARNING, about, says)
    elif protocol.endswith("PLAINTEXT"):
        says = "Events travel in clear text: beyond a trusted network set RELAY_KAFKA__SECURITY_PROTOCOL=SASL_SSL."
        yield Remark(Level.WARNING, about, says)
    else:
        yield Remark(Level.OK, about, "Events travel encrypted; certificate and host name are verified.")


def _durability(settings: Settings) -> Iterator[Remark]:
    topics, about = settings.topics, "durability"
    least = topics.min_insync_replicas
    if least == 1:
        says = (
            "RELAY_TOPICS__MIN_INSYNC_REPLICAS is 1: an acknowledgement may rest on one disk, which is not durable; "
            "in production set 2."
        )
        yield Remark(Level.WARNING, about, says)
    elif least == topics.replication_factor:
        says = (
            "RELAY_TOPICS__MIN_INSYNC_REPLICAS equals RELAY_TOPICS__REPLICATION_FACTOR: with any one broker away "
            "nothing can be acknowledged; add a replica."
        )
        yield Remark(Level.WARNING, about, says)
    else:
        yield Remark(Level.OK, about, f"A record is acknowledged once {least} replicas hold it.")


def _time(settings: Settings) -> Iterator[Remark]:
    about = "time"
    if settings.kafka.request_timeout_ms >= settings.http.answer_within_s * 1000:
        says = (
            "RELAY_KAFKA__REQUEST_TIMEOUT_MS is not below RELAY_HTTP__ANSWER_WITHIN_S: a webhook is answered before "
            "Kafka's reason is known; lower the first."
        )
        yield Remark(Level.WARNING, about, says)
    else:
        yield Remark(
            Level.OK, about, f"Webhooks are answered within {settings.http.answer_within_s:g} s; Sofy waits 4."
        )


def _duplicates(settings: Settings) -> Iterator[Remark]:
    store, about = settings.duplicates.store, "duplicates"
    if store == "memory":
        says = (
            "Each replica remembers what it has published itself: a replay to another becomes a second record "
            "with the same event_id."
        )
        yield Remark(Level.OK, about, says)
        return
    yield Remark(Level.OK, about, "All replicas with the same RELAY_DUPLICATES__STORE and topics know what each has.")
    if store.password is not None and not store.tls:
        says = "The password in RELAY_DUPLICATES__STORE travels in clear text: beyond a trusted network use rediss://."
        yield Remark(Level.WARNING, about, says)


def _tracing(settings: Settings) -> Iterator[Remark]:
    if settings.tracing.enabled:
        says = (
            "Webhooks are traced; spans go by OTLP over HTTP to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names, "
            "http://localhost:4318 unless set."
        )
        yield Remark(Level.OK, "tracing", says)


def _personal_data(settings: Settings) -> Iterator[Remark]:
    privacy, topics, about = settings.privacy, settings.topics, "personal data"
    numbers = {"keep": "whole", "mask": "masked", "hash": "hashed with your key"}[privacy.numbers]
    texts = "whole, one-time codes among them" if privacy.body == "keep" else "left out"
    remedy = " Set RELAY_PRIVACY__BODY=drop where nobody needs the texts." if privacy.body == "keep" else ""
    level = Level.WARNING if privacy.body == "keep" else Level.OK
    says = f"{topics.status} holds phone numbers {numbers} and texts {texts}, for {_days(topics.status_retention_h)}."
    yield Remark(level, about, says + remedy)
    says = (
        f"{topics.latest}, written by `relay project`, holds the same until {_days(topics.latest_retention_h)} after "
        "an SMS's last event; `relay erase` ends it before."
    )
    yield Remark(Level.OK, about, says)
    says = (
        f"{topics.other} holds webhooks of other types (replies among them) as received, whatever RELAY_PRIVACY says, "
        f"for {_days(topics.other_retention_h)}."
    )
    yield Remark(Level.OK if _keeps_all(settings) else Level.WARNING, about, says)
    yield _dead_letters(settings)
    if privacy.key is not None and len(privacy.key.get_secret_value()) < SHORT_SECRET:
        says = (
            f"RELAY_PRIVACY__KEY has fewer than {SHORT_SECRET} characters, so hashes can be undone: use a longer one."
        )
        yield Remark(Level.WARNING, about, says)
    yield Remark(Level.OK, about, "Logs and metrics hold none.")


def _dead_letters(settings: Settings) -> Remark:
    topics = settings.topics
    stays = f"for {_days(topics.dead_letter_retention_h)}"
    if settings.privacy.dead_letter_payload == "drop":
        says = f"{topics.dead_letter} holds size and hash of what could not be read, {stays}."
        return Remark(Level.OK, "personal data", says)
    says = f"{topics.dead_letter} holds what could not be read as received, numbers and texts included, {stays}."
    if _keeps_all(settings):
        return Remark(Level.OK, "personal data", says)
    return Remark(
        Level.WARNING, "personal data", f"{says} Set RELAY_PRIVACY__DEAD_LETTER_PAYLOAD=drop to leave it out."
    )


def _keeps_all(settings: Settings) -> bool:
    return settings.privacy.body == "keep" and settings.privacy.numbers == "keep"


def _days(hours: int) -> str:
    return f"{hours // 24} days" if hours % 24 == 0 and hours > 24 else f"{hours} hours"  # noqa: PLR2004 - a day's hours
