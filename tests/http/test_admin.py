import json
import platform
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter
from starlette.types import Message

from relay.http.admin import Version, admin_app
from relay.observability.health import Health
from relay.reasons import Reason

ASYNCAPI = b'{"asyncapi": "3.0.0"}\n'


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Admin:
    """The admin app of a process whose producer lives, asked over ASGI."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.health = Health(producer_alive=lambda: True, announce=lambda _change: None)
        self._app = admin_app(self.registry, self.health, Version(relay="1.2.3", schema=1), ASYNCAPI)

    async def ask(self, path: str, *, method: str = "GET", accept: str = "*/*") -> Answer:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"admin"), (b"accept", accept.encode())],
            "client": None,
            "server": None,
        }
        await self._app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.fixture
def admin() -> Admin:
    return Admin()


async def test_livez_answers_while_the_loop_turns_whatever_else_is_amiss(admin: Admin) -> None:
    admin.health.mark_draining()

    assert (await admin.ask("/livez")).status == 200


async def test_readyz_says_why_it_is_not_ready_and_what_to_do(admin: Admin) -> None:
    admin.health.mark_unverified(Reason.TOPIC_MISSING, "Topic t does not exist; run `relay topics apply`.")

    answer = await admin.ask("/readyz")

    assert answer.status == 503
    assert answer.json() == {
        "ready": False,
        "reason": "topic_missing",
        "detail": "Topic t does not exist; run `relay topics apply`.",
    }


async def test_readyz_is_200_once_verified(admin: Admin) -> None:
    admin.health.mark_verified()

    answer = await admin.ask("/readyz")

    assert (answer.status, answer.json()) == (200, {"ready": True, "reason": None, "detail": None})


async def test_startupz_is_200_once_the_port_listens(admin: Admin) -> None:
    before = await admin.ask("/startupz")

    admin.health.mark_started()

    assert (before.status, before.json()) == (503, {"started": False})
    assert (await admin.ask("/startupz")).status == 200


async def test_version_names_relay_schema_and_python(admin: Admin) -> None:
    answer = await admin.ask("/version")

    assert answer.json() == {"version": "1.2.3", "schema_version": 1, "python": platform.python_version()}


async def test_asyncapi_json_is_the_document_to_the_byte(admin: Admin) -> None:
    answer = await admin.ask("/asyncapi.json")

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.body == ASYNCAPI


@pytest.mark.parametrize(
    ("accept", "content_type", "end"),
    [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", b"something_total 0.0\n"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0", b"# EOF\n"),
    ],
)
async def test_metrics_come_in_the_format_that_the_scraper_asks_for(
    admin: Admin, accept: str, content_type: str, end: bytes
) -> None:
    Counter("something_total", "Some thing.", registry=admin.registry)

    answer = await admin.ask("/metrics", accept=accept)

    assert answer.status == 200
    assert answer.headers["content-type"].startswith(content_type)
    assert b"something_total 0.0" in answer.body
    assert end in answer.body


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/startupz", "/version", "/asyncapi.json"])
async def test_head_answers_as_get_does(admin: Admin, path: str) -> None:
    get, head = await admin.ask(path), await admin.ask(path, method="HEAD")

    assert head.status == get.status
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/livez/", "/webhooks/sofy", "/../metrics"])
async def test_any_other_path_is_404_without_a_redirect(admin: Admin, path: str) -> None:
    answer = await admin.ask(path)

    assert answer.status == 404
    assert "location" not in answer.headers


async def test_another_method_is_405(admin: Admin) -> None:
    assert (await admin.ask("/readyz", method="POST")).status == 405
