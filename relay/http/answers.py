"""The answer table: an outcome in, status, headers and body out. Nothing here waits, counts or logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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
    head: bytes
    """Status line and headers as they go over the wire, each with its line break."""


def _answer(status: int, headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> Answer:
    status_line = b"HTTP/1.1 %d %b\r\n" % (status, HTTPStatus(status).phrase.encode())
    return Answer(status, headers, body, status_line + _lines(headers))


def _lines(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def _json(status: int, body: bytes, *more: tuple[bytes, bytes]) -> Answer:
    length = (b"content-length", str(len(body)).encode())
    return _answer(status, (_JSON_TYPE, length, *more), body)


def _errors(reason: Reason, status: int) -> tuple[Answer, ...]:
    """Give the answers of a reason, one of which is taken by chance."""
    body = b'{"error":"%s"}' % reason.value.encode()
    match status:
        case HTTPStatus.UNAUTHORIZED:
            more = [(b"www-authenticate", b'Basic realm="sofy-relay"')]
        case HTTPStatus.METHOD_NOT_ALLOWED:
            more = [(b"allow", b"GET, HEAD, POST")]
        case HTTPStatus.SERVICE_UNAVAILABLE:
            more = [(b"retry-after", b"%d" % seconds) for seconds in range(1, _LONGEST_RETRY_AFTER_S + 1)]
        case _:
            return (_json(status, body),)
    return tuple(_json(status, body, header) for header in more)


_ERRORS: Final = {
    reason: _errors(reason, meaning.status)
    for reason, meaning in MEANING.items()
    if meaning.kind in (Kind.REFUSED, Kind.DEFERRED) and meaning.status is not None
}

PROBED: Final = _answer(HTTPStatus.NO_CONTENT, (), b"")
"""GET or HEAD on a webhook path. A 204 carries no content-length (RFC 9110, 8.6)."""


def accepted(outcome: Accepted) -> Answer:
    """Give the 200 with its three counts."""
    return _accepted(outcome.accepted, outcome.duplicates, outcome.dead_lettered)


@lru_cache(maxsize=1024)  # nearly all webhooks hold one status or a few
def _accepted(*counts: int) -> Answer:
    return _json(HTTPStatus.OK, b'{"accepted":%d,"duplicates":%d,"dead_lettered":%d}' % counts)


def refused(reason: Reason, rng: Random) -> Answer:
    """Give the reason's 4xx, or its 503 with a jittered `Retry-After` in whole seconds.

    A reason that no answer belongs to (a dead letter's, say) is our mistake, not the sender's: `internal_error`.
    """
    return rng.choice(_ERRORS.get(reason) or _ERRORS[Reason.INTERNAL_ERROR])


def raw(answer: Answer, more: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """Give `answer` as it goes over the wire: HTTP/1.1, and the connection closes after it."""
    return b"%b%b\r\n%b" % (answer.head, _lines((*more, CLOSE)), answer.body)
