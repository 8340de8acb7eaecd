"""The webhook as a bare ASGI callable: bounds, one deadline, one answer for every request."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final, NamedTuple, Protocol

import structlog
from starlette.types import Receive, Scope, Send

from relay.http import answers
from relay.http.arrival import STATE_KEY, Arrival, answer_by
from relay.http.head import Headers
from relay.http.overdue import Overdue
from relay.http.paths import WebhookPaths
from relay.pipeline import Accepted, Claim, DeliveryHandler, Outcome, RawDelivery, Refused
from relay.reasons import MEANING, Kind, Reason

_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)  # W3C Trace Context, 3.2


_PASSED_OVER_BYTES: Final = 64 * 1024
"""How long a body is passed over so that its connection stays open; a new connection costs both sides more."""
_HEADS_AFTER_A_DEFERRAL: Final = 100
"""How many webhooks are judged by their heads once one was deferred: under overload many more are, and some are not."""


class WebhookObserver(Protocol):
    """What the webhook reports; `relay.observability` implements it. Calls must not block."""

    def webhook_started(self) -> None:
        """A request began; exactly one `webhook_ended` follows."""

    def webhook_ended(self, account: str, outcome: str, reason: str, seconds: float, body_bytes: int | None) -> None:
        """A request was answered, or its sender has left.

        Takes the account (empty when not authenticated); the outcome (`accepted`, `probed`, `refused`,
        `deferred`, `abandoned`); the `Reason`'s word (empty for the first two); seconds since the
        request's first byte; the body's size where it was read wholly.
        """


@dataclass(frozen=True, slots=True)
class WebhookBounds:
    """How much, and for how long, the webhook listens; each from the `RELAY_HTTP__` setting of its name."""

    base_path: str
    max_body_bytes: int
    answer_within_s: float


@dataclass(frozen=True, slots=True)
class Sources:
    """What the webhook cannot compute: the time, a name for each request, chance, and the process's state."""

    now: Callable[[], datetime]
    """The time, aware, UTC."""
    request_id: Callable[[], str]
    """A new name for a request: ASCII, safe in a header."""
    rng: Random
    """Jitter of `Retry-After`."""
    draining: Callable[[], bool]
    """Whether the process shuts down: then every answer closes its connection."""


class _Head(NamedTuple):
    """What the headers say about the body, and about the trace it belongs to."""

    length: int | None
    encoded: bool
    awaits_continue: bool
    traceparent: str | None


class _Request:
    """One request while it is being judged."""

    __slots__ = ("arrival", "body_bytes", "head", "id", "receive", "scope", "send", "settled")

    def __init__(self, scope: Scope, receive: Receive, send: Send, arrival: Arrival, request_id: str) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.arrival = arrival
        self.id = request_id
        self.head: _Head | None = None
        self.body_bytes: int | None = None
        self.settled = False


