"""Kafka goes away, and comes back: the page says so within five seconds, and says when it is over."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from tests.kafka.broker import RealBroker
from tests.page.conftest import OpenPages, with_page
from tests.page.load import Load
from tests.page.open_page import OpenPage, address

pytestmark = [pytest.mark.page, pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

log = logging.getLogger(__name__)

SHOWS_WITHIN_S = 5.0
"""The promise, from the moment of the stop."""
CLEARS_WITHIN_S = 40.0


@dataclass(frozen=True, slots=True)
class Outage:
    """A way for Kafka to go and to come back. Both block."""

    begin: Callable[[RealBroker], None]
    end: Callable[[RealBroker], None]


FROZEN = Outage(RealBroker.pause, RealBroker.resume)
KILLED = Outage(RealBroker.kill, RealBroker.start)


async def says_failed(page: OpenPage, since: float) -> float:
    """Wait until the page says that something has failed; give how long that took."""
    await page.until(page.level, holds="failed".__eq__)
    return time.monotonic() - since


@pytest.mark.parametrize("outage", [FROZEN, KILLED], ids=["frozen", "killed"])
@pytest.mark.parametrize("under_load", [True, False], ids=["busy", "idle"])
async def test_an_outage_shows_within_five_seconds_and_clears(
    private_kafka: RealBroker,
    fragile_topics: dict[str, str],
    pages: OpenPages,
    outage: Outage,
    under_load: bool,
) -> None:
    async with with_page(private_kafka.bootstrap_servers, fragile_topics) as relay:
        await relay.ready()
        async with Load(relay) if under_load else nullcontext():
            page = await pages(address(relay.admin_port))
            await page.until(page.level, holds=lambda level: level in {"ok", "warning"})
            if under_load:
                await page.until(page.number, "items_per_s", holds=lambda number: number > 0)

            stopped_at = time.monotonic()
            await asyncio.to_thread(outage.begin, private_kafka)
            try:
                took = await says_failed(page, stopped_at)
                says, to_do = await page.text("#says"), await page.text("#to-do")
            finally:
                await asyncio.to_thread(outage.end, private_kafka)
            back_at = time.monotonic()
            await page.until(page.level, holds=lambda level: level != "failed", within_s=CLEARS_WITHIN_S)
            log.info("shown after %.1f s, cleared after %.1f s", took, time.monotonic() - back_at)

    assert took <= SHOWS_WITHIN_S
    assert says.endswith(".")
    assert to_do
