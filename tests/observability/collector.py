"""A collector of traces: takes spans by OTLP over HTTP, decodes them by OpenTelemetry's own protocol, keeps them."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.http.arrival import Refusals
from relay.http.protocol import ConnectionBounds
from relay.http.servers import HttpServer, listen


@dataclass(frozen=True, slots=True)
class Exported:
    """One span as a collector has it."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    is_error: bool
    attributes: dict[str, str | int | bool | float]
    resource: dict[str, str | int | bool | float]

    @property
    def traceparent(self) -> str:
        """The header of its children, where it is sampled."""
        return f"00-{self.trace_id}-{self.span_id}"


@dataclass
class Collector:
    """Listens from `async with` to its end, on a free port of this machine."""

    spans: list[Exported] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    """What was sent, uncompressed."""
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    """What it answers; other than 200, it takes nothing."""

    async def __aenter__(self) -> Self:
        listener = listen("127.0.0.1", 0, setting="COLLECTOR")
        app = Starlette(routes=[Route("/v1/traces", self._take, methods=["POST"])])
        self._server = HttpServer(app, listener, ConnectionBounds(30.0, 75.0), Refusals(lambda _reason, _seconds: b""))
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop_accepting()
        await self._server.drain(1.0, idle_grace_s=0.0)

    @property
    def endpoint(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT wants."""
        return f"http://127.0.0.1:{self._server.port}"

    def named(self, name: str) -> list[Exported]:
        return [span for span in self.spans if span.name == name]

    async def has(self, count: int, until: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]) -> None:
        """Wait, by `until`, for so many spans."""

        async def there() -> bool:
            return len(self.spans) >= count

        await until(there)

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = await asyncio.to_thread(gzip.decompress, body)
        self.headers.append(dict(request.headers))
        if self.status == 200:
            self.bodies.append(body)
            self.spans += spans_of(body)
        return Response(status_code=self.status)


def spans_of(body: bytes) -> list[Exported]:
    """Decode an export."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Exported(
            name=span.name,
            kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            is_error=span.status.code == Status.STATUS_CODE_ERROR,
            attributes={each.key: _value(each) for each in span.attributes},
            resource={each.key: _value(each) for each in of_one.resource.attributes},
        )
        for of_one in request.resource_spans
        for scope in of_one.scope_spans
        for span in scope.spans
    ]


def _value(attribute: KeyValue) -> str | int | bool | float:
    value: AnyValue = attribute.value
    kind = value.WhichOneof("value")
    assert kind in {"string_value", "int_value", "bool_value", "double_value"}, kind
    found: str | int | bool | float = getattr(value, kind)
    return found
