"""The page without a mouse, on a phone, and for those whom motion disturbs."""

import pytest

from tests.end_to_end.relay_process import RelayProcess
from tests.page.conftest import OpenPages
from tests.page.load import Load
from tests.page.open_page import LOOKS, Look, OpenPage, address

pytestmark = [pytest.mark.page, pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

FOCUSED = """() => {
  const it = document.activeElement, style = getComputedStyle(it), box = it.getBoundingClientRect();
  const visible = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const inside = box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
  const name = it.id || it.getAttribute("href") || it.getAttribute("aria-label") || it.tagName.toLowerCase();
  return [name, visible && inside];
}"""
WAY = ["#main", "theme", "pause", "live-scroll", "summary"]
"""Where Tab leads, in this order, before the footer's links."""
LINKS = ["metrics", "readyz", "version", "asyncapi.json"]


async def tabbed(page: OpenPage) -> tuple[str, bool]:
    """Press Tab; give what then has the focus, and whether one sees it."""
    await page.page.keyboard.press("Tab")
    name, seen = await page.page.evaluate(FOCUSED)
    return name, seen


async def test_tab_leads_to_all_that_can_be_used_and_the_focus_is_seen(busy: Load, pages: OpenPages) -> None:
    page = await pages(address(busy.relay.admin_port))
    await page.until(page.events_shown, holds=lambda count: count > 0)

    stops = [await tabbed(page) for _ in range(len(WAY) + len(LINKS))]

    assert stops == [(name, True) for name in WAY + LINKS]


async def test_open_settings_can_be_reached_and_scrolled(idle: RelayProcess, pages: OpenPages) -> None:
    page = await pages(address(idle.admin_port))
    await page.live()
    for _ in WAY:
        await tabbed(page)

    await page.page.keyboard.press("Enter")
    stop, seen = await tabbed(page)
    await page.page.keyboard.press("End")

    assert (stop, seen) == ("Settings in force", True)
    await page.until(page.page.evaluate, "document.activeElement.scrollTop", holds=lambda top: top > 0)


async def test_the_first_link_skips_to_what_is_shown(idle: RelayProcess, pages: OpenPages) -> None:
    page = await pages(address(idle.admin_port))
    await page.live()

    await tabbed(page)
    await page.page.keyboard.press("Enter")

    assert await page.page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("key", ["Enter", "Space"])
async def test_the_buttons_and_the_settings_obey_enter_and_space(
    idle: RelayProcess, pages: OpenPages, key: str
) -> None:
    page = await pages(address(idle.admin_port))
    await page.live()

    for name in WAY:
        assert (await tabbed(page))[0] == name
        if name in {"theme", "pause", "summary"}:
            await page.page.keyboard.press(key)

    assert await page.attribute("html", "data-theme") == "dark"
    assert await page.text("#theme") == "Light"
    assert await page.attribute("#pause", "aria-pressed") == "true"
    assert await page.page.locator("#settings tr").first.is_visible()


async def test_light_and_dark_follow_the_system_until_somebody_chooses(idle: RelayProcess, pages: OpenPages) -> None:
    page = await pages(address(idle.admin_port), Look(scheme="dark"))
    await page.live()
    before = await page.background()

    await page.page.locator("#theme").click()

    after = await page.background()
    assert sum(before) < 3 * 60
    assert sum(after) > 3 * 200


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
async def test_the_page_never_scrolls_sideways(busy: Load, pages: OpenPages, look: Look) -> None:
    page = await pages(address(busy.relay.admin_port), look)
    await page.until(page.events_shown, holds=lambda count: count > 0)

    await page.page.locator("#settings-details summary").click()

    assert await page.page.evaluate("document.documentElement.scrollWidth") <= look.width


async def test_a_window_made_narrow_has_its_curves_redrawn_to_fit(busy: Load, pages: OpenPages) -> None:
    page = await pages(address(busy.relay.admin_port))
    await page.live()

    await page.page.set_viewport_size({"width": 390, "height": 844})

    width = "document.querySelector('#rates canvas').clientWidth"
    await page.until(page.page.evaluate, width, holds=lambda found: 200 < found < 390)
    assert await page.page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_nothing_moves_for_whom_motion_disturbs(busy: Load, pages: OpenPages) -> None:
    moving, still = [
        await pages(address(busy.relay.admin_port), Look(motion=motion)) for motion in ("no-preference", "reduce")
    ]

    for page in (moving, still):
        await page.until(page.events_shown, holds=lambda count: count > 0)

    assert await moving.page.evaluate("document.getAnimations().length") > 0
    assert await still.page.evaluate("document.getAnimations().length") == 0
