"""A page follows its pod: through its death, a reload, and too many pages."""

import json
import signal
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import httpx
import pytest

from relay.console.console import MOST_PAGES
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.choice import Kafka
from tests.page.conftest import OpenPages
from tests.page.load import Load
from tests.page.open_page import address

pytestmark = [pytest.mark.page, pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

STREAM = "/console/events"


async def first_message(relay: RelayProcess) -> dict[str, Any]:
    """Give what a page is told first."""
    async with relay.admin.stream("GET", STREAM) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                found: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return found
    pytest.fail("the stream ended before its first message")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_a_dead_pod_is_said_to_be_dead_and_the_page_comes_back_with_the_next_one(
    mortal: RelayProcess, pages: OpenPages, end: signal.Signals
) -> None:
    page = await pages(address(mortal.admin_port))
    await page.live()

    mortal.signal(end)
    await page.until(page.attribute, "#link", "data-state", holds="lost".__eq__)
    lost = await page.level(), await page.text("#says"), await page.text("#to-do")
    await mortal.exit_status(within_s=20)
    mortal.spawn()
    await page.live()
    await page.until(page.level, holds="ok".__eq__)

    assert lost[:2] == ("failed", "This pod does not answer.")
    assert "asks again by itself" in lost[2]
    assert len([request for request in page.requests if request == address(mortal.admin_port)]) == 1


async def test_a_pod_that_hangs_is_said_not_to_answer(mortal: RelayProcess, pages: OpenPages) -> None:
    page = await pages(address(mortal.admin_port))
    await page.live()

    mortal.signal(signal.SIGSTOP)
    try:
        await page.until(page.attribute, "#link", "data-state", holds="lost".__eq__)
        level = await page.level()
    finally:
        mortal.signal(signal.SIGCONT)
    await page.live()

    assert level == "failed"


async def test_a_reload_draws_the_last_minutes_at_once(busy: Load, pages: OpenPages) -> None:
    page = await pages(address(busy.relay.admin_port))
    await page.live()
    points = await page.until(page.points, holds=lambda number: number > 3)

    await page.page.reload()
    await page.live()

    first = next(told for message in reversed(page.messages) if "about" in (told := json.loads(message)))
    assert len(first["points"]) >= points
    assert (await page.ink("rates")).pixels > 0
    assert await page.events_shown() > 0


async def test_the_points_are_a_quarter_of_an_hour_at_most_and_two_seconds_apart(busy: Load) -> None:
    first = await first_message(busy.relay)

    times = [point[0] for point in first["points"]]
    assert (first["about"]["looks_back_s"], first["about"]["step_s"]) == (900, 2)
    assert all(1 < later - earlier < 4 for earlier, later in pairwise(times))


async def test_a_page_too_many_is_told_so_and_comes_when_another_one_closes(
    mortal: RelayProcess, pages: OpenPages
) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address(mortal.admin_port), timeout=10, limits=limits) as client:
        async with AsyncExitStack() as others:
            streams = [await others.enter_async_context(client.stream("GET", STREAM)) for _ in range(MOST_PAGES)]
            refused = await client.get(STREAM)
            page = await pages(address(mortal.admin_port))
            await page.until(page.attribute, "#link", "data-state", holds="lost".__eq__)
        await page.live()

    assert {stream.status_code for stream in streams} == {200}
    assert refused.status_code == 503
    assert refused.json() == {"error": f"{MOST_PAGES} pages of this pod are open already; close one."}


async def test_pause_keeps_the_rows_and_going_on_brings_the_newest(busy: Load, pages: OpenPages) -> None:
    page = await pages(address(busy.relay.admin_port))
    await page.until(page.events_shown, holds=lambda count: count > 0)

    await page.page.locator("#pause").click()
    kept, heard = await page.rows(), len(page.messages)
    await page.until(page.heard, holds=lambda count: count >= heard + 3)
    while_paused, note = await page.rows(), await page.text("#live-note")
    missed = page.events()[-1]
    await page.page.locator("#pause").click()
    after = await page.rows()

    assert while_paused == kept
    assert note.startswith("Paused; ")
    assert missed in after
    assert after == page.events()[: page.events().index(after[0]) + 1][::-1][:60]


@pytest.mark.parametrize("path", ["/", STREAM])
async def test_head_answers_as_get_does(idle: RelayProcess, path: str) -> None:
    head = await idle.admin.head(path)
    async with idle.admin.stream("GET", path) as get:
        pass

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers.get("content-security-policy") == get.headers.get("content-security-policy")


async def test_without_the_setting_there_is_no_page(kafka: Kafka, topic_names: dict[str, str]) -> None:
    async with RelayProcess(kafka.bootstrap_servers, topic_names) as relay:
        answers = [await relay.admin.get(path) for path in ("/", STREAM)]

    assert [answer.status_code for answer in answers] == [404, 404]
