"""The OpenAPI document: valid, complete, true, and readable without anything from elsewhere."""

import re
from html.parser import HTMLParser

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from relay import __version__
from relay.simulator.openapi import OPERATIONS, document
from relay.simulator.page import page
from relay.simulator.rest import Rest
from tests.simulator.test_rest import HOOK, KEYS, SMS, serving


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(document("1.2.3")).validate()


async def test_every_route_of_the_rest_is_described_and_no_other() -> None:
    async with serving() as (_, sofy):
        routes = {
            (route.path, method)
            for route in Rest(sofy).app().routes
            if isinstance(route, Route)
            for method in (route.methods or set()) - {"HEAD"}
            if route.path.startswith("/v")
        }

    described = {(path, method.upper()) for path, its in document("1")["paths"].items() for method in its}
    assert routes == described
    assert len(OPERATIONS) == len(routes)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_an_operation_answers_as_described(operation: object) -> None:
    version = getattr(operation, "version")  # noqa: B009 - parametrised values have no type here
    described = document("1")["paths"]
    async with serving() as (client, _):
        headers = KEYS[version]
        sms = await client.post(f"/{version}/sms", json=SMS, headers=headers)
        hook = await client.post(f"/{version}/webhooks", json=HOOK, headers=headers)
        answers: list[httpx.Response] = [
            sms,
            hook,
            await client.get(f"/{version}/sms/{sms.json()['id']}", headers=headers),
            await client.get(f"/{version}/webhooks", headers=headers),
            await client.delete(f"/{version}/webhooks/{hook.json()['id']}", headers=headers),
        ]

    for answer in answers:
        path = re.sub(r"/[^/]{21}$", "/{id}", answer.request.url.path)
        responses = described[path][answer.request.method.lower()]["responses"]
        assert str(answer.status_code) in responses


async def test_document_and_page_are_served_to_anybody() -> None:
    async with serving() as (client, _):
        served, shown = await client.get("/openapi.json"), await client.get("/docs")

    assert served.json() == document(__version__)
    assert shown.headers["content-type"].startswith("text/html")


class _Collected(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"href", "src"}:
                self.targets.append(value or "")
            if name == "id":
                self.ids.add(value or "")


def test_the_page_needs_nothing_from_elsewhere_and_its_links_lead_somewhere() -> None:
    found = _Collected()
    found.feed(page(document("1")))

    assert not {"script", "link", "img", "iframe"} & set(found.tags)
    assert "http" not in " ".join(found.targets)
    assert all(target == "openapi.json" or target.removeprefix("#") in found.ids for target in found.targets)


def test_the_page_shows_every_operation_and_escapes_what_it_shows() -> None:
    described = document("<1>")

    shown = page(described)

    assert all(f"id='{operation.id}'" in shown for operation in OPERATIONS)
    assert "&lt;1&gt;" in shown
    assert "<1>" not in shown
