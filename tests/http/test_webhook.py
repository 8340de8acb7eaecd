"""The ASGI callable by itself: faults of our own, traces, and what the log says of a refusal."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from relay.reasons import Reason
from tests.http.client import connect, post
from tests.http.edge import Edge
from tests.http.fakes import Ended

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PLANTED = ("planted-token", "planted-number", "planted-secret", "planted-fault")


@pytest.fixture
async def logs() -> AsyncIterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as entries:
        yield entries


async def test_a_fault_of_ours_is_503_never_500_and_logged_by_class_and_place_only(
    edge: Edge, logs: list[MutableMapping[str, Any]]
) -> None:
    edge.handler.fault = KeyError("planted-fault")

    async with connect(edge.port) as connection:
        answer = await connection.ask(post(b"planted-number", path=b"/webhooks/sofy/planted-token"))
        edge.handler.fault = None
        again = await connection.ask(post())

    assert (answer.status, answer.error, again.status) == (503, "internal_error", 200)
    assert edge.observer.ended[0] == Ended("", "deferred", "internal_error", 14)
    [fault] = [entry for entry in logs if entry["log_level"] == "error"]
    assert fault["fault"] == "KeyError"
    assert str(fault["place"]).startswith("tests.http.fakes:")
    assert not any(planted in str(logs) for planted in PLANTED)


async def test_a_refusal_is_logged_once_by_reason_and_request_and_nothing_that_was_sent(
    edge: Edge, logs: list[MutableMapping[str, Any]]
) -> None:
    edge.handler.screened = Reason.UNKNOWN_TOKEN

    async with connect(edge.port) as connection:
        answer = await connection.ask(
            post(
                b"planted-number",
                path=b"/webhooks/sofy/planted-token?planted-token",
                headers=b"authorization: planted-secret\r\n",
            )
        )

    assert logs == [
        {
            "event": "webhook refused",
            "reason": "unknown_token",
            "request_id": answer.headers["x-request-id"],
            "log_level": "info",
        }
    ]


async def test_an_accepted_delivery_is_not_worth_a_line(edge: Edge, logs: list[MutableMapping[str, Any]]) -> None:
    async with connect(edge.port) as connection:
        await connection.ask(post())

    assert logs == []


async def test_every_request_has_its_own_id_in_its_answer_and_in_the_log_context(edge: Edge) -> None:
    async with connect(edge.port) as connection:
        answers = [await connection.ask(post()) for _ in range(2)]

    named = [context["request_id"] for context in edge.handler.contexts]
    assert named == [answer.headers["x-request-id"] for answer in answers] == ["request-1", "request-2"]


@pytest.mark.parametrize(
    ("headers", "passed_on"),
    [
        (b"traceparent: " + TRACE.encode() + b"\r\n", TRACE),
        (b"", None),
        (b"traceparent: " + TRACE.upper().encode() + b"\r\n", None),
        (b"traceparent: ff" + TRACE[2:].encode() + b"\r\n", None),
        (b"traceparent: 00-" + b"0" * 32 + b"-00f067aa0ba902b7-01\r\n", None),
        (b"traceparent: " + TRACE.encode() + b"-more\r\n", None),
        (b"traceparent: \xff\r\n", None),
        (b"traceparent: " + TRACE.encode() + b"\r\ntraceparent: " + TRACE.encode() + b"\r\n", None),
    ],
)
async def test_only_a_valid_traceparent_is_passed_on(edge: Edge, headers: bytes, passed_on: str | None) -> None:
    async with connect(edge.port) as connection:
        answer = await connection.ask(post(headers=headers))

    assert answer.status == 200
    assert edge.handler.deliveries[0].traceparent == passed_on


async def test_a_request_is_begun_and_ended_once_with_its_seconds(edge: Edge) -> None:
    edge.handler.gate.clear()

    async with connect(edge.port) as connection:
        await connection.send(post())
        await edge.handler.wait_for_deliveries(1)
        assert (edge.observer.started, edge.observer.ended) == (1, [])
        edge.handler.gate.set()
        await connection.answer()

    assert len(edge.observer.ended) == edge.observer.started == 1
    assert 0.0 <= edge.observer.seconds[0] < 3.0


async def test_without_the_protocols_arrival_the_callable_keeps_its_bounds(edge: Edge) -> None:
    """Under another ASGI server the budget begins with the call."""
    sent: list[MutableMapping[str, Any]] = []
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.request", "body": b"}"},
    ]

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "raw_path": b"/webhooks/sofy/token", "headers": []}
    start = asyncio.get_running_loop().time()
    await edge.webhook(scope, receive, send)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 200
    assert start <= edge.handler.deliveries[0].deadline <= asyncio.get_running_loop().time() + 3.0
    assert edge.handler.deliveries[0].body == b"{}"
