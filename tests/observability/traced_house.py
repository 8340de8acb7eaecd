"""A webhook, a pipeline and a steered publisher with spans around their steps, kept in memory."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.util.types import AttributeValue
from starlette.types import Message, Scope

from relay.duplicates.memory import MemoryWindow
from relay.events.record import Destination, Record
from relay.http.arrival import STATE_KEY, Arrival
from relay.http.webhook import Sources, Webhook, WebhookBounds
from relay.observability.tracing import Tracing
from relay.pipeline import Pipeline
from relay.privacy import Privacy
from relay.sofy.authenticity import Authenticator, Credentials
from relay.sofy.numbers import PhoneNumbers
from relay.sofy.reading import read
from relay.traced import Traced
from tests.http.fakes import FakeObserver
from tests.pipeline.fakes import Ledger, SteeredPublisher

TOKEN: Final = "tok-planted-4711"
TOPICS: Final = {
    Destination.STATUS: "the.status",
    Destination.OTHER: "the.other",
    Destination.DEAD_LETTER: "the.dead-letter",
}


class TracedHouse:
    """Takes webhooks by ASGI; what it publishes and which spans it ends can be read."""

    def __init__(self, sampler: Sampler | None = None, *, answer_within_s: float = 3.0, base_path: str = "") -> None:
        self.publisher = SteeredPublisher()
        self.observer = FakeObserver()
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(provider)
        self.traced = Traced(self.tracing, topics=TOPICS, base_path=base_path)
        self.pipeline = Pipeline(
            authenticator=Authenticator(
                {"default": Credentials(tokens=(TOKEN.encode(),), webhook_ids=frozenset({"xxxxx"}))}
            ),
            e164=PhoneNumbers().e164,
            privacy=Privacy(),
            window=MemoryWindow(max_entries=10_000, window_s=60, clock=lambda: 0.0),
            publisher=self.traced.publisher(self.publisher),
            observer=Ledger(),
            read=self.traced.reading(read),
        )
        self.app = self.traced.webhook(
            Webhook(
                self.traced.handler(self.pipeline),
                self.traced.observer(self.observer),
                WebhookBounds(base_path, 1024 * 1024, answer_within_s),
                Sources(lambda: datetime.now(UTC), lambda: "a-request", Random(4), lambda: False),  # noqa: S311 - jitter, no secret
            )
        )

    async def post(self, body: bytes, *, path: str = f"/webhooks/sofy/{TOKEN}", **headers: str) -> int:
        """Post a webhook; give the answer's status."""
        return await self.request("POST", path, body, headers)

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, age_s: float = 0.0
    ) -> int:
        """Send a request whose first byte came `age_s` ago; give the answer's status, 0 where there was none."""
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in (headers or {}).items()]
        scope: Scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "raw_path": path.encode(),
            "headers": [(b"content-length", str(len(body)).encode()), *given],
            "state": {STATE_KEY: Arrival(asyncio.get_running_loop().time() - age_s)},
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return int(sent[0]["status"]) if sent else 0

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """Every span that has ended, in the order of their ends."""
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """Give the ended spans of this name."""
        return [span for span in self.spans if span.name == name]

    def the(self, name: str) -> ReadableSpan:
        """Give the one ended span of this name."""
        (span,) = self.named(name)
        return span

    @property
    def records(self) -> list[Record]:
        """What was handed to the publisher."""
        return self.publisher.handed_over


def attributes(span: ReadableSpan) -> dict[str, AttributeValue]:
    """Give what a span says."""
    return dict(span.attributes or {})


def traceparent_of(span: ReadableSpan) -> str:
    """Give the W3C header that names this span."""
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def everything(span: ReadableSpan) -> str:
    """Give all that a span tells anybody, as text."""
    told: list[Any] = [
        span.to_json(),
        span.status.description,
        [(it.name, dict(it.attributes or {})) for it in span.events],
    ]
    return repr(told)