class Webhook:
    """The ASGI callable of the public port.

    Refuses in the order 404, 405, 204 (a probe), framing and 415, 413 by declared length, the
    handler's `screen`, then reads the body (413, 408) and hands it to the handler's `process`.
    Every answer is written by the request's first byte plus `answer_within_s`; a publication that
    is still under way then goes on and is never cancelled. Never answers 3xx, 410 or 500.
    """

    def __init__(
        self, handler: DeliveryHandler, observer: WebhookObserver, bounds: WebhookBounds, sources: Sources
    ) -> None:
        self._handler = handler
        self._observer = observer
        self._paths = WebhookPaths(bounds.base_path)
        self._bounds = bounds
        self._sources = sources
        # Bound once: what get_logger gives would bind itself anew for each line.
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("relay.http.webhook").bind()
        self._overdue = Overdue(self._answer_without_outcome)
        self._late: set[asyncio.Task[None]] = set()
        self._heads_to_judge = 0
        """How many webhooks more are judged by their heads first; of those that are heard, each is judged twice."""
        self._let_pass = 0
        """How many of these were let pass in this turn of the loop."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request. Returns when it is answered and the handler is done with it."""
        arrival = scope.get("state", {}).get(STATE_KEY) or Arrival(asyncio.get_running_loop().time())
        request = _Request(scope, receive, send, arrival, self._sources.request_id())
        structlog.contextvars.bind_contextvars(request_id=request.id)
        self._observer.webhook_started()
        verdict: Outcome | None
        try:
            verdict = await self._judge(request)
        except asyncio.CancelledError:
            # Only a drain at its limit cancels; its sender still gets a true answer, and the task ends here anyway.
            verdict = Refused(Reason.DRAINING)
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not reach the sender as a 500
            self._report(fault)
            verdict = Refused(Reason.INTERNAL_ERROR)
        await self._settle(request, verdict)

    def refuse_unheard(self, reason: Reason, seconds: float) -> bytes:
        """Count and log a request that the protocol refuses before it is a request; give the raw answer.

        `seconds` is the time since its first byte.
        """
        answer, request_id = self._refuse_without_task(reason, seconds)
        return answers.raw(answer, [(b"x-request-id", request_id)])

    def refuse_by_head(self, target: bytes, headers: Headers, seconds: float) -> bytes | None:
        """Give the raw 503 of a webhook that is deferred whatever its body, None where it must be heard.

        Takes a POST's target and headers, and the time since its first byte. Under overload refusals come by the
        thousand a second, and what each costs is taken from the webhooks that are accepted: these cost no task.
        """
        if not self._heads_to_judge or self._sources.draining():
            return None
        self._heads_to_judge -= 1
        try:
            reason = self._deferral_by_head(target, headers)
        except Exception:  # noqa: BLE001 - a fault of ours: the application will meet it too, and knows what to do
            return None
        if reason is None:
            return None
        self._heads_to_judge = _HEADS_AFTER_A_DEFERRAL
        answer, request_id = self._refuse_without_task(reason, seconds)
        return b"%b\r\n%b" % (_head_of(answer, request_id), answer.body)

    def _refuse_without_task(self, reason: Reason, seconds: float) -> tuple[answers.Answer, bytes]:
        """Count and log a request that no task answers; give its answer, and its id."""
        request_id, outcome, word = self._sources.request_id(), MEANING[reason].kind.value, reason.value
        self._observer.webhook_started()
        self._log.info(f"webhook {outcome}", reason=word, request_id=request_id)
        self._observer.webhook_ended("", outcome, word, seconds, None)
        return answers.refused(reason, self._sources.rng), request_id.encode()

    def _deferral_by_head(self, target: bytes, headers: Headers) -> Reason | None:
        place = self._paths.find(target)  # with a query it is no path of ours: the application knows better
        head = _read_head(headers)
        if place is None or self._fault_of(head) is not None or not _passes_over(head):
            return None
        refused = self._handler.screen(Claim(place.account, place.token, headers), behind=self._let_pass)
        if refused is None:
            self._note_that_one_passed()
            return None
        return refused.reason if MEANING[refused.reason].kind is Kind.DEFERRED else None

    def _note_that_one_passed(self) -> None:
        """Count it until the turn of the loop in which heads are read has ended: then their tasks run, one by one.

        Else all that come in one turn would pass for the room there is for the first of them, and be refused later.
        """
        if not self._let_pass:
            asyncio.get_running_loop().call_soon(self._forget_who_passed)
        self._let_pass += 1

    def _forget_who_passed(self) -> None:
        self._let_pass = 0

    async def _judge(self, request: _Request) -> Outcome | None:
        """Give the outcome, None for a probe."""
        scope = request.scope
        place = self._paths.find(scope["raw_path"])
        if place is None:
            return Refused(Reason.UNKNOWN_PATH)
        method = scope["method"]
        if method != "POST":
            return None if method in ("GET", "HEAD") else Refused(Reason.METHOD_NOT_ALLOWED)
        head = request.head = _read_head(scope["headers"])
        reason = self._fault_of(head)
        if reason is not None:
            return Refused(reason)
        claim = Claim(place.account, place.token, scope["headers"])
        refused = self._handler.screen(claim)
        if refused is not None:
            return refused
        body = await self._read(request)
        if isinstance(body, Reason):
            return Refused(body)
        return await self._process(request, claim, body, head.traceparent)

    def _fault_of(self, head: _Head) -> Reason | None:
        if head.length is None:
            return Reason.BAD_FRAMING
        if head.encoded:
            return Reason.UNSUPPORTED_ENCODING
        if head.length > self._bounds.max_body_bytes:
            return Reason.BODY_TOO_LARGE
        return None

    async def _read(self, request: _Request) -> bytes | Reason:
        if request.arrival.complete:  # the usual case: nothing to wait for, so no timer
            return await self._read_to_end(request)
        deadline = answer_by(request.arrival.first_byte, self._bounds.answer_within_s)
        try:
            async with asyncio.timeout_at(deadline):
                return await self._read_to_end(request)
        except TimeoutError:
            return Reason.SLOW_REQUEST

    async def _read_to_end(self, request: _Request) -> bytes | Reason:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                return Reason.CLIENT_DISCONNECTED
            if request.arrival.refusal is not None:
                return request.arrival.refusal
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._bounds.max_body_bytes:
                return Reason.BODY_TOO_LARGE
            chunks.append(chunk)
            if not message.get("more_body", False):
                request.arrival.complete = True
                request.body_bytes = size
                return chunk if len(chunks) == 1 else b"".join(chunks)

    async def _process(self, request: _Request, claim: Claim, body: bytes, traceparent: str | None) -> Outcome:
        first_byte, within = request.arrival.first_byte, self._bounds.answer_within_s
        deadline = answer_by(first_byte, within)
        # The handler promises to return by its deadline; should it not, the answer leaves without it.
        self._overdue.watch(request, (deadline + first_byte + within) / 2)
        try:
            return await self._handler.process(
                RawDelivery(
                    claim=claim,
                    body=body,
                    received_at=self._sources.now(),
                    deadline=deadline,
                    traceparent=traceparent,
                )
            )
        finally:
            self._overdue.done(request)

    def _answer_without_outcome(self, request: _Request) -> None:
        verdict = Refused(Reason.ACKNOWLEDGEMENT_TIMEOUT)
        task = asyncio.get_running_loop().create_task(self._settle(request, verdict))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _settle(self, request: _Request, verdict: Outcome | None) -> None:
        """Answer and report the request, once; a later verdict finds it settled."""
        if request.settled:
            return
        request.settled = True
        account, outcome, reason = "", "probed", ""
        answer: answers.Answer | None = answers.PROBED
        closes = self._sources.draining()
        if isinstance(verdict, Accepted):
            account, outcome, answer = verdict.account, "accepted", answers.accepted(verdict)
        elif verdict is not None:
            kind = MEANING[verdict.reason].kind
            if kind is Kind.DEFERRED:
                self._heads_to_judge = _HEADS_AFTER_A_DEFERRAL
            account, outcome, reason = verdict.account, kind.value, verdict.reason.value
            answer = None if kind is Kind.ABANDONED else answers.refused(verdict.reason, self._sources.rng)
            closes = closes or verdict.reason in answers.CLOSING
            request.arrival.passes_over = not closes and kind is Kind.DEFERRED and _is_little(request)
            self._log.info(f"webhook {outcome}", reason=reason, request_id=request.id)
        try:
            if answer is not None:
                await self._send(request, answer, closes=closes)
        finally:
            seconds = asyncio.get_running_loop().time() - request.arrival.first_byte
            self._observer.webhook_ended(account, outcome, reason, seconds, request.body_bytes)

    async def _send(self, request: _Request, answer: answers.Answer, *, closes: bool) -> None:
        arrival = request.arrival
        # What is left of an unread body must not be taken for the next request.
        closes = closes or not (arrival.complete or arrival.passes_over)
        request_id = request.id.encode()
        head = _head_of(answer, request_id)
        body = b"" if request.scope["method"] == "HEAD" else answer.body
        if arrival.answer(head, body, closes=closes):
            return
        headers = [*answer.headers, (b"x-request-id", request_id)]
        if closes:
            headers.append(answers.CLOSE)
        await request.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await request.send({"type": "http.response.body", "body": answer.body})

    def _report(self, fault: Exception) -> None:
        """Log an exception by class and place only: its text may hold what the sender wrote."""
        place = fault.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_globals.get('__name__')}:{place.tb_lineno}" if place is not None else "unknown"
        self._log.error("webhook failed by a fault of the relay", fault=type(fault).__name__, place=where)


