"""What an open page is told: all there is, then what is new; and all again where it fell behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
import pytest_asyncio

from relay.console.console import MOST_PAGES
from relay.observability.health import Readiness
from relay.reasons import Reason
from tests.console.stand import BEGIN, LoopClock, Stand, message

Messages = AsyncIterator[bytes]


@pytest_asyncio.fixture
async def stand() -> AsyncIterator[Stand]:
    """A console that looks every second of the loop's time, which passes when somebody waits."""
    stand = Stand(clock=LoopClock())
    looking = asyncio.create_task(stand.console.run())
    yield stand
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking


async def told(messages: Messages) -> dict[str, Any]:
    """Give what the next message says."""
    _, content = message(await anext(messages))
    return content


async def names(messages: Messages, count: int) -> list[str]:
    """Give the names of the next messages."""
    return [message(await anext(messages))[0] for _ in range(count)]


async def test_a_page_is_told_everything_at_once_and_then_what_is_new_each_second(stand: Stand) -> None:
    async with stand.console.page() as messages:
        first = await told(messages)
        begin = asyncio.get_running_loop().time()
        others = await names(messages, 3)
        took = asyncio.get_running_loop().time() - begin

    assert first["about"] == {
        "pod": "relay-0",
        "version": "1.2.3",
        "schema": 1,
        "kafka": "localhost:9092",
        "settings": {"RELAY_LOG__LEVEL": ["info", True]},
        "looks_back_s": 900,
        "step_s": 2,
        "started_at": BEGIN,
    }
    assert others == ["look"] * 3
    assert took == pytest.approx(3)


async def test_a_page_that_comes_later_is_told_the_points_and_events_of_before(stand: Stand) -> None:
    stand.status("early")
    await asyncio.sleep(10.5)

    async with stand.console.page() as messages:
        name, content = message(await anext(messages))

    assert name == "everything"
    assert [point[0] - BEGIN for point in content["points"]] == pytest.approx([2, 4, 6, 8, 10])
    assert [event["sms_id"] for event in content["events"]] == ["early"]


async def test_each_event_and_each_point_is_told_once(stand: Stand) -> None:
    async with stand.console.page() as messages:
        await told(messages)
        stand.status("first")
        seen = [await told(messages), await told(messages)]
        stand.status("second")
        seen += [await told(messages), await told(messages)]

    assert [[event["sms_id"] for event in each["events"]] for each in seen] == [["first"], [], ["second"], []]
    assert [[point[0] - BEGIN for point in each["points"]] for each in seen] == [[], [2], [], [4]]


async def test_a_page_that_takes_them_too_slowly_is_told_everything_again(stand: Stand) -> None:
    async with stand.console.page() as messages:
        await told(messages)
        stand.status("missed")
        await asyncio.sleep(4.5)

        name, content = message(await anext(messages))
        after = await names(messages, 2)

    assert name == "everything"
    assert [event["sms_id"] for event in content["events"]] == ["missed"]
    assert len(content["points"]) == 2
    assert after == ["look", "look"]


async def test_what_is_counted_shows_in_figures_bars_and_points(stand: Stand) -> None:
    async with stand.console.page() as messages:
        await told(messages)
        for _ in range(8):
            stand.webhook()
            stand.observer.items_settled("default", "published", 1)
        stand.webhook("refused", "unknown_token")
        stand.webhook("deferred", "overloaded")
        await told(messages)
        now = await told(messages)

    point = dict(zip(("at", "accepted", "deferred", "refused", "published"), now["points"][0], strict=False))
    assert point == {"at": BEGIN + 2, "accepted": 4, "deferred": 0.5, "refused": 0.5, "published": 4}
    assert now["figures"]["webhooks_per_s"] == 5
    assert now["figures"]["items_per_s"] == 4
    assert now["figures"]["answer_p50_ms"] == 2
    assert now["figures"]["in_flight"] == 0
    assert now["counted"]["webhooks"]["in_window"] == {"accepted": 8, "refused": 1, "deferred": 1}
    assert now["counted"]["refusals"]["since_start"] == {"unknown_token": 1, "overloaded": 1}


