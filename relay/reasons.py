"""The closed vocabulary of reasons: why a delivery was refused, deferred, abandoned or dead-lettered.

One word serves as the exception's code, the answer's body, the metric's label, the log's field and
the dead letter's header. A new reason is a line here; tests hold the table complete.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """What became of a delivery, or of an item of it, for a reason."""

    REFUSED = "refused"
    """The sender's fault: a 4xx, nothing published."""
    DEFERRED = "deferred"
    """Ours or Kafka's: 503 with ``Retry-After``, nothing promised; Sofy replays."""
    ABANDONED = "abandoned"
    """The sender left before it could be answered."""
    DEAD_LETTERED = "dead_lettered"
    """Authentic but unreadable: 200, and the bytes are on the dead-letter topic."""


class Reason(StrEnum):
    """Every reason there is; the value is the word that users see."""

    UNKNOWN_PATH = "unknown_path"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BAD_FRAMING = "bad_framing"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    HEADERS_TOO_LARGE = "headers_too_large"
    BODY_TOO_LARGE = "body_too_large"
    SLOW_REQUEST = "slow_request"
    MISSING_CREDENTIALS = "missing_credentials"
    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105 - a word for the sender, not a secret
    UNKNOWN_ACCOUNT = "unknown_account"
    MISSING_SIGNATURE = "missing_signature"
    INVALID_SIGNATURE = "invalid_signature"
    STALE_TIMESTAMP = "stale_timestamp"
    UNEXPECTED_WEBHOOK_ID = "unexpected_webhook_id"

    DRAINING = "draining"
    OVERLOADED = "overloaded"
    BREAKER_OPEN = "breaker_open"
    KAFKA_UNREACHABLE = "kafka_unreachable"
    TOPIC_MISSING = "topic_missing"
    ACKNOWLEDGEMENT_TIMEOUT = "acknowledgement_timeout"
    NO_LEADER = "no_leader"
    NOT_ENOUGH_REPLICAS = "not_enough_replicas"
    NOT_AUTHORIZED = "not_authorized"
    RECORD_REFUSED = "record_refused"
    PRODUCER_FAILED = "producer_failed"
    INTERNAL_ERROR = "internal_error"

    CLIENT_DISCONNECTED = "client_disconnected"

    INVALID_JSON = "invalid_json"
    WRONG_SHAPE = "wrong_shape"
    ITEM_NOT_AN_OBJECT = "item_not_an_object"
    MISSING_SMS_ID = "missing_sms_id"
    MISSING_STATUS = "missing_status"
    RECORD_TOO_LARGE = "record_too_large"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason leads to, and what it says to a person."""

    kind: Kind
    status: int | None
    """The answer's HTTP status; None where nothing is answered."""
    says: str
    """One sentence: what happened, and what to do."""


def _refused(status: int, says: str) -> Meaning:
    return Meaning(Kind.REFUSED, status, says)


def _deferred(says: str) -> Meaning:
    return Meaning(Kind.DEFERRED, 503, says)


def _dead_lettered(says: str) -> Meaning:
    return Meaning(Kind.DEAD_LETTERED, 200, says)


MEANING: Final = MappingProxyType(
    {
        Reason.UNKNOWN_PATH: _refused(404, "No webhook lives at this path; register one of the paths in the README."),
        Reason.METHOD_NOT_ALLOWED: _refused(405, "A webhook is a POST; GET and HEAD only probe."),
        Reason.BAD_FRAMING: _refused(
            400, "The request's framing is ambiguous or not HTTP/1.1; send one Content-Length or chunked."
        ),
        Reason.UNSUPPORTED_ENCODING: _refused(415, "Bodies are never decompressed; send it without Content-Encoding."),
        Reason.HEADERS_TOO_LARGE: _refused(431, "Request line and headers exceed 16 KiB or 100 fields."),
        Reason.BODY_TOO_LARGE: _refused(413, "The body exceeds RELAY_HTTP__MAX_BODY_BYTES."),
        Reason.SLOW_REQUEST: _refused(408, "The request was not complete within RELAY_HTTP__ANSWER_WITHIN_S."),
        Reason.MISSING_CREDENTIALS: _refused(401, "Neither a token nor a signature came with the request."),
        Reason.UNKNOWN_TOKEN: _refused(401, "The token is none of RELAY_SOFY__TOKENS or of an account's tokens."),
        Reason.UNKNOWN_ACCOUNT: _refused(401, "No account of this name is set in RELAY_SOFY__ACCOUNTS."),
        Reason.MISSING_SIGNATURE: _refused(401, "The account has secrets, so its webhooks must be signed."),
        Reason.INVALID_SIGNATURE: _refused(401, "The signature does not match any secret of the account."),
        Reason.STALE_TIMESTAMP: _refused(
            401, "The signature is right but its timestamp is outside the accepted age; check the clocks."
        ),
        Reason.UNEXPECTED_WEBHOOK_ID: _refused(401, "The webhookId is none of the account's WEBHOOK_IDS."),
        Reason.DRAINING: _deferred("This replica is shutting down; another one answers the replay."),
        Reason.OVERLOADED: _deferred("Too many records wait for Kafka's acknowledgement; RELAY_HTTP__MAX_IN_FLIGHT."),
        Reason.BREAKER_OPEN: _deferred(
            "Kafka has not acknowledged anything lately, so nothing is tried but once a second; look at the brokers."
        ),
        Reason.KAFKA_UNREACHABLE: _deferred("No broker of RELAY_KAFKA__BOOTSTRAP_SERVERS could be reached yet."),
        Reason.TOPIC_MISSING: _deferred("A topic does not exist; create it with `relay topics apply`."),
        Reason.ACKNOWLEDGEMENT_TIMEOUT: _deferred(
            "Kafka did not acknowledge in time; the record may still become one, harmlessly."
        ),
        Reason.NO_LEADER: _deferred("The partition has no leader; look at the brokers."),
        Reason.NOT_ENOUGH_REPLICAS: _deferred("Fewer replicas in sync than min.insync.replicas; look at the brokers."),
        Reason.NOT_AUTHORIZED: _deferred(
            "Kafka refuses the relay's user: it needs Write on the topic, or its credentials are wrong."
        ),
        Reason.RECORD_REFUSED: _deferred("The broker refused the record; the log names the error's class."),
        Reason.PRODUCER_FAILED: _deferred("The Kafka producer failed; the log names the error's class."),
        Reason.INTERNAL_ERROR: _deferred("A fault of the relay's own; the log holds its place."),
        Reason.CLIENT_DISCONNECTED: Meaning(
            Kind.ABANDONED, None, "The sender closed the connection before its body was complete."
        ),
        Reason.INVALID_JSON: _dead_lettered("The body is not JSON."),
        Reason.WRONG_SHAPE: _dead_lettered(
            "The body is JSON but not a webhook: an object with a type, and data for sms.status."
        ),
        Reason.ITEM_NOT_AN_OBJECT: _dead_lettered("An item of data is not an object."),
        Reason.MISSING_SMS_ID: _dead_lettered("The item has no usable id."),
        Reason.MISSING_STATUS: _dead_lettered("The item has no usable status."),
        Reason.RECORD_TOO_LARGE: _dead_lettered("The record exceeds what Kafka accepts; its size and hash are kept."),
    }
)
