"""A browser, the tools from npm, and two running relays: one that nobody posts to, and one that is never idle."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
import pytest_asyncio

from tests.end_to_end.conftest import names_of_topics
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.broker import RealBroker
from tests.kafka.choice import Kafka
from tests.kafka.topics import Topics
from tests.node_packages import NodeUnavailableError, installed
from tests.page.load import Load
from tests.page.open_page import Look, OpenPage
from tests.page.planted import PLANTED

if TYPE_CHECKING:
    from playwright.async_api import Browser

collect_ignore_glob = [] if find_spec("playwright") else ["*"]
"""What drives the browser comes with `make page` only; without it `make test` does not even look at these tests."""

OpenPages = Callable[..., Awaitable[OpenPage]]

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PARTITIONS = 6
_USUAL_TOPICS = {
    "STATUS": "sofy.sms.status.v1",
    "OTHER": "sofy.webhook.other.v1",
    "DEAD_LETTER": "sofy.webhook.dead-letter.v1",
}
"""On brokers of our own; in pictures they are what a reader knows."""


def without(what: str) -> NoReturn:
    """Skip with the reason; RELAY_REQUIRE_BROWSER=1 makes it a failure."""
    if os.environ.get("RELAY_REQUIRE_BROWSER") == "1":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def node_tools() -> Path:
    """The folder with axe-core, TypeScript and uPlot as npm has them."""
    try:
        return installed(Path(__file__).parent, "page-tools")
    except NodeUnavailableError as error:
        without(str(error))


@pytest.fixture(scope="session")
def axe(node_tools: Path) -> str:
    """The source of axe-core."""
    return (node_tools / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> "AsyncIterator[Browser]":
    """The machine's own Chromium; nothing is downloaded."""
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        without("no Chromium on the PATH: apt-get install chromium")
    from playwright.async_api import async_playwright  # noqa: PLC0415 - `make test` reads this file without it

    async with async_playwright() as driver:
        started = await driver.chromium.launch(executable_path=program)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def pages(browser: "Browser") -> AsyncIterator[OpenPages]:
    """Opens pages of an address, each as if by a person of its own; they close with the test."""
    async with AsyncExitStack() as stack:

        async def opened(address: str, look: Look | None = None) -> OpenPage:
            chosen = look or Look()
            context = await browser.new_context(
                viewport={"width": chosen.width, "height": chosen.height},
                color_scheme=chosen.scheme,
                reduced_motion=chosen.motion,
                locale="en-GB",
                timezone_id="UTC",
            )
            stack.push_async_callback(context.close)
            page = OpenPage(await context.new_page())
            await page.go(address)
            return page

        yield opened


@pytest.fixture(scope="session")
def topic_names(kafka: Kafka) -> Iterator[dict[str, str]]:
    """Three topics for all relays of the session."""
    made, names = Topics(kafka.bootstrap_servers), names_of_topics() if kafka.outlives_tests else _USUAL_TOPICS
    for name in names.values():
        made.create(name, partitions=_PARTITIONS)
    yield names
    if kafka.outlives_tests:
        made.delete_all()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def idle(kafka: Kafka, topic_names: dict[str, str]) -> AsyncIterator[RelayProcess]:
    """A relay with a page, to which nobody posts."""
    async with with_page(kafka.bootstrap_servers, topic_names) as relay:
        await relay.ready()
        yield relay


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def busy(kafka: Kafka, topic_names: dict[str, str]) -> AsyncIterator[Load]:
    """Another one, to which a Sofy with faults posts all the time."""
    async with with_page(kafka.bootstrap_servers, topic_names, **PLANTED) as relay:
        await relay.ready()
        await relay.post(b"{}", "/webhooks/sofy/guessed")  # for the pictures; a minute later the verdict forgets it
        async with Load(relay) as load:
            yield load


@pytest_asyncio.fixture(loop_scope="session")
async def mortal(kafka: Kafka, topic_names: dict[str, str]) -> AsyncIterator[RelayProcess]:
    """A relay with a page for one test alone, which may do with it what it wants."""
    async with with_page(kafka.bootstrap_servers, topic_names) as relay:
        await relay.ready()
        yield relay


@pytest.fixture
def fragile_topics(private_kafka: RealBroker) -> dict[str, str]:
    """The three topics, on the broker that may be paused and killed."""
    made = Topics(private_kafka.bootstrap_servers)
    for name in _USUAL_TOPICS.values():
        if name not in made.names():
            made.create(name, partitions=_PARTITIONS)
    return _USUAL_TOPICS


def with_page(bootstrap_servers: str, topics: dict[str, str], **settings: str) -> RelayProcess:
    """Give a relay, not started, that has the page."""
    return RelayProcess(bootstrap_servers, topics, RELAY_ADMIN__CONSOLE="true", **settings)