async def test_the_pods_state_shows_with_the_next_look(stand: Stand) -> None:
    async with stand.console.page() as messages:
        before = await told(messages)
        stand.present.in_touch = False
        stand.present.breaker_state = 2
        stand.present.oldest_unacknowledged_s = 1.2345
        stand.present.records_in_flight = 7
        after = await told(messages)

    assert (before["level"], before["kafka"]["breaker"], before["kafka"]["in_touch"]) == ("ok", "closed", True)
    assert after["level"] == "failed"
    assert after["kafka"]["breaker"] == "open"
    assert (after["kafka"]["in_touch"], after["kafka"]["records_in_flight"]) == (False, 7)
    assert after["kafka"]["oldest_unacknowledged_s"] == pytest.approx(1.234, abs=0.001)


async def test_why_it_is_not_ready_is_said(stand: Stand) -> None:
    async with stand.console.page() as messages:
        await told(messages)
        stand.present.readiness = Readiness(Reason.TOPIC_MISSING, "Topic t does not exist.")
        now = await told(messages)

    assert now["findings"][0]["says"] == "Not ready: Topic t does not exist."


async def test_a_503_is_spoken_of_for_a_quarter_of_a_minute_and_gravely_until_one_is_accepted(stand: Stand) -> None:
    levels = []
    await asyncio.sleep(3)
    async with stand.console.page() as messages:
        await told(messages)
        stand.webhook()
        stand.webhook("deferred", "acknowledgement_timeout")
        levels += [(await told(messages))["level"] for _ in range(3)]
        for _ in range(30):
            stand.webhook()
            levels.append((await told(messages))["level"])

    assert "failed" in levels[:3]
    assert levels[6:10] == ["warning"] * 4
    assert levels[-5:] == ["ok"] * 5


async def test_a_refusal_is_spoken_of_for_a_minute(stand: Stand) -> None:
    stand.webhook("refused", "unknown_token")
    async with stand.console.page() as messages:
        levels = [(await told(messages))["level"] for _ in range(80)]

    assert set(levels[1:58]) == {"warning"}
    assert set(levels[66:]) == {"ok"}


async def test_a_loop_that_was_held_up_is_spoken_of_for_a_while(stand: Stand) -> None:
    stand.console.lagged(0.5)
    async with stand.console.page() as messages:
        await told(messages)
        soon = await told(messages)
        await asyncio.sleep(20)
        stand.console.lagged(0.001)
        await told(messages)
        later = await told(messages)

    assert soon["findings"][0]["says"] == "The event loop was held up for 0.5 s."
    assert later["level"] == "ok"


async def test_a_look_that_fails_ends_neither_the_console_nor_its_pages(stand: Stand) -> None:
    async with stand.console.page() as messages:
        await told(messages)
        sound = stand.present.breaker_state
        stand.present.breaker_state = 99
        await asyncio.sleep(2.5)
        stand.present.breaker_state = sound
        await told(messages)
        now = await told(messages)

    assert now["level"] == "ok"


async def test_pages_end_when_the_console_closes_and_later_ones_end_at_once(stand: Stand) -> None:
    async with stand.console.page() as messages:
        await told(messages)
        rest = asyncio.create_task(names(messages, 1))
        await asyncio.sleep(0)

        stand.console.close()
        stand.console.close()

        with pytest.raises((StopAsyncIteration, RuntimeError)):
            await rest
    async with stand.console.page() as later:
        assert [each async for each in later] == []


async def test_so_many_pages_may_be_open_and_a_closed_one_makes_room(stand: Stand) -> None:
    async with AsyncExitStack() as all_but_one:
        for _ in range(MOST_PAGES - 1):
            await all_but_one.enter_async_context(stand.console.page())
        full_before = stand.console.full
        async with stand.console.page():
            full = stand.console.full
        full_after = stand.console.full

    assert (full_before, full, full_after) == (False, True, False)


async def test_every_page_is_told_the_same(stand: Stand) -> None:
    async with stand.console.page() as one, stand.console.page() as other:
        stand.status("zzzzz")

        same = [await anext(one) == await anext(other) for _ in range(4)]

    assert same == [True] * 4


async def test_counts_of_before_the_last_quarter_of_an_hour_are_of_the_start_only(stand: Stand) -> None:
    stand.observer.dead_lettered("default", "invalid_json", "")
    await asyncio.sleep(600)
    async with stand.console.page() as messages:
        within = await told(messages)
    await asyncio.sleep(400)
    async with stand.console.page() as messages:
        after = await told(messages)

    assert within["counted"]["dead_letters"] == {"since_start": {"invalid_json": 1}, "in_window": {"invalid_json": 1}}
    assert after["counted"]["dead_letters"] == {"since_start": {"invalid_json": 1}, "in_window": {}}
    assert (within["level"], after["level"]) == ("warning", "ok")
    assert len(after["points"]) == 450
