"""The path from HTTP to Kafka with spans around its steps: receive > normalise > publish.

Each step is wrapped where the composition root joins it to the next; without tracing (`Untraced`) nothing is wrapped,
so nothing is there to cost. What a span says, and OpenTelemetry, are `relay.observability.tracing`'s.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import structlog
from starlette.types import Receive, Scope, Send

from relay import __version__
from relay.events.record import Destination, Record
from relay.http.arrival import STATE_KEY, Arrival
from relay.http.head import Headers
from relay.http.paths import Place, WebhookPaths
from relay.http.webhook import Webhook, WebhookObserver, one_traceparent
from relay.pipeline import Accepted, Claim, DeliveryHandler, Outcome, RawDelivery, Refused
from relay.publishing.port import NotPublishedError, Publisher, Settled
from relay.reasons import MEANING, Reason
from relay.sofy.authenticity import AuthenticDelivery
from relay.sofy.reading import Read, Reading, UnreadableFact

if TYPE_CHECKING:  # OpenTelemetry is an extra, and is imported where tracing is on
    from relay.observability.tracing import RequestSpan, StepSpan, Tracing

MOST_SPANS: Final = 20
"""How many items of a webhook have a `publish` span each; of more, one stands for all records of a topic.

A status webhook has one or a few; one of thousands would fill the exporter's queue (2,048 spans) alone.
"""
_TRACED: Final = frozenset({Destination.STATUS, Destination.OTHER})
"""Whose records carry `traceparent`: a dead letter has headers of its own, and is the end of its trace."""


class CannotTraceError(Exception):
    """Tracing was asked for, and cannot be had; the text is one sentence for the operator."""


def traced(topics: Mapping[Destination, str], base_path: str) -> "Traced":
    """Begin to trace, as OpenTelemetry's variables say, and give what wraps the steps; `Traced.stop` ends it.

    Takes each destination's topic, and the prefix of the webhook paths.

    Raises:
        CannotTraceError: a variable is of no use; nothing was started.
    """
    try:
        # Here and not above: OpenTelemetry is an extra, which only those have who trace.
        from relay.observability.tracing import UnusableVariableError, start  # noqa: PLC0415
    except ValueError as error:  # it reads some when it is imported
        message = "A variable OTEL_…_LIMIT is of no use to OpenTelemetry: give a whole number, or leave it unset."
        raise CannotTraceError(message) from error
    try:
        return Traced(start(__version__), topics=topics, base_path=base_path)
    except UnusableVariableError as error:
        raise CannotTraceError(str(error)) from error


class Untraced:
    """Wraps nothing: gives each step as it was given."""

    def reading(self, read: Read) -> Read:
        """Give `read`."""
        return read

    def publisher(self, publisher: Publisher) -> Publisher:
        """Give `publisher`."""
        return publisher

    def handler(self, handler: DeliveryHandler) -> DeliveryHandler:
        """Give `handler`."""
        return handler

    def observer(self, observer: WebhookObserver) -> WebhookObserver:
        """Give `observer`."""
        return observer

    def webhook(self, webhook: Webhook) -> Webhook:
        """Give `webhook`."""
        return webhook


class Traced:
    """Wraps the steps of one relay."""

    def __init__(self, tracing: "Tracing", *, topics: Mapping[Destination, str], base_path: str) -> None:
        """Take what makes spans, each destination's topic, and the prefix of the webhook paths."""
        self._tracing = tracing
        self._topics = topics
        self._base_path = base_path

    def reading(self, read: Read) -> Read:
        """Give `read` within a span."""
        return _TracedRead(read)

    def publisher(self, publisher: Publisher) -> Publisher:
        """Give `publisher` with a span from each record's hand-over to its acknowledgement."""
        return _TracedPublisher(publisher, self._topics)

    def handler(self, handler: DeliveryHandler) -> DeliveryHandler:
        """Give `handler` with its counts on the request's span."""
        return _TracedHandler(handler)

    def observer(self, observer: WebhookObserver) -> WebhookObserver:
        """Give `observer`, by which a request's span learns how it was answered."""
        return _TracedObserver(observer)

    def webhook(self, webhook: Webhook) -> "TracedWebhook":
        """Give `webhook` with a span for each request."""
        return TracedWebhook(webhook, self._tracing, self._base_path)

    async def stop(self, limit_s: float) -> None:
        """Export the last spans, within `limit_s`."""
        await self._tracing.stop(limit_s)


class _Request:
    """What is known of one request's spans while it is under way."""

    __slots__ = ("_many", "is_large", "span")

    def __init__(self, span: "RequestSpan") -> None:
        self.span = span
        self.is_large = False
        self._many: dict[str, _Many] = {}

    def publishing(self, record: Record, topic: str) -> "_One | _Many":
        if not self.is_large:
            return _One(self.span.publish(topic, record.id, len(record.value)))
        many = self._many.get(topic)
        if many is None:
            many = self._many[topic] = _Many(self.span.publish_many(topic))
        many.add()
        return many

    def no_more_records(self) -> None:
        for many in self._many.values():
            many.close()
        self._many.clear()


_current: ContextVar[_Request | None] = ContextVar("relay.traced", default=None)
"""The request that the running task answers."""


