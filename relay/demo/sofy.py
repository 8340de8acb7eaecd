"""A small Sofy: posts webhooks when they are due, over real HTTP, and replays what was not answered 2xx.

It takes nothing on trust: a webhook counts as acknowledged when a 2xx came back within Sofy's 4 s, else it
is posted again, with a growing pause, ten times.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

import httpx

from relay.demo.ledger import Books
from relay.demo.lives import V2_ACCOUNT, Webhook
from relay.sofy.authenticity import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

ANSWER_WITHIN_S: Final = 4.0
"""Sofy's own limit."""
REPLAYS: Final = 10
CONNECTIONS: Final = 32
"""Posts at the same time, each on a connection that is kept."""
_SUCCESS, _REDIRECTION = HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES
_MOST_OUTSTANDING: Final = 1000
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Door:
    """Where the relay takes webhooks, and how Sofy proves itself there."""

    url: str
    """Of v2's webhooks, without a slash at the end; v1's add the token."""
    secret: str
    """Signs v2's webhooks."""
    token: str
    """Is v1's path."""

    def request(self, webhook: Webhook, timestamp: int) -> tuple[str, dict[str, str]]:
        """Give URL and headers for one attempt at `timestamp` (Unix seconds)."""
        headers = {"content-type": "application/json", "user-agent": "sofy-relay-demo"}
        if webhook.account != V2_ACCOUNT:
            return f"{self.url}/{self.token}", headers
        text = str(timestamp)
        signature = sign(self.secret.encode(), text.encode(), webhook.body).hex()
        return self.url, headers | {TIMESTAMP_HEADER: text, SIGNATURE_HEADER: signature}


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one post of a webhook ended."""

    items: int
    status: int | None
    """None: no answer, or not within the limit."""
    seconds: float
    duplicates: int = 0
    """As the relay's answer says; for the eye only, the ledger counts itself."""
    dead_lettered: int = 0

    @property
    def acknowledged(self) -> bool:
        """Whether Sofy takes it as delivered."""
        return self.status is not None and _SUCCESS <= self.status < _REDIRECTION


class Watcher(Protocol):
    """Who is told how each attempt ended."""

    def attempted(self, attempt: Attempt) -> None:
        """An attempt has ended. Must not block."""


def client() -> httpx.AsyncClient:
    """Give an HTTP client with connections that are kept; no proxy, whatever the environment says."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    return httpx.AsyncClient(limits=limits, timeout=ANSWER_WITHIN_S, trust_env=False)


class SmallSofy:
    """Posts the webhooks of `lives`. `send` once, then `finish`, within one event loop."""

    def __init__(  # noqa: PLR0913 - what it posts, where, and whom it tells
        self,
        lives: Iterator[Webhook],
        door: Door,
        http: httpx.AsyncClient,
        *,
        books: Books,
        watcher: Watcher,
        clock: Callable[[], float],
        unix_time: Callable[[], float],
    ) -> None:
        """Take the parts: `clock` (never goes back) measures answers, `unix_time` goes into v2's signatures."""
        self._lives = lives
        self._door = door
        self._http = http
        self._books = books
        self._watcher = watcher
        self._clock = clock
        self._unix_time = unix_time
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._outstanding: set[asyncio.Task[None]] = set()

    @property
    def outstanding(self) -> int:
        """How many webhooks wait for a 2xx, their replays included."""
        return len(self._outstanding)

    async def send(self, stop: asyncio.Event) -> None:
        """Post each webhook when it is due, until `stop` is set."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        stopping = asyncio.ensure_future(stop.wait())
        try:
            for webhook in self._lives:
                wait_s = webhook.due - (loop.time() - start)
                if wait_s > 0:
                    await asyncio.wait({stopping}, timeout=wait_s)
                while len(self._outstanding) >= _MOST_OUTSTANDING and not stop.is_set():
                    await asyncio.wait({stopping, *self._outstanding}, return_when=asyncio.FIRST_COMPLETED)
                if stop.is_set():
                    return
                task = asyncio.create_task(self._deliver(webhook))
                self._outstanding.add(task)
                task.add_done_callback(self._outstanding.discard)
        finally:
            stopping.cancel()

    async def finish(self, limit_s: float) -> None:
        """Wait for what is outstanding, replays included, at most `limit_s`; give up the rest."""
        left = set(self._outstanding)
        if left:
            _, left = await asyncio.wait(left, timeout=limit_s)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    async def _deliver(self, webhook: Webhook) -> None:
        pause_s = _FIRST_PAUSE_S
        for _ in range(1 + REPLAYS):
            async with self._slots:
                attempt = await self._post(webhook)
            self._watcher.attempted(attempt)
            if attempt.acknowledged:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _post(self, webhook: Webhook) -> Attempt:
        url, headers = self._door.request(webhook, int(self._unix_time()))
        self._books.posted(webhook.facts)
        start = self._clock()
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await self._http.post(url, content=webhook.body, headers=headers)
        except (httpx.HTTPError, TimeoutError):
            return Attempt(len(webhook.facts), None, self._clock() - start)
        duplicates, dead_lettered = _counts(answer.content)
        attempt = Attempt(
            len(webhook.facts),
            answer.status_code,
            self._clock() - start,
            duplicates=duplicates,
            dead_lettered=dead_lettered,
        )
        if attempt.acknowledged:
            self._books.acknowledged(webhook.facts)
        return attempt


def _counts(content: bytes) -> tuple[int, int]:
    try:
        counts = json.loads(content)
        return int(counts["duplicates"]), int(counts["dead_lettered"])
    except (ValueError, TypeError, KeyError):
        return 0, 0
