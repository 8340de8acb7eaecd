"""Each sight of the page is accessible by axe-core's judgement, and leaves its picture in build/page/."""

import asyncio
import signal

import pytest

from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.broker import RealBroker
from tests.page.conftest import OpenPages, with_page
from tests.page.load import Load
from tests.page.open_page import LOOKS, Look, OpenPage, address

pytestmark = [pytest.mark.page, pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

POINTS = 30
"""Of the curves, from which on a picture of a busy pod is worth looking at: a minute."""
DEFERRED = 200
"""Webhooks, from which on an outage shows in the curves too."""

each_look = pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)


async def seen(page: OpenPage, name: str, axe: str) -> list[str]:
    """Take the picture, then open the settings; give what axe-core finds in both."""
    await page.picture(name)
    found = await page.violations(axe)
    await page.page.locator("#settings-details summary").click()
    return found + await page.violations(axe)


@each_look
async def test_an_idle_pod(idle: RelayProcess, pages: OpenPages, axe: str, look: Look) -> None:
    page = await pages(address(idle.admin_port), look)
    await page.until(page.level, holds="ok".__eq__)

    assert await seen(page, f"idle-{look.name}", axe) == []


@each_look
async def test_a_busy_pod(busy: Load, pages: OpenPages, axe: str, look: Look) -> None:
    page = await pages(address(busy.relay.admin_port), look)
    await page.until(page.points, holds=lambda count: count >= POINTS, within_s=3 * POINTS)

    assert await seen(page, f"busy-{look.name}", axe) == []


async def test_a_pod_whose_kafka_has_stopped(
    private_kafka: RealBroker, fragile_topics: dict[str, str], pages: OpenPages, axe: str
) -> None:
    found: dict[str, list[str]] = {}
    async with with_page(private_kafka.bootstrap_servers, fragile_topics) as relay:
        await relay.ready()
        async with Load(relay):
            views = {look.name: await pages(address(relay.admin_port), look) for look in LOOKS}
            first = views[LOOKS[0].name]
            await first.until(first.points, holds=lambda count: count >= POINTS / 2, within_s=3 * POINTS)
            await asyncio.to_thread(private_kafka.pause)
            try:
                await first.until(first.bars, "webhooks", holds=lambda bars: bars.get("deferred", 0) > DEFERRED)
                for name, page in views.items():
                    await page.until(page.level, holds="failed".__eq__)
                    found[name] = await seen(page, f"stopped-{name}", axe)
            finally:
                await asyncio.to_thread(private_kafka.resume)

    assert found == {look.name: [] for look in LOOKS}


async def test_a_page_whose_pod_has_died(mortal: RelayProcess, pages: OpenPages, axe: str) -> None:
    page = await pages(address(mortal.admin_port))
    await page.live()

    mortal.signal(signal.SIGKILL)
    await page.until(page.attribute, "#link", "data-state", holds="lost".__eq__)

    assert await page.violations(axe) == []
