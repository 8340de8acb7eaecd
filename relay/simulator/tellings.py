"""What a registration is told of a life, and in which order, faults included: pure, drawn from one `Random`."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from relay.simulator.faults import Fault, Faults
from relay.simulator.lives import Life
from relay.simulator.payloads import (
    Item,
    Webhook,
    choose_broken,
    choose_damage,
    damaged_webhook,
    items_of,
    status_webhook,
)
from relay.simulator.registrations import Registration

_COPY_AFTER_S: Final = (0.1, 3.0)
_WITHIN_SHARE: Final = 0.25
"""How often a duplicate is an item that stands twice in one webhook."""
_ABANDON_WITHIN_S: Final = (0.001, 0.05)
_PROXY_ANSWERS: Final = (502, 503, 504)


@dataclass(frozen=True, slots=True)
class Telling:
    """What is to be posted, `after_s` seconds after the send, once what stands before it was tried."""

    after_s: float
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Disguise:
    """A fault of one attempt: what Sofy sees instead of the receiver's answer."""

    fault: Fault
    within_s: float | None = None
    """`timeout`: the request is given up after so many seconds."""
    status: int | None = None
    """`5xx`: the status of the proxy in between."""


class Teller:
    """Turns lives into webhooks. The same `rng` state and the same calls give the same webhooks."""

    def __init__(self, faults: Faults, rng: random.Random, new_id: Callable[[], str], *, scale: float = 1.0) -> None:
        """Take what goes wrong, the source of chance, who makes envelope ids, and what delays are multiplied by."""
        self._faults = faults
        self._rng = rng
        self._new_id = new_id
        self._scale = scale

    def plan(self, life: Life) -> list[Telling]:
        """Give all that one registration is to be told of a life, in order of telling."""
        told = [Telling(change.after_s, items_of(life, change)) for change in life.changes]
        if len(told) > 1 and self._faults.strikes(Fault.REORDER):
            *before, overtaken, final = told
            told = [*before, final, Telling(final.after_s, overtaken.items)]
        return told

    def webhooks(self, registration: Registration, telling: Telling) -> tuple[Webhook, list[tuple[float, Webhook]]]:
        """Give the webhook that tells it, and what comes beside it: each so many seconds after it is due."""
        broken, beside = None, []
        if self._faults.strikes(Fault.MALFORMED):
            if self._even_chance():
                broken = choose_broken(self._rng, telling.items[0])
            else:
                damage = choose_damage(self._rng)
                beside.append((0.0, damaged_webhook(registration, self._new_id(), telling.items, damage)))
        envelope_id, items = self._new_id(), telling.items
        copied = self._faults.strikes(Fault.DUPLICATE)
        if copied and self._rng.random() < _WITHIN_SHARE:
            copied, items = False, (*items, items[0])
        webhook = status_webhook(registration, envelope_id, items, broken=broken)
        if copied:
            beside.append((self._copy_delay(), self._copy(webhook, envelope_id, telling, broken)))
        return webhook, beside

    def disguise(self) -> Disguise | None:
        """Give what goes wrong with a first attempt; None: nothing."""
        if self._faults.strikes(Fault.TIMEOUT):
            return Disguise(Fault.TIMEOUT, within_s=self._rng.uniform(*_ABANDON_WITHIN_S))
        if self._faults.strikes(Fault.SERVER_ERROR):
            return Disguise(Fault.SERVER_ERROR, status=self._rng.choice(_PROXY_ANSWERS))
        return None

    def _copy_delay(self) -> float:
        """Give 0 for a copy in parallel, as often as not."""
        return 0.0 if self._even_chance() else self._rng.uniform(*_COPY_AFTER_S) * self._scale

    def _copy(self, webhook: Webhook, envelope_id: str, telling: Telling, broken: object) -> Webhook:
        """Give the same webhook again, as often under another envelope id as under its own."""
        if self._even_chance():
            envelope_id = self._new_id()
        return status_webhook(webhook.registration, envelope_id, telling.items, broken=broken)

    def _even_chance(self) -> bool:
        return self._rng.choice((True, False))
