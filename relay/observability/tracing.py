"""Spans, by OpenTelemetry's libraries: the one module that knows them, imported only where tracing is on.

Sampling, batching, export, resource and the W3C header are theirs, steered by their own `OTEL_` variables. Here is what
a span of the relay says, and what the log says of a collector that does not answer. Names and values are those of
OpenTelemetry's semantic conventions where they have one, else begin with `sofy_relay.` and are words of the metrics.
A span holds no path, number, text, SMS id or exception's message.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME, SERVICE_VERSION
from opentelemetry.semconv.attributes.url_attributes import URL_SCHEME
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

RECEIVE: Final = "receive"
NORMALISE: Final = "normalise"
PUBLISH: Final = "publish"

SERVICE: Final = "sofy-relay"
"""The service's name unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES gives another."""

# Conventions that are still in development: OpenTelemetry's package keeps their names in a private place.
_BODY_SIZE: Final = "http.request.body.size"
_MESSAGING: Final[dict[str, AttributeValue]] = {
    "messaging.system": "kafka",
    "messaging.operation.name": "publish",
    "messaging.operation.type": "send",
}
_DESTINATION: Final = "messaging.destination.name"
_MESSAGE_ID: Final = "messaging.message.id"
_MESSAGE_SIZE: Final = "messaging.message.body.size"
_BATCH: Final = "messaging.batch.message_count"

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_OTHER_METHOD: Final = "_OTHER"
_SERVER_ERROR: Final = 500

_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL: Final = "http/protobuf"

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class UnusableVariableError(Exception):
    """OpenTelemetry cannot work with one of its variables; the text is one sentence for the operator."""


def start(version: str) -> "Tracing":
    """Begin to trace, as the environment's `OTEL_` variables say; spans are exported by a thread of their own.

    Asks no collector, so it may be away. Call it once logs are configured; `Tracing.stop` ends it.

    Raises:
        UnusableVariableError: a variable is of no use; nothing was started.
    """
    for name in _PROTOCOLS:
        if os.environ.get(name, _PROTOCOL) != _PROTOCOL:
            message = f"{name} is not {_PROTOCOL}, which is how the relay exports spans: set it so, or leave it unset."
            raise UnusableVariableError(message)
    words = _ExporterWords()
    with _reading("OTEL_EXPORTER_OTLP_…"), _without_headers():
        exporter = OTLPSpanExporter()
    with _reading("OTEL_TRACES_SAMPLER… or OTEL_…_LIMIT"):
        provider = TracerProvider(resource=_resource(version), shutdown_on_exit=False)
    with _reading("OTEL_BSP_…"):
        provider.add_span_processor(BatchSpanProcessor(_Watched(exporter, words)))
    words.listen()
    return Tracing(provider, words)


class Tracing:
    """Makes spans. All methods but `stop` neither block nor raise; all within the event loop's thread."""

    def __init__(self, provider: TracerProvider, words: "_ExporterWords | None" = None) -> None:
        """Take OpenTelemetry's provider; `start` makes the one that a process has."""
        self._provider = provider
        self._words = words
        self._tracer: Tracer = provider.get_tracer("relay")

    def request(
        self, *, method: str, route: str | None, scheme: str, traceparent: str | None, seconds_ago: float
    ) -> "RequestSpan":
        """Begin the span of an HTTP request.

        Args:
            method: As it came.
            route: The path's template; None where the path is none of ours. Never the path: it may hold a token.
            scheme: `http` or `https`.
            traceparent: The request's, valid; None begins a trace.
            seconds_ago: How long ago its first byte came.
        """
        attributes: dict[str, AttributeValue] = {
            HTTP_REQUEST_METHOD: method if method in _METHODS else _OTHER_METHOD,
            URL_SCHEME: scheme,
        }
        if route is not None:
            attributes[HTTP_ROUTE] = route
        parent = Context() if traceparent is None else _PROPAGATOR.extract({"traceparent": traceparent}, Context())
        span = self._tracer.start_span(
            RECEIVE,
            parent,
            SpanKind.SERVER,
            attributes,
            start_time=time.time_ns() - int(seconds_ago * 1e9),
        )
        return RequestSpan(self._tracer, span)

    async def stop(self, limit_s: float) -> None:
        """Export what is left and end the export, waiting `limit_s` at most; what did not leave by then is lost."""
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # nobody waits any more, and the loop is closed
                loop.call_soon_threadsafe(done.set)

        # A thread that no exit waits for: OpenTelemetry's own limit is longer than a stop may take.
        threading.Thread(target=shut_down, name="tracing-stop", daemon=True).start()
        try:
            async with asyncio.timeout(limit_s):
                await done.wait()
        except TimeoutError:
            _log.warning("the last spans did not reach the collector in time", limit_s=limit_s)
        if self._words is not None:
            self._words.leave()


