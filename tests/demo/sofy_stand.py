"""A relay that answers as told, for the small Sofy to post to; and what Sofy then reports."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import httpx

from relay.demo.facts import Fact
from relay.demo.ledger import Books, Ledger
from relay.demo.lives import V2_ACCOUNT, Webhook
from relay.demo.sofy import Attempt, Door, SmallSofy

SECRET = "a-secret-of-this-test"
TOKEN = "a-token-of-this-test"
NOW = 1_700_000_000

Answer = Callable[[httpx.Request], httpx.Response]


def webhook(number: int = 1, *, account: str = V2_ACCOUNT) -> Webhook:
    """A webhook that is due at once and holds one fact."""
    return Webhook(0.0, account, b'{"number":%d}' % number, (Fact(bytes([number])),))


def accepted(_request: httpx.Request) -> httpx.Response:
    """The relay's answer to what is durable."""
    return httpx.Response(200, json={"accepted": 1, "duplicates": 0, "dead_lettered": 0})


@dataclass
class Stand:
    """Runs a small Sofy against a list of answers; the last one is given for ever."""

    answers: Sequence[Answer] = (accepted,)
    requests: list[httpx.Request] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    books: Books = field(default_factory=Books)

    def attempted(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    async def run(self, *webhooks: Webhook, limit_s: float = 10.0) -> Ledger:
        """Post all of `webhooks`, wait `limit_s` at most for what is outstanding, and settle."""
        async with httpx.AsyncClient(transport=httpx.MockTransport(self._answer)) as http:
            sofy = SmallSofy(
                self._lives(webhooks),
                Door("http://relay.test/webhooks/sofy", secret=SECRET, token=TOKEN),
                http,
                books=self.books,
                watcher=self,
                clock=asyncio.get_running_loop().time,
                unix_time=lambda: NOW,
            )
            await sofy.send(asyncio.Event())
            await sofy.finish(limit_s)
            assert sofy.outstanding == 0
        return self.books.settle()

    def _lives(self, webhooks: Sequence[Webhook]) -> Iterator[Webhook]:
        yield from webhooks

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answers[min(len(self.requests), len(self.answers)) - 1](request)
