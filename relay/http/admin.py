"""The admin port: metrics, health, version and the AsyncAPI document. Never exposed publicly."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from relay.observability.health import Health

_UNCACHED: Final = MappingProxyType({"cache-control": "no-store"})


@dataclass(frozen=True, slots=True)
class Version:
    """What runs here."""

    relay: str
    """The relay's version."""
    schema: int
    """The version of the event schema that it writes."""


def admin_app(
    registry: CollectorRegistry, health: Health, version: Version, asyncapi: bytes, page: Sequence[BaseRoute] = ()
) -> Starlette:
    """Give the admin port's ASGI application; `asyncapi` is the document of what the relay writes, as JSON.

    `page` are the routes of the console page, where there is one.

    It only reads what the relay shows of itself: it never asks Kafka and never waits. Each path
    answers GET and HEAD; any other path is 404, without a redirect.
    """
    views = _Views(registry, health, version, asyncapi)
    app = Starlette(
        routes=[
            Route("/metrics", views.metrics),
            Route("/livez", views.livez),
            Route("/readyz", views.readyz),
            Route("/startupz", views.startupz),
            Route("/version", views.version),
            Route("/asyncapi.json", views.asyncapi),
            *page,
        ]
    )
    app.router.redirect_slashes = False
    return app


class _Views:
    def __init__(self, registry: CollectorRegistry, health: Health, version: Version, asyncapi: bytes) -> None:
        self._registry = registry
        self._health = health
        self._version = version
        self._asyncapi = asyncapi

    async def metrics(self, request: Request) -> Response:
        """All metrics, in the text format that the scraper asks for (Prometheus's or OpenMetrics)."""
        encode, content_type = choose_encoder(",".join(request.headers.getlist("accept")))
        return Response(encode(self._registry), headers={"content-type": content_type})

    async def livez(self, _request: Request) -> Response:
        """200 whenever the event loop turns: that this ran is the proof."""
        return _answer(HTTPStatus.OK, {"alive": True})

    async def readyz(self, _request: Request) -> Response:
        """Whether the pod wants webhooks; if not, 503 with the reason and what to do."""
        now = self._health.readiness()
        reason = None if now.reason is None else now.reason.value
        return _answer(
            HTTPStatus.OK if now.ready else HTTPStatus.SERVICE_UNAVAILABLE,
            {"ready": now.ready, "reason": reason, "detail": now.detail or None},
        )

    async def startupz(self, _request: Request) -> Response:
        """200 once the public port listens."""
        started = self._health.started
        return _answer(HTTPStatus.OK if started else HTTPStatus.SERVICE_UNAVAILABLE, {"started": started})

    async def version(self, _request: Request) -> Response:
        """What runs here."""
        return _answer(
            HTTPStatus.OK,
            {
                "version": self._version.relay,
                "schema_version": self._version.schema,
                "python": platform.python_version(),
            },
        )

    async def asyncapi(self, _request: Request) -> Response:
        """What stands on which of this relay's topics."""
        return Response(self._asyncapi, media_type="application/json", headers=dict(_UNCACHED))


def _answer(status: HTTPStatus, content: dict[str, object]) -> Response:
    return JSONResponse(content, status_code=status, headers=dict(_UNCACHED))