class RequestSpan:
    """The span of one HTTP request, and the parent of its steps'."""

    __slots__ = ("_context", "_ended", "_span", "_tracer")

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._context = set_span_in_context(span, Context())
        self._ended = False

    @property
    def trace_id(self) -> str:
        """The trace's id in hexadecimal, as collectors show it."""
        return format(self._span.get_span_context().trace_id, "032x")

    def normalise(self) -> "StepSpan":
        """Begin the span of reading and normalising the body."""
        return StepSpan(self._tracer.start_span(NORMALISE, self._context))

    def publish(self, topic: str, message_id: str, size: int) -> "StepSpan":
        """Begin the span of one record's way to the broker's acknowledgement; `size` is its value's, in bytes."""
        attributes = {**_MESSAGING, _DESTINATION: topic, _MESSAGE_ID: message_id, _MESSAGE_SIZE: size}
        return StepSpan(self._tracer.start_span(PUBLISH, self._context, SpanKind.PRODUCER, attributes))

    def publish_many(self, topic: str) -> "StepSpan":
        """Begin the one span of many records of a request for one topic."""
        attributes = {**_MESSAGING, _DESTINATION: topic}
        return StepSpan(self._tracer.start_span(PUBLISH, self._context, SpanKind.PRODUCER, attributes))

    def counted(self, *, accepted: int, duplicates: int, dead_lettered: int) -> None:
        """Say what became of the items, as the answer does. Nothing once it is ended."""
        if not self._ended:
            self._span.set_attributes(
                {
                    "sofy_relay.accepted": accepted,
                    "sofy_relay.duplicates": duplicates,
                    "sofy_relay.dead_lettered": dead_lettered,
                }
            )

    def end(self, *, account: str, outcome: str, reason: str, status: int | None, body_bytes: int | None) -> None:
        """End it: the request was answered with `status`, or (None) its sender has left. The first call holds.

        `account` is empty where nobody was authenticated, `reason` where there is none; all are words of the metrics.
        """
        if self._ended:
            return
        self._ended = True
        attributes: dict[str, AttributeValue] = {"sofy_relay.outcome": outcome}
        if account:
            attributes["sofy_relay.account"] = account
        if reason:
            attributes["sofy_relay.reason"] = reason
        if status is not None:
            attributes[HTTP_RESPONSE_STATUS_CODE] = status
        if body_bytes is not None:
            attributes[_BODY_SIZE] = body_bytes
        if status is None or status >= _SERVER_ERROR:
            attributes[ERROR_TYPE] = reason or outcome
            self._span.set_status(StatusCode.ERROR)
        self._span.set_attributes(attributes)
        self._span.end()


class StepSpan:
    """The span of a step of a request. Ended once."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str | None:
        """The W3C header that makes others this span's children; None where OpenTelemetry is switched off."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(self._span, Context()))
        return carrier.get("traceparent")

    def read(self, *, items: int, unreadable: int) -> None:
        """Say how many items the body held, and how many of them could not be read."""
        self._span.set_attributes({"sofy_relay.items": items, "sofy_relay.unreadable": unreadable})

    def many(self, count: int) -> None:
        """Say how many records it stands for."""
        self._span.set_attribute(_BATCH, count)

    def refused(self, reason: str) -> None:
        """End it: the webhook is refused for a `Reason`, which is no fault of ours."""
        self._span.set_attribute("sofy_relay.reason", reason)
        self._span.end()

    def end(self, error: str | None = None) -> None:
        """End it; `error` is a `Reason`, or the class of an exception where there is none."""
        if error is not None:
            self._span.set_attribute(ERROR_TYPE, error)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


_PROPAGATOR: Final = TraceContextTextMapPropagator()


def _resource(version: str) -> Resource:
    """Say who we are; what the environment says goes first."""
    told = Resource({SERVICE_VERSION: version}).merge(Resource.create())
    unnamed = str(told.attributes[SERVICE_NAME]).startswith("unknown_service")
    return told.merge(Resource({SERVICE_NAME: SERVICE})) if unnamed else told


@contextmanager
def _reading(names: str) -> Iterator[None]:
    try:
        yield
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        # Its text may hold the variable's value.
        kind = type(error).__name__
        message = f"A variable {names} is of no use to OpenTelemetry ({kind}): correct it; docs/tracing.md names them."
        raise UnusableVariableError(message) from error


class _Watched(SpanExporter):
    """Tells the log once when the collector stops taking spans, and once when it takes them again."""

    def __init__(self, exporter: SpanExporter, words: "_ExporterWords") -> None:
        self._exporter = exporter
        self._words = words
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._words.forget()
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                _log.info("the collector takes spans again", lost=self._lost)
            self._lost = 0
        else:
            if not self._lost:
                _log.warning("the collector does not take spans: traces have gaps", why=self._words.told())
            self._lost += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _ExporterWords(logging.Handler):
    """Keeps the exporter's own log lines, several for each failed batch, out of the log, and knows them."""

    _LOGGER: Final = "opentelemetry.exporter"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def listen(self) -> None:
        logger = logging.getLogger(self._LOGGER)
        logger.addHandler(self)
        logger.propagate = False

    def leave(self) -> None:
        logger = logging.getLogger(self._LOGGER)
        logger.removeHandler(self)
        logger.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        # An exception's text may hold an address with a password.
        named = tuple(type(each).__name__ if isinstance(each, BaseException) else each for each in arguments)
        with suppress(TypeError, ValueError):  # the arguments do not fit the text
            self._lines.append(str(record.msg) % named if named else str(record.msg))

    def forget(self) -> None:
        """A batch begins."""
        self._lines.clear()

    def told(self) -> str:
        """Give what was said of this batch: the first line has the cause, the last one the end."""
        return " ".join(dict.fromkeys([*self._lines[:1], *self._lines[-1:]]))


@contextmanager
def _without_headers() -> Iterator[None]:
    """Take from lines about OTEL_EXPORTER_OTLP_HEADERS the header that they show: it may be a password."""

    def mask(record: logging.LogRecord) -> bool:
        record.args = tuple("…" for _ in record.args) if isinstance(record.args, tuple) else ()
        return True

    logger = logging.getLogger("opentelemetry.util.re")
    logger.addFilter(mask)
    try:
        yield
    finally:
        logger.removeFilter(mask)
