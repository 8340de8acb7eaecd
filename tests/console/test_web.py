"""The page over TCP, on the admin port: its document, its policy, its stream."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from typing import Any

import httpx
import pytest
import pytest_asyncio

from relay.console.console import MOST_PAGES
from relay.console.web import routes
from relay.http.admin import Version, admin_app
from relay.http.arrival import Refusals
from relay.http.protocol import ConnectionBounds
from relay.http.servers import HttpServer, listen
from relay.observability.health import Health
from tests.console.stand import Clock, Stand, message

PATIENCE_S = 10.0
STREAM = "/console/events"


@dataclass(slots=True)
class Admin:
    """A running admin port with a page, and a client of it."""

    stand: Stand = field(default_factory=lambda: Stand(clock=Clock()))
    server: HttpServer = field(init=False)
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        health = Health(producer_alive=lambda: True, announce=lambda _change: None)
        app = admin_app(self.stand.registry, health, Version("1.2.3", 1), b"{}", routes(self.stand.console))
        listener = listen("127.0.0.1", 0, setting="RELAY_ADMIN")
        self.server = HttpServer(app, listener, ConnectionBounds(1.0, 5.0), Refusals(lambda _reason, _seconds: b""))
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.server.port}", timeout=PATIENCE_S)


@pytest_asyncio.fixture
async def admin() -> AsyncIterator[Admin]:
    admin = Admin()
    await admin.server.start()
    looking = asyncio.create_task(admin.stand.console.run())
    yield admin
    admin.stand.console.close()
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking
    await admin.client.aclose()
    admin.server.stop_accepting()
    await admin.server.drain(2.0, idle_grace_s=0.0)


async def events(answer: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Give the server-sent events of an answer, as they come."""
    lines: list[str] = []
    async for line in answer.aiter_lines():
        lines.append(line)
        if not line:
            yield message("".join(f"{each}\n" for each in lines).encode())
            lines.clear()


def hashes(document: str, tag: str) -> list[str]:
    """Give the sources that a policy would allow the document's own tags by."""
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", document, re.DOTALL)
    return [f"'sha256-{base64.b64encode(sha256(each.encode()).digest()).decode()}'" for each in found]


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    """Give the sources that the policy allows, by directive."""
    directives = (each.split() for each in answer.headers["content-security-policy"].split(";"))
    return {name: sources for name, *sources in directives}


async def test_the_policy_allows_just_the_scripts_and_styles_that_are_in_the_document(admin: Admin) -> None:
    answer = await admin.client.get("/")

    allowed = policy(answer)
    assert allowed.pop("script-src") == hashes(answer.text, "script")
    assert allowed.pop("style-src") == hashes(answer.text, "style")
    assert allowed == {
        "default-src": ["'none'"],
        "connect-src": ["'self'"],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    assert len(hashes(answer.text, "script")) == len(hashes(answer.text, "style")) == 2


async def test_the_document_has_no_tag_that_would_ask_for_more_and_no_inline_style_or_handler(admin: Admin) -> None:
    text = (await admin.client.get("/")).text

    markup = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    assert "<!-- s" not in markup
    assert re.findall(r"""\s(?:style|on[a-z]+|src|srcset|action)=["']""", markup) == []
    links = {link for link in re.findall(r'href="([^"]+)"', markup) if not link.startswith(("data:", "#"))}
    assert links == {"metrics", "readyz", "version", "asyncapi.json"}


async def test_the_files_of_the_page_stand_in_the_document_as_they_are(admin: Admin) -> None:
    text = (await admin.client.get("/")).text

    for name in ("page.css", "page.js", "vendor/uPlot.min.css", "vendor/uPlot.iife.min.js"):
        assert files("relay.console").joinpath("page", name).read_text(encoding="utf-8") in text


@pytest.mark.parametrize("path", ["/", STREAM])
async def test_what_the_page_sends_is_neither_kept_nor_guessed_at_nor_taken_elsewhere(admin: Admin, path: str) -> None:
    answer = await admin.client.head(path)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("path", "kind"), [("/", "text/html; charset=utf-8"), (STREAM, "text/event-stream")])
async def test_head_answers_as_get_does_and_ends(admin: Admin, path: str, kind: str) -> None:
    head = await admin.client.head(path)
    async with admin.client.stream("GET", path) as get:
        pass

    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"].startswith(kind)
    assert get.headers["content-type"] == head.headers["content-type"]


@pytest.mark.parametrize("path", ["/", STREAM])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_the_page_only_reads(admin: Admin, path: str, method: str) -> None:
    assert (await admin.client.request(method, path)).status_code == 405


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/events/", "/page.js", "/vendor/LICENSE"])
async def test_there_is_nothing_beside_the_page_and_its_stream(admin: Admin, path: str) -> None:
    assert (await admin.client.get(path)).status_code == 404


async def test_the_stream_tells_everything_and_then_what_is_new_for_longer_than_an_answer_may_take(
    admin: Admin,
) -> None:
    async with admin.client.stream("GET", STREAM) as answer:
        coming = events(answer)
        first, _ = await anext(coming)
        admin.stand.status("zzzzz")
        seen = [await anext(coming) for _ in range(3)]

    assert first == "everything"
    assert [name for name, _ in seen] == ["look"] * 3
    assert [event["sms_id"] for _, content in seen for event in content["events"]] == ["zzzzz"]
    assert "+33612345678" not in str(seen)


async def test_a_page_too_many_gets_a_sentence_and_one_that_went_makes_room(admin: Admin) -> None:
    async with AsyncExitStack() as pages:
        for _ in range(MOST_PAGES):
            await pages.enter_async_context(admin.client.stream("GET", STREAM))
        refused = await admin.client.get(STREAM)
        document = await admin.client.head("/")
    async with asyncio.timeout(PATIENCE_S):
        while admin.stand.console.full:
            await asyncio.sleep(0.01)
    async with admin.client.stream("GET", STREAM) as answer:
        name, _ = await anext(events(answer))

    assert refused.status_code == 503
    assert refused.json() == {"error": "16 pages of this pod are open already; close one."}
    assert document.status_code == 200
    assert name == "everything"


async def test_streams_end_when_the_console_closes_so_that_the_port_can_be_drained(admin: Admin) -> None:
    async with admin.client.stream("GET", STREAM) as answer:
        coming = events(answer)
        await anext(coming)

        admin.stand.console.close()

        async with asyncio.timeout(PATIENCE_S):
            rest = [each async for each in coming]
    assert len(rest) <= 1
