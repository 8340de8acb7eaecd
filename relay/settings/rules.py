"""Rules between settings: what each alone cannot say. Sentences hold names, never values."""

import importlib.util
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from relay.settings import DEFAULT_ACCOUNT, Settings
from relay.settings.types import MIB

PRODUCER_LIMIT: Final = 2 * MIB
"""Bytes of the largest record that the producer takes."""
RECORD_OVERHEAD: Final = 64 * 1024
"""Bytes kept free for a record's key and headers."""

_EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule that does not hold: between which settings, and what to do."""

    names: tuple[str, ...]
    """Full names of the settings whose values it comes from."""
    sentence: str


def broken_rules(settings: Settings) -> Iterator[Problem]:
    """Give every rule that does not hold. Opens the certificate files; blocks no longer than that."""
    yield from _compression(settings)
    yield from _login(settings)
    yield from _certificates(settings)
    yield from _topics(settings)
    yield from _ports(settings)
    yield from _accounts(settings)
    yield from _privacy(settings)
    yield from _duplicates(settings)
    yield from _tracing(settings)


def unauthenticated(settings: Settings) -> Iterator[Problem]:
    """Say why `serve` must not start, if no credential is set and nobody said that none is wanted.

    A function of its own: the commands that only deal with topics need no credential.
    """
    if settings.sofy.allow_unauthenticated or any(it.tokens or it.secrets for it in settings.sofy.every_account()):
        return
    yield Problem(
        ("RELAY_SOFY__TOKENS", "RELAY_SOFY__SECRETS", "RELAY_SOFY__ACCOUNTS", "RELAY_SOFY__ALLOW_UNAUTHENTICATED"),
        "RELAY_SOFY__TOKENS and RELAY_SOFY__SECRETS are not set: anybody could invent statuses; set one of them "
        "(or RELAY_SOFY__ACCOUNTS), or RELAY_SOFY__ALLOW_UNAUTHENTICATED=true to accept that.",
    )


def _compression(settings: Settings) -> Iterator[Problem]:
    # find_spec, not aiokafka's own answer: importing aiokafka takes longer than all the rest of a --help.
    if settings.kafka.compression in {"lz4", "zstd"} and importlib.util.find_spec("cramjam") is None:
        name = "RELAY_KAFKA__COMPRESSION"
        yield Problem((name,), f"{name} needs the Python package cramjam; install that, or give none or gzip.")


def _login(settings: Settings) -> Iterator[Problem]:
    kafka = settings.kafka
    protocol = "RELAY_KAFKA__SECURITY_PROTOCOL"
    logs_in = kafka.security_protocol.startswith("SASL_")
    for name, value in (
        ("RELAY_KAFKA__SASL_USERNAME", kafka.sasl_username),
        ("RELAY_KAFKA__SASL_PASSWORD", kafka.sasl_password),
    ):
        if logs_in and value is None:
            yield Problem((name, protocol), f"{name} is not set, which {protocol} asks for; set it.")
        if not logs_in and value is not None:
            yield Problem(
                (name, protocol),
                f"{name} is set, but {protocol} does not log in; set that to SASL_SSL, or leave the first unset.",
            )


def _certificates(settings: Settings) -> Iterator[Problem]:
    kafka = settings.kafka
    protocol = "RELAY_KAFKA__SECURITY_PROTOCOL"
    ca, cert, key = "RELAY_KAFKA__SSL_CAFILE", "RELAY_KAFKA__SSL_CERTFILE", "RELAY_KAFKA__SSL_KEYFILE"
    if not kafka.security_protocol.endswith("SSL"):
        for name, path in ((ca, kafka.ssl_cafile), (cert, kafka.ssl_certfile), (key, kafka.ssl_keyfile)):
            if path is not None:
                yield Problem(
                    (name, protocol),
                    f"{name} is set, but {protocol} does not encrypt; set that to SSL or SASL_SSL, "
                    "or leave the first unset.",
                )
        return
    if kafka.ssl_cafile is not None and not _loads(lambda: ssl.create_default_context(cafile=kafka.ssl_cafile)):
        yield Problem((ca,), f"{ca} names no readable PEM file of certificates; correct the path or the file.")
    if kafka.ssl_certfile is None and kafka.ssl_keyfile is None:
        return
    if kafka.ssl_certfile is None or kafka.ssl_keyfile is None:
        there, absent = (cert, key) if kafka.ssl_keyfile is None else (key, cert)
        yield Problem((cert, key), f"{there} is set without {absent}; set both (they may name one file) or none.")
    elif not _loads(lambda: _load_pair(kafka.ssl_certfile or "", kafka.ssl_keyfile)):
        yield Problem(
            (cert, key),
            f"{cert} and {key} name no readable PEM pair of a certificate and its key (without a pass phrase); "
            "correct the paths or the files.",
        )


def _load_pair(certificate: str, key: str | None) -> None:
    # The password callback keeps OpenSSL from asking on the terminal.
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=lambda: "")


def _topics(settings: Settings) -> Iterator[Problem]:
    topics = settings.topics
    names = {
        "RELAY_TOPICS__STATUS": topics.status,
        "RELAY_TOPICS__OTHER": topics.other,
        "RELAY_TOPICS__DEAD_LETTER": topics.dead_letter,
        "RELAY_TOPICS__LATEST": topics.latest,
    }
    # Kafka's metrics write dots as underscores, so brokers refuse two topics that differ in those alone.
    count = Counter(topic.replace(".", "_") for topic in names.values())
    same = tuple(name for name, topic in names.items() if count[topic.replace(".", "_")] > 1)
    if same:
        yield Problem(
            same, f"{' and '.join(same)} name the same topic (a dot counts as an underscore); give each its own."
        )
    if topics.min_insync_replicas > topics.replication_factor:
        least, most = "RELAY_TOPICS__MIN_INSYNC_REPLICAS", "RELAY_TOPICS__REPLICATION_FACTOR"
        yield Problem((least, most), f"{least} is above {most}: no record could be acknowledged; lower the first.")
    body, record = "RELAY_HTTP__MAX_BODY_BYTES", "RELAY_TOPICS__MAX_MESSAGE_BYTES"
    if settings.http.max_body_bytes > PRODUCER_LIMIT - RECORD_OVERHEAD:
        yield Problem((body,), f"{body} does not fit a record of 2 MiB; give at most 1984KiB.")
    elif settings.http.max_body_bytes > topics.max_message_bytes - RECORD_OVERHEAD:
        yield Problem(
            (body, record),
            f"{body} leaves no 64 KiB below {record}, so that a body might not fit a dead letter; "
            "lower the first or raise the second.",
        )


def _ports(settings: Settings) -> Iterator[Problem]:
    public, admin = settings.http, settings.admin
    if public.port == admin.port != 0 and (public.host == admin.host or _EVERY_ADDRESS & {public.host, admin.host}):
        yield Problem(
            ("RELAY_HTTP__PORT", "RELAY_ADMIN__PORT", "RELAY_HTTP__HOST", "RELAY_ADMIN__HOST"),
            "RELAY_HTTP__PORT and RELAY_ADMIN__PORT are the same; give each its own: metrics must not be public.",
        )


def _accounts(settings: Settings) -> Iterator[Problem]:
    sofy = settings.sofy
    accounts = "RELAY_SOFY__ACCOUNTS"
    own = ("RELAY_SOFY__TOKENS", "RELAY_SOFY__SECRETS", "RELAY_SOFY__WEBHOOK_IDS")
    if (sofy.tokens or sofy.secrets or sofy.webhook_ids) and any(it.name == DEFAULT_ACCOUNT for it in sofy.accounts):
        yield Problem(
            (accounts, *own),
            f"{accounts} has an account {DEFAULT_ACCOUNT}, which {', '.join(own)} also describe; "
            "give it in one place only.",
        )
    owners = Counter(
        token for account in sofy.every_account() for token in {it.get_secret_value() for it in account.tokens}
    )
    if any(count > 1 for count in owners.values()):
        yield Problem(
            (accounts, own[0]),
            f"{accounts} shares a token between two accounts (that of {own[0]} is one); give each its own.",
        )
    if not sofy.allow_unauthenticated:
        for position, account in enumerate(sofy.accounts, 1):
            if not account.tokens and not account.secrets:
                yield Problem(
                    (accounts,),
                    f"{accounts}, account {position}, has neither tokens nor secrets, so nobody could be believed; "
                    "give it one.",
                )


def _privacy(settings: Settings) -> Iterator[Problem]:
    if settings.privacy.numbers == "hash" and settings.privacy.key is None:
        names = ("RELAY_PRIVACY__KEY", "RELAY_PRIVACY__NUMBERS")
        yield Problem(
            names,
            f"{names[0]} is not set, which {names[1]}=hash needs: without a key every number could be tried; set it.",
        )


def _duplicates(settings: Settings) -> Iterator[Problem]:
    if settings.duplicates.store != "memory" and importlib.util.find_spec("redis") is None:
        name = "RELAY_DUPLICATES__STORE"
        yield Problem((name,), f"{name} needs the extra redis: install sofy-relay[redis], or set {name}=memory.")


def _tracing(settings: Settings) -> Iterator[Problem]:
    if settings.tracing.enabled and not _installed("opentelemetry.exporter.otlp.proto.http"):
        name = "RELAY_TRACING__ENABLED"
        yield Problem((name,), f"{name} needs the extra otel: install sofy-relay[otel], or set {name}=false.")


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it lies in
        return False


def _loads(load: Callable[[], object]) -> bool:
    try:
        load()
    except (OSError, ValueError):  # ssl.SSLError is an OSError; a path with a NUL is a ValueError
        return False
    return True
