"""An observer that remembers everything."""

import asyncio

from relay.simulator.attempts import Attempt, End
from relay.simulator.lives import Life
from relay.simulator.payloads import Webhook


class Memory:
    """What the engine told, in its order."""

    def __init__(self) -> None:
        self.lives: list[Life] = []
        self.webhooks: list[Webhook] = []
        self.attempts: list[Attempt] = []
        self.ends: list[tuple[Webhook, End]] = []
        self.started = 0
        self.begun = asyncio.Event()
        """Set when the first attempt is about to be posted."""

    def born(self, life: Life) -> None:
        self.lives.append(life)

    def made(self, webhook: Webhook) -> None:
        self.webhooks.append(webhook)

    def starts(self, webhook: Webhook, number: int) -> None:
        del webhook, number
        self.started += 1
        self.begun.set()

    def attempted(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def settled(self, webhook: Webhook, end: End) -> None:
        self.ends.append((webhook, end))