def _read_head(headers: Sequence[tuple[bytes, bytes]]) -> _Head:
    """Read what matters of the headers. `length` is 0 when none was declared, None when it is no number."""
    length: int | None = 0
    encoded = awaits_continue = False
    traces: list[bytes] = []
    for name, value in headers:
        if name == b"content-length":
            length = int(value) if value.isdigit() else None
        elif name == b"content-encoding":
            encoded = encoded or any(coding.strip().lower() not in (b"", b"identity") for coding in value.split(b","))
        elif name == b"expect":
            awaits_continue = True
        elif name == b"traceparent":
            traces.append(value)
    return _Head(length, encoded, awaits_continue, one_traceparent(traces) if traces else None)


def _head_of(answer: answers.Answer, request_id: bytes) -> bytes:
    """Give an answer's head but for `connection`, and for the line break that ends it."""
    return b"%bx-request-id: %b\r\n" % (answer.head, request_id)


def _is_little(request: _Request) -> bool:
    """Whether a body that was not read will come, and is so short that its connection may pass over it."""
    return request.head is not None and request.arrival.at_hand and _passes_over(request.head)


def _passes_over(head: _Head) -> bool:
    if not head.length or head.awaits_continue:  # one who was not told to continue may not
        return False
    return head.length <= _PASSED_OVER_BYTES


def one_traceparent(values: Sequence[bytes]) -> str | None:
    """Give a request's W3C trace context of the values of its `traceparent` headers; None unless one, and valid."""
    traced = len(values) == 1 and _TRACEPARENT.fullmatch(values[0]) is not None
    return values[0].decode("ascii") if traced else None
