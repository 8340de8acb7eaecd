"""The answer table: an outcome in, status, headers and body out. Nothing here waits, counts or logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Final

from relay.pipeline import Accepted
from relay.reasons import MEANING, Kind, Reason

_JSON_TYPE: Final = (b"content-type", b"application/json")
CLOSE: Final = (b"connection", b"close")

_LONGEST_RETRY_AFTER_S: Final = 5
"""Sofy's own delays are unknown; this only spreads clients that obey, so that they don't come back together."""

CLOSING: Final = frozenset(
    {
        Reason.BAD_FRAMING,
        Reason.UNSUPPORTED_ENCODING,
        Reason.HEADERS_TOO_LARGE,
        Reason.BODY_TOO_LARGE,
        Reason.SLOW_REQUEST,
    }
)
"""After these nothing that the connection carries is trusted or waited for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, complete but for what belongs to the single request (`x-request-id`, `connection`)."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def _json(status: int, body: bytes, *more: tuple[bytes, bytes]) -> Answer:
    length = (b"content-length", str(len(body)).encode())
    return Answer(status, (_JSON_TYPE, length, *more), body)


def _error(reason: Reason, status: int) -> Answer:
    more: dict[int, tuple[bytes, bytes]] = {
        HTTPStatus.UNAUTHORIZED: (b"www-authenticate", b'Basic realm="sofy-relay"'),
        HTTPStatus.METHOD_NOT_ALLOWED: (b"allow", b"GET, HEAD, POST"),
    }
    body = b'{"error":"%s"}' % reason.value.encode()
    return _json(status, body, *([more[status]] if status in more else []))


_ERRORS: Final = {
    reason: _error(reason, meaning.status)
    for reason, meaning in MEANING.items()
    if meaning.kind in (Kind.REFUSED, Kind.DEFERRED) and meaning.status is not None
}

PROBED: Final = Answer(HTTPStatus.NO_CONTENT, (), b"")
"""GET or HEAD on a webhook path. A 204 carries no content-length (RFC 9110, 8.6)."""


def accepted(outcome: Accepted) -> Answer:
    """Give the 200 with its three counts."""
    counts = (outcome.accepted, outcome.duplicates, outcome.dead_lettered)
    return _json(HTTPStatus.OK, b'{"accepted":%d,"duplicates":%d,"dead_lettered":%d}' % counts)


def refused(reason: Reason, rng: Random) -> Answer:
    """Give the reason's 4xx, or its 503 with a jittered `Retry-After` in whole seconds.

    A reason that no answer belongs to (a dead letter's, say) is our mistake, not the sender's: `internal_error`.
    """
    answer = _ERRORS.get(reason) or _ERRORS[Reason.INTERNAL_ERROR]
    if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
        return answer
    retry_after = (b"retry-after", str(rng.randint(1, _LONGEST_RETRY_AFTER_S)).encode())
    return Answer(answer.status, (*answer.headers, retry_after), answer.body)


def raw(answer: Answer, more: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """Give `answer` as it goes over the wire: HTTP/1.1, and the connection closes after it."""
    lines = [b"HTTP/1.1 %d %s" % (answer.status, HTTPStatus(answer.status).phrase.encode())]
    lines += [name + b": " + value for name, value in (*answer.headers, *more, CLOSE)]
    return b"\r\n".join([*lines, b"", answer.body])
