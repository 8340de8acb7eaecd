"""The page over HTTP: one document that asks nobody else for anything, and the stream that it follows."""

import base64
from collections.abc import Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from relay.console.console import MOST_PAGES, Console

_STYLES: Final = ("vendor/uPlot.min.css", "page.css")
_SCRIPTS: Final = ("vendor/uPlot.iife.min.js", "page.js")
_HEADERS: Final = MappingProxyType(
    {
        "cache-control": "no-store",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
)


def routes(console: Console) -> Sequence[BaseRoute]:
    """Give the routes of the page, for the admin port; they only read, and answer GET and HEAD."""
    document, policy = _document()

    async def page(_: Request) -> Response:
        headers = {**_HEADERS, "content-security-policy": policy}
        return Response(document, media_type="text/html", headers=headers)

    async def events(request: Request) -> Response:
        headers = {**_HEADERS, "x-accel-buffering": "no"}  # a proxy between must not wait for more
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers=headers)
        if console.full:
            says = f"{MOST_PAGES} pages of this pod are open already; close one."
            return JSONResponse({"error": says}, HTTPStatus.SERVICE_UNAVAILABLE, headers)
        return _Stream(console, headers)

    return [Route("/", page), Route("/console/events", events)]


class _Stream(StreamingResponse):
    """One page's stream: the page is open for just as long as this answers."""

    def __init__(self, console: Console, headers: Mapping[str, str]) -> None:
        super().__init__((), media_type="text/event-stream", headers=headers)
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._console.page() as messages:
            self.body_iterator = messages
            await super().__call__(scope, receive, send)


def _document() -> tuple[bytes, str]:
    """Give the page with styles and scripts in it, and the policy that lets a browser run just these."""
    folder = files(__package__) / "page"
    text = (folder / "page.html").read_text(encoding="utf-8")
    sources: dict[str, list[str]] = {}
    for tag, names in (("style", _STYLES), ("script", _SCRIPTS)):
        parts = [(folder / name).read_text(encoding="utf-8") for name in names]
        sources[tag] = [_source(part) for part in parts]
        text = text.replace(f"<!-- {tag} -->", "\n".join(f"<{tag}>{part}</{tag}>" for part in parts))
    policy = (
        f"default-src 'none'; script-src {' '.join(sources['script'])}; style-src {' '.join(sources['style'])}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text.encode(), policy


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"
