"""A webhook that no key fits is judged once more if the keys change in a moment.

Sofy makes the secret of a v2 registration and may sign with it before the relay has read it: its first webhooks come
in the milliseconds between Sofy's answer to the registration and the file that the relay follows. Refused, they would
come again, for such is Sofy's promise; a rotation that refuses nothing holds them for this moment.
"""

import asyncio
from typing import Final, Protocol

from relay.pipeline import Claim, DeliveryHandler, Outcome, RawDelivery, Refused
from relay.reasons import Reason

HOLD_S: Final = 1.0
"""How long a webhook is held at most: Sofy's answer, the file's replacement and two looks at it fit well."""
MOST_HELD: Final = 256
"""How many are held at once; those beyond are refused at once. A second of more than any Sofy posts."""
MOST_HELD_BYTES: Final = 4 * 1024 * 1024
"""How large their bodies may be together, so that nobody fills the memory with bad signatures."""

_MAY_CHANGE: Final = frozenset({Reason.INVALID_SIGNATURE, Reason.UNEXPECTED_WEBHOOK_ID})
"""What a new registration's webhooks are refused for while its secret or its id is not known yet."""


class Changes(Protocol):
    """Who knows when credentials change: `relay.rotation.Rotation`."""

    async def webhooks_change(self, until: float) -> bool:
        """Wait until webhooks are judged by other credentials than now; False: not by `until`, the loop's time."""


class SecondLook:
    """A `DeliveryHandler` before another one; within one event loop. What is authentic passes as if it were not there.

    Only for a relay that follows files of webhook credentials: without, nothing could change.
    """

    def __init__(
        self,
        handler: DeliveryHandler,
        changes: Changes,
        *,
        hold_s: float = HOLD_S,
        most_held: int = MOST_HELD,
        most_held_bytes: int = MOST_HELD_BYTES,
    ) -> None:
        """Take who judges, who tells of changes, and the bounds."""
        self._handler = handler
        self._changes = changes
        self._hold_s = hold_s
        self._most_held = most_held
        self._most_held_bytes = most_held_bytes
        self._held = 0
        self._held_bytes = 0

    def screen(self, claim: Claim, *, behind: int = 0) -> Refused | None:
        """Judge what can be judged without the body; see `DeliveryHandler`. Nothing is held here."""
        return self._handler.screen(claim, behind=behind)

    async def process(self, delivery: RawDelivery) -> Outcome:
        """Take one delivery to its outcome; see `DeliveryHandler`."""
        outcome = await self._handler.process(delivery)
        return await self._hold(delivery, outcome) if _may_change(outcome) else outcome

    async def _hold(self, delivery: RawDelivery, outcome: Outcome) -> Outcome:
        """Judge again by each change of the credentials, within the bounds; give the last outcome."""
        size = len(delivery.body)
        if self._held >= self._most_held or self._held_bytes + size > self._most_held_bytes:
            return outcome
        now = asyncio.get_running_loop().time()
        # Half of what is left stays for Kafka, should it be believed after all.
        until = now + min(self._hold_s, (delivery.deadline - now) / 2)
        self._held += 1
        self._held_bytes += size
        try:
            while _may_change(outcome) and await self._changes.webhooks_change(until):
                outcome = await self._handler.process(delivery)
        finally:
            self._held -= 1
            self._held_bytes -= size
        return outcome


def _may_change(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.reason in _MAY_CHANGE
