"""The simulator's own ledger: what it sent, and what became of it. Pure counting."""

from collections import Counter
from dataclasses import dataclass

from relay.simulator.attempts import Attempt, End
from relay.simulator.lives import Life
from relay.simulator.payloads import Webhook


@dataclass(frozen=True, slots=True)
class Ledger:
    """The account of a run: `webhooks` = `acknowledged` + `discarded` + `abandoned` + what is outstanding."""

    sms: int
    """SMS sent, invented ones and those of the REST."""
    webhooks: int
    """Webhooks made, one for each status, registration, and copy that a fault asked for; replays are none."""
    acknowledged: int
    """Of these, answered 2xx within the limit."""
    replays: int
    """Attempts beyond the first of a webhook."""
    discarded: int
    """Given up for good after the tenth replay failed."""
    abandoned: int
    """Neither: the simulator was stopped, or the registration deleted, before."""


class Bookkeeper:
    """Keeps the ledger as an `Observer`; its memory does not grow."""

    def __init__(self) -> None:
        self._sms = self._webhooks = self._replays = 0
        self._ends: Counter[End] = Counter()

    def born(self, life: Life) -> None:
        """Count its SMS."""
        self._sms += len(life.sms)

    def made(self, webhook: Webhook) -> None:
        """Count it."""
        del webhook
        self._webhooks += 1

    def starts(self, webhook: Webhook, number: int) -> None:
        """Count a replay."""
        del webhook
        self._replays += number > 0

    def attempted(self, attempt: Attempt) -> None:
        """Nothing to count."""

    def settled(self, webhook: Webhook, end: End) -> None:
        """Count its end."""
        del webhook
        self._ends[end] += 1

    def ledger(self) -> Ledger:
        """Give the ledger so far."""
        return Ledger(
            sms=self._sms,
            webhooks=self._webhooks,
            acknowledged=self._ends[End.ACKNOWLEDGED],
            replays=self._replays,
            discarded=self._ends[End.DISCARDED],
            abandoned=self._ends[End.ABANDONED],
        )
