"""The page asks nobody but its pod for anything, and a browser runs nothing in it but what it came with."""

import pytest

from tests.end_to_end.relay_process import RelayProcess
from tests.page.conftest import OpenPages
from tests.page.load import Load
from tests.page.open_page import address

pytestmark = [pytest.mark.page, pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

INJECTED = """() => {
  const script = document.createElement("script");
  script.textContent = "window.injected = true";
  document.body.append(script);
  return window.injected === true;
}"""


async def test_it_asks_for_itself_and_its_stream_and_for_nothing_else(busy: Load, pages: OpenPages) -> None:
    page = await pages(address(busy.relay.admin_port))
    await page.until(page.events_shown, holds=lambda count: count > 0)
    await page.page.locator("#settings-details summary").click()
    heard = len(page.messages)
    await page.until(page.heard, holds=lambda count: count > heard + 2)

    origin = address(busy.relay.admin_port).rstrip("/")
    assert page.paths() == {(origin, "/"), (origin, "/console/events")}
    assert len([request for request in page.requests if request.endswith("/console/events")]) == 1


async def test_a_script_that_is_put_into_it_does_not_run(idle: RelayProcess, pages: OpenPages) -> None:
    page = await pages(address(idle.admin_port))
    await page.live()

    ran = await page.page.evaluate(INJECTED)

    assert ran is False
    assert any("Content Security Policy" in complaint for complaint in page.complaints)


FORBIDDEN = {
    "a text as a script": """
        setTimeout("window.injected = true");
        await new Promise((done) => setTimeout(done, 200));
        if (!window.injected) throw new Error("it did not run");""",
    "another origin": "await fetch('http://127.0.0.1:9/')",
    "a handler": """
        const box = document.createElement("div");
        box.innerHTML = '<img src="x" onerror="window.injected = true">';
        document.body.append(box);
        await new Promise((done) => setTimeout(done, 200));
        if (!window.injected) throw new Error("it did not run");""",
    "a style": """
        const box = document.createElement("div");
        box.innerHTML = '<p style="position: fixed">injected</p>';
        document.body.append(box);
        if (getComputedStyle(box.firstChild).position !== "fixed") throw new Error("it was not styled");""",
}


@pytest.mark.parametrize("does", FORBIDDEN.values(), ids=FORBIDDEN)
async def test_what_the_policy_forbids_fails(idle: RelayProcess, pages: OpenPages, does: str) -> None:
    page = await pages(address(idle.admin_port))
    await page.live()

    failed = await page.page.evaluate(f"async () => {{ try {{ {does}; return false; }} catch {{ return true; }} }}")

    assert failed
    assert any("Content Security Policy" in complaint for complaint in page.complaints)