class _One:
    """The `publish` span of one record."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: "StepSpan") -> None:
        self._span = span
        self.traceparent = span.traceparent

    def settle(self, error: str | None) -> None:
        self._span.end(error)


class _Many:
    """The `publish` span of many records: it ends when the last of them is settled and no more come."""

    __slots__ = ("_closed", "_count", "_error", "_pending", "_span", "traceparent")

    def __init__(self, span: "StepSpan") -> None:
        self._span = span
        self.traceparent = span.traceparent
        self._count = self._pending = 0
        self._error: str | None = None
        self._closed = False

    def add(self) -> None:
        self._count += 1
        self._pending += 1

    def settle(self, error: str | None) -> None:
        self._pending -= 1
        self._error = self._error or error
        self._end_if_over()

    def close(self) -> None:
        self._closed = True
        self._end_if_over()

    def _end_if_over(self) -> None:
        if self._closed and not self._pending:
            self._span.many(self._count)
            self._span.end(self._error)


class TracedWebhook:
    """The webhook's ASGI callable with a span for each request."""

    def __init__(self, webhook: Webhook, tracing: "Tracing", base_path: str) -> None:
        self._webhook = webhook
        self._tracing = tracing
        self._paths = WebhookPaths(base_path)
        prefix = "".join(f"/{part}" for part in base_path.split("/") if part)
        self._root = f"{prefix}/webhooks/sofy"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; see `Webhook`."""
        arrival: Arrival | None = scope.get("state", {}).get(STATE_KEY)
        span = self._tracing.request(
            method=scope["method"],
            route=self._route(self._paths.find(scope["raw_path"])),
            scheme=scope["scheme"],
            traceparent=one_traceparent([value for name, value in scope["headers"] if name == b"traceparent"]),
            seconds_ago=0.0 if arrival is None else asyncio.get_running_loop().time() - arrival.first_byte,
        )
        before = _current.set(_Request(span))
        structlog.contextvars.bind_contextvars(trace_id=span.trace_id)
        try:
            await self._webhook(scope, receive, send)
        finally:
            _current.reset(before)

    def refuse_unheard(self, reason: Reason, seconds: float) -> bytes:
        """Refuse what is no request yet, without a span; see `Webhook`."""
        return self._webhook.refuse_unheard(reason, seconds)

    def refuse_by_head(self, _target: bytes, _headers: Headers, _seconds: float) -> bytes | None:
        """Hear every request: it has a span, however it is answered."""
        return None

    def _route(self, place: Place | None) -> str | None:
        match place:
            case None:
                return None
            case Place(account=None, token=None):
                return self._root
            case Place(account=None):
                return f"{self._root}/{{token}}"
            case _:
                return f"{self._root}/accounts/{{account}}"


class _TracedObserver:
    def __init__(self, observer: WebhookObserver) -> None:
        self._observer = observer

    def webhook_started(self) -> None:
        self._observer.webhook_started()

    def webhook_ended(self, account: str, outcome: str, reason: str, seconds: float, body_bytes: int | None) -> None:
        self._observer.webhook_ended(account, outcome, reason, seconds, body_bytes)
        request = _current.get()
        if request is not None:
            answered = 204 if outcome == "probed" else 200
            status = MEANING[Reason(reason)].status if reason else answered
            request.span.end(account=account, outcome=outcome, reason=reason, status=status, body_bytes=body_bytes)


class _TracedHandler:
    def __init__(self, handler: DeliveryHandler) -> None:
        self._handler = handler

    def screen(self, claim: Claim, *, behind: int = 0) -> Refused | None:
        return self._handler.screen(claim, behind=behind)

    async def process(self, delivery: RawDelivery) -> Outcome:
        request = _current.get()
        if request is None:
            return await self._handler.process(delivery)
        try:
            outcome = await self._handler.process(delivery)
        finally:
            request.no_more_records()
        if isinstance(outcome, Accepted):
            request.span.counted(
                accepted=outcome.accepted, duplicates=outcome.duplicates, dead_lettered=outcome.dead_lettered
            )
        return outcome


class _TracedRead:
    def __init__(self, read: Read) -> None:
        self._read = read

    def __call__(
        self, delivery: AuthenticDelivery, *, expects: Callable[[str, str | None], bool], e164: Callable[[str], str]
    ) -> Reading | Reason:
        request = _current.get()
        if request is None:
            return self._read(delivery, expects=expects, e164=e164)
        span = request.span.normalise()
        try:
            reading = self._read(delivery, expects=expects, e164=e164)
        except BaseException as error:
            span.end(type(error).__name__)
            raise
        if isinstance(reading, Reason):
            span.refused(reading.value)
            return reading
        request.is_large = len(reading.facts) > MOST_SPANS
        span.read(items=len(reading.facts), unreadable=sum(isinstance(it, UnreadableFact) for it in reading.facts))
        span.end()
        return reading


class _TracedPublisher:
    def __init__(self, publisher: Publisher, topics: Mapping[Destination, str]) -> None:
        self._publisher = publisher
        self._topics = topics

    @property
    def unavailable(self) -> Reason | None:
        return self._publisher.unavailable

    def full_behind(self, webhooks: int) -> bool:
        return self._publisher.full_behind(webhooks)

    def publish(self, records: Sequence[tuple[Record, Settled]]) -> None:
        request = _current.get()
        if request is None:
            self._publisher.publish(records)
            return
        spans = [request.publishing(record, self._topics[record.destination]) for record, _ in records]
        try:
            self._publisher.publish(
                [_traced(record, settled, span) for (record, settled), span in zip(records, spans, strict=True)]
            )
        except BaseException as error:
            word = error.reason.value if isinstance(error, NotPublishedError) else type(error).__name__
            for span in spans:
                span.settle(word)
            raise


def _traced(record: Record, settled: Settled, span: _One | _Many) -> tuple[Record, Settled]:
    """Give a record that carries its span's context, and what ends the span when its outcome is told."""
    if span.traceparent is not None and record.destination in _TRACED:
        record = record._replace(headers={**record.headers, "traceparent": span.traceparent})

    def ended(failure: Reason | None) -> None:
        span.settle(None if failure is None else failure.value)
        settled(failure)

    return record, ended
