"""A simulated Sofy with faults that posts to one relay."""

import asyncio
import math
import time
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from relay.simulator.attempts import Observers
from relay.simulator.courses import Version
from relay.simulator.faults import Fault
from relay.simulator.ledger import Bookkeeper
from relay.simulator.lives import Life
from relay.simulator.poster import Poster
from relay.simulator.registrations import Registration
from relay.simulator.schedule import ReplaySchedule
from relay.simulator.sofy import Sofy, Ways
from tests.end_to_end.relay_process import SECRET, TOKEN, RelayProcess

_FAULTS = {
    Fault.DUPLICATE: 0.08,
    Fault.REORDER: 0.05,
    Fault.SERVER_ERROR: 0.02,
    Fault.TIMEOUT: 0.01,
    Fault.MALFORMED: 0.0005,
}
_WAVE_S = 40.0
_A_NUMBER = 10
"""Digits from which on a recipient is a person's number and no stub of one."""


class Personal(Bookkeeper):
    """Keeps, beside the ledger, what is personal in the SMS that were sent."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: set[str] = set()
        self.texts: set[str] = set()

    def born(self, life: Life) -> None:
        """Keep its numbers and texts."""
        super().born(life)
        self.numbers |= {sms.recipient for sms in life.sms if len(sms.recipient) >= _A_NUMBER}
        self.texts |= {sms.body for sms in life.sms}


class Load:
    """Posts to one relay until the context is left. Its rate swings around `per_second` SMS; each makes 2 webhooks."""

    def __init__(self, relay: RelayProcess, *, per_second: float = 30.0) -> None:
        """Take a running relay."""
        self.relay = relay
        self.sent = Personal()
        self._rate = per_second
        self._stack = AsyncExitStack()
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        poster = await self._stack.enter_async_context(Poster())
        ways = Ways(seed=7, time_scale=0.2, schedule=ReplaySchedule(scale=0.1), faults=_FAULTS)
        sofy = Sofy(poster, Observers([self.sent]), ways, clock=time.time)
        port = self.relay.webhook_port
        for version, path, secret in ((Version.V1, TOKEN, None), (Version.V2, "accounts/signed", SECRET)):
            url = f"http://127.0.0.1:{port}/webhooks/sofy/{path}"
            sofy.registrations.add(Registration(sofy.new_id(), version.value, version, url, sofy.now(), secret))
        await self._stack.enter_async_context(sofy.running())
        self._sending = asyncio.create_task(self._send(sofy))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})
        await self._stack.aclose()

    async def _send(self, sofy: Sofy) -> None:
        began = time.monotonic()
        while True:
            sofy.invent()
            swing = 1 + 0.6 * math.sin(math.tau * (time.monotonic() - began) / _WAVE_S)
            await asyncio.sleep(1 / (self._rate * swing))
