"""What happens in the relay shows on the page, and nothing personal with it."""

import asyncio
import json
import re

import pytest

from relay.settings.environment import KNOWN
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.choice import Kafka
from tests.page.conftest import OpenPages, with_page
from tests.page.load import Load
from tests.page.open_page import OpenPage, address
from tests.page.planted import NOBODYS_STORE, PLANTED, SECRETS

pytestmark = [pytest.mark.page, pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

FIGURES = ("webhooks_per_s", "answer_p50_ms", "answer_p99_ms", "acknowledgement_p99_ms", "items_per_s", "duplicates")
SAYS_LAST = re.compile(r"last: .*[0-9]")


async def test_figures_show_what_comes(busy: Load, pages: OpenPages) -> None:
    page = await pages(address(busy.relay.admin_port))

    for figure in FIGURES:
        await page.until(page.number, figure, holds=lambda number: number > 0)


@pytest.mark.parametrize("curves", ["rates", "latencies"])
async def test_curves_move_and_tell_their_last_values(busy: Load, pages: OpenPages, curves: str) -> None:
    page = await pages(address(busy.relay.admin_port))
    said = await page.until(
        page.attribute, f"#{curves}", "aria-label", holds=lambda it: SAYS_LAST.search(it) is not None
    )
    drawn = await page.ink(curves)

    await page.until(page.attribute, f"#{curves}", "aria-label", holds=lambda it: it != said)
    await page.until(page.ink, curves, holds=lambda it: it != drawn)

    assert drawn.pixels > 0


@pytest.mark.parametrize(
    ("bars", "names"),
    [("webhooks", {"accepted"}), ("statuses", {"sent", "delivered"}), ("duplicates", {"window"})],
)
async def test_bars_count_by_name_and_grow(busy: Load, pages: OpenPages, bars: str, names: set[str]) -> None:
    page = await pages(address(busy.relay.admin_port))

    before = await page.until(page.bars, bars, holds=lambda found: names <= found.keys())
    after = await page.until(page.bars, bars, holds=lambda found: all(found[name] > before[name] for name in names))

    assert all(after[name] >= count for name, count in before.items())


async def test_a_refusal_shows_by_reason_and_in_the_verdict(mortal: RelayProcess, pages: OpenPages) -> None:
    page = await pages(address(mortal.admin_port))
    await page.live()

    for path in ("/webhooks/sofy/guessed", "/webhooks/sofy/guessed-too", "/elsewhere"):
        await mortal.post(b"{}", path)

    await page.until(page.bars, "refusals", holds={"unknown_token": 2, "unknown_path": 1}.__eq__)
    assert await page.level() == "warning"
    assert await page.text("#says") == (
        "3 webhooks refused in the last minute, most often for unknown_token, and none was accepted."
    )


async def test_a_dead_letter_shows_by_reason_as_an_event_and_in_the_verdict(
    mortal: RelayProcess, pages: OpenPages
) -> None:
    page = await pages(address(mortal.admin_port))
    await page.live()

    answer = await mortal.post(b"not json")

    assert answer.status_code == 200
    await page.until(page.bars, "dead_letters", holds={"invalid_json": 1}.__eq__)
    assert await page.rows() == [("dead letter", "–")]
    assert await page.level() == "warning"
    assert "1 dead letter in the last 15 minutes" in await page.text("#says")


async def test_live_events_are_those_of_the_stream_the_newest_first(busy: Load, pages: OpenPages) -> None:
    page = await pages(address(busy.relay.admin_port))

    async def both() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        return page.events()[::-1][:60], await page.rows()

    wanted, rows = await page.until(both, holds=lambda found: len(found[0]) == 60 and found[0] == found[1])

    assert rows == wanted


async def test_kafka_and_breaker_are_told(busy: Load, pages: OpenPages) -> None:
    page = await pages(address(busy.relay.admin_port))
    topic = busy.relay.environment["RELAY_TOPICS__STATUS"]

    facts = await page.until(page.facts, "kafka", holds=bool)
    before = int((await page.facts("topics"))[topic].replace(",", ""))

    assert (facts["Brokers"], facts["Breaker"]) == ("answer", "closed")
    assert facts["Bootstrap servers"] == busy.relay.environment["RELAY_KAFKA__BOOTSTRAP_SERVERS"]
    await page.until(page.facts, "topics", holds=lambda it: int(it[topic].replace(",", "")) > before)


async def test_it_says_that_it_shows_this_pod_only(idle: RelayProcess, pages: OpenPages) -> None:
    page = await pages(address(idle.admin_port))
    await page.live()

    assert "This pod only" in await page.text("header")


async def test_without_a_webhook_the_verdict_says_so_and_what_to_do(idle: RelayProcess, pages: OpenPages) -> None:
    page = await pages(address(idle.admin_port))

    await page.until(page.level, holds="ok".__eq__)

    assert "no webhook has come" in await page.text("#says")
    assert "relay webhooks register" in await page.text("#to-do")


async def test_settings_in_force_are_told_and_secrets_are_stars(
    kafka: Kafka, topic_names: dict[str, str], pages: OpenPages
) -> None:
    async with with_page(kafka.bootstrap_servers, topic_names, **PLANTED, **NOBODYS_STORE) as relay:
        page = await pages(address(relay.admin_port))
        await page.live()
        await page.page.locator("#settings-details summary").click()

        values = await page.settings()
        shown = await page.shown() + "".join(page.messages)

    assert values["RELAY_HTTP__PORT"] == str(relay.webhook_port)
    assert values["RELAY_ADMIN__CONSOLE"] == "true"
    assert values["RELAY_LOG__LEVEL"] == "info  (default)"
    assert {values[name] for name in PLANTED} == {"********"}
    assert "127.0.0.1:9/0" in values["RELAY_DUPLICATES__STORE"]
    assert values.keys() == KNOWN.keys()
    assert [secret for secret in SECRETS if secret in shown] == []


async def test_no_number_text_or_secret_stands_on_the_page_or_in_its_stream(busy: Load, pages: OpenPages) -> None:
    page = await pages(address(busy.relay.admin_port))
    await page.until(page.events_shown, holds=lambda count: count >= 60)
    await page.page.locator("#settings-details summary").click()

    for _ in range(10):
        shown = await page.shown() + "".join(page.messages)

        assert [secret for secret in SECRETS if secret in shown] == []
        assert [number for number in busy.sent.numbers if number in shown] == []
        assert [text for text in busy.sent.texts if text in shown] == []
        await asyncio.sleep(0.3)
    masked = [event["recipient"] for message in page.messages for event in json.loads(message)["events"]]
    assert {recipient for recipient in masked if recipient.startswith("+33*") and len(recipient) == 12}
    assert len(busy.sent.numbers) > 100


async def test_a_page_that_is_looked_at_complains_of_nothing(busy: Load, pages: OpenPages) -> None:
    page: OpenPage = await pages(address(busy.relay.admin_port))
    await page.until(page.events_shown, holds=lambda count: count > 0)
    for button in ("#theme", "#theme", "#pause", "#pause", "#settings-details summary"):
        await page.page.locator(button).click()
    await page.page.locator("#rates").hover()
    heard = len(page.messages)

    await page.until(page.heard, holds=lambda count: count > heard + 2)

    assert page.complaints == []
