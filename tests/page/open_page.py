"""The console page as a person sees it in a browser, and what the browser did for it."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.async_api import Page

Value = TypeVar("Value")

PICTURES = Path(__file__).parents[2] / "build/page"
"""Where the pictures go; git does not see it."""
PATIENCE_S = 20.0
"""For what must happen at all; asserted promises have limits of their own."""

_SHOWN = """() => {
  const copy = document.documentElement.cloneNode(true);
  copy.querySelectorAll("script, style").forEach((each) => each.remove());
  return copy.outerHTML;
}"""
_INK = """(id) => {
  const canvas = document.querySelector(`#${id} canvas`);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let ink = 0, hash = 0;
  for (let place = 0; place < data.length; place += 4) {
    ink += data[place + 3] > 0;
    hash = (hash * 31 + data[place] + data[place + 1] + data[place + 2] + data[place + 3]) | 0;
  }
  return [ink, hash];
}"""
_AXE = """async () => {
  const { violations } = await axe.run(document);
  return violations.map((each) => `${each.id}: ${each.help}: ${each.nodes.map((node) => node.html).join(" ")}`);
}"""


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks at the page; the default is a desk in daylight."""

    width: int = 1360
    height: int = 900
    scheme: Literal["light", "dark"] = "light"
    motion: Literal["no-preference", "reduce"] = "no-preference"

    @property
    def name(self) -> str:
        return f"{'wide' if self.width > self.height else 'narrow'}-{self.scheme}"


@dataclass(frozen=True, slots=True)
class Ink:
    """What is drawn on a canvas."""

    pixels: int
    hash: int


PHONE = Look(390, 844)
LOOKS = (Look(), Look(scheme="dark"), PHONE, Look(390, 844, "dark"))


class OpenPage:
    """One page. All within the session's event loop."""

    def __init__(self, page: "Page") -> None:
        """Take a new, empty page."""
        self.page = page
        self.complaints: list[str] = []
        """Errors and warnings on the console, and what no script caught."""
        self.requests: list[str] = []
        """The addresses that it asked for."""
        self.messages: list[str] = []
        """What came by server-sent events, to the letter."""
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    async def go(self, address: str) -> None:
        """Open the address, and wait until the document is there (not until something came)."""
        listening = await self.page.context.new_cdp_session(self.page)
        listening.on("Network.eventSourceMessageReceived", lambda event: self.messages.append(event["data"]))
        await listening.send("Network.enable")
        await self.page.goto(address, wait_until="domcontentloaded")

    async def live(self) -> None:
        """Wait until it shows what the pod says now."""
        await self.until(self.attribute, "#link", "data-state", holds="live".__eq__)

    async def attribute(self, selector: str, name: str) -> str:
        found: str = await self.page.locator(selector).get_attribute(name) or ""
        return found

    async def text(self, selector: str) -> str:
        found: str = await self.page.locator(selector).inner_text()
        return found

    async def number(self, figure: str) -> float:
        """Give what stands at a figure; 0 where nothing does."""
        shown = await self.text(f"[data-figure={figure}]")
        return float(shown.replace(",", "")) if re.search("[0-9]", shown) else 0.0

    async def bars(self, name: str) -> dict[str, int]:
        """Give a list of bars: count by name."""
        found: list[list[str]] = await self.page.locator(f"#{name} li[data-name]").evaluate_all(
            "all => all.map((each) => [each.dataset.name, each.querySelector('b').textContent])"
        )
        return {name: int(count.replace(",", "")) for name, count in found}

    async def level(self) -> str:
        return await self.attribute("#verdict", "data-level")

    async def shown(self) -> str:
        """Give all that the page holds beside its scripts and styles: texts, titles, labels."""
        found: str = await self.page.evaluate(_SHOWN)
        return found

    async def rows(self) -> list[tuple[str, str]]:
        """Give status and SMS id of the live events, the newest first."""
        found: list[list[str]] = await self.page.locator("#live tr").evaluate_all(
            "all => all.map((each) => [each.cells[1].textContent, each.cells[2].textContent])"
        )
        return [(status, sms_id) for status, sms_id in found]

    def events(self) -> list[tuple[str, str]]:
        """Give status and SMS id of all events that came so far, the oldest first."""
        return [
            (event["what"], event["sms_id"] or "–")
            for message in self.messages
            for event in json.loads(message)["events"]
        ]

    async def facts(self, name: str) -> dict[str, str]:
        """Give a list of facts by their names."""
        found: dict[str, str] = await self.page.locator(f"#{name}").evaluate(
            "it => Object.fromEntries([...it.querySelectorAll('dt')]"
            ".map((each) => [each.textContent, each.nextElementSibling.textContent]))"
        )
        return found

    async def settings(self) -> dict[str, str]:
        """Give the settings as they are shown."""
        found: dict[str, str] = await self.page.locator("#settings").evaluate(
            "it => Object.fromEntries([...it.rows].map((each) => [...each.cells].map((cell) => cell.textContent)))"
        )
        return found

    async def events_shown(self) -> int:
        return len(await self.rows())

    async def points(self) -> int:
        """Give how many points of the curves came so far."""
        return sum(len(json.loads(message)["points"]) for message in self.messages)

    async def background(self) -> tuple[int, ...]:
        """Give the page's colour: red, green, blue."""
        colour: str = await self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return tuple(map(int, re.findall("[0-9]+", colour)))

    async def heard(self) -> int:
        """Give how many messages came so far."""
        return len(self.messages)

    async def ink(self, curves: str) -> Ink:
        """Give what is drawn of the curves."""
        return Ink(*await self.page.evaluate(_INK, curves))

    async def violations(self, axe: str) -> list[str]:
        """Let axe-core look, with all rules that it has for everybody, best practices among them."""
        await self.page.evaluate(f"() => {{ {axe} }}")
        found: list[str] = await self.page.evaluate(_AXE)
        return found

    async def picture(self, name: str) -> None:
        """Take a picture of the whole page."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    async def until(
        self,
        ask: Callable[..., Awaitable[Value]],
        *of: str,
        holds: Callable[[Value], bool],
        within_s: float = PATIENCE_S,
    ) -> Value:
        """Ask until it holds; give what then is."""
        end = time.monotonic() + within_s
        while not holds(found := await ask(*of)):
            assert time.monotonic() < end, f"still {found!r} after {within_s} s"
            await asyncio.sleep(0.05)
        return found

    def paths(self) -> set[tuple[str, str]]:
        """Give origin and path of all that it asked for, but what stands in the address itself (`data:`)."""
        found = [urlsplit(address) for address in self.requests]
        return {(f"{each.scheme}://{each.netloc}", each.path) for each in found if each.scheme != "data"}


def address(admin_port: int) -> str:
    """Give where the page of a relay is."""
    return f"http://127.0.0.1:{admin_port}/"
