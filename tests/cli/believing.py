"""A relay for the tests of `relay webhooks rotate`: it believes what a followed file says at that moment, over TCP."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from relay.http.paths import WebhookPaths
from relay.reasons import MEANING, Reason
from relay.sofy.authenticity import Authenticator, Claim, Credentials
from tests.simulator.receiver import Received, Receiver, Reply, answer

PATHS = WebhookPaths("")


@dataclass
class Believing:
    """What it believes, and what it was asked."""

    credentials: Callable[[], Credentials]
    before: Callable[["Believing"], Reply | None] = lambda _: None
    """Answers in its place, where it gives a reply."""
    asked: list[Received] = field(default_factory=list)

    def __call__(self, request: Received) -> Reply:
        """Answer as the relay does; a request without a body is a GET."""
        self.asked.append(request)
        instead = self.before(self)
        if instead is not None:
            return instead
        place = PATHS.find(request.path.encode())
        if place is None:
            return refused(Reason.UNKNOWN_PATH)
        if not request.body:
            return answer(204)
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        judge = Authenticator({"default": self.credentials()})
        authentic = judge.authenticate(Claim(place.account, place.token, headers), request.body, datetime.now(UTC))
        if isinstance(authentic, Reason):
            return refused(authentic)
        if not judge.expects(authentic.account, json.loads(request.body)["webhookId"]):
            return refused(Reason.UNEXPECTED_WEBHOOK_ID)
        return answer(200, b'{"accepted":0,"duplicates":0,"dead_lettered":0}')


def refused(reason: Reason) -> Reply:
    return answer(MEANING[reason].status or 0, json.dumps({"error": reason}).encode())


@asynccontextmanager
async def believing(relay: Believing) -> AsyncIterator[str]:
    """Give the address of its webhook, without a token."""
    async with Receiver(relay) as server:
        yield f"http://127.0.0.1:{server.port}/webhooks/sofy"
