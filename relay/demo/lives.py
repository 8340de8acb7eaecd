"""SMS lives: what happens to invented SMS, and when Sofy's webhooks tell of it. Pure and seeded.

Minutes and days are pressed into seconds; the order of things is not: an SMS is sent, or refused at once,
and ends in exactly one final status. The mishaps that a receiver must live with come along: replays (some
under another envelope id), a final status that overtakes `sent`, batches, an item twice in one of them, a
word that no table holds, a broken item, an unreadable body.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Final

from relay.demo.facts import Fact
from relay.demo.payloads import Inventor, Item, Payload, Sms

V2_ACCOUNT: Final = "default"
"""Its webhooks are signed, as Sofy's v2 does."""
V1_ACCOUNT: Final = "boutique"
"""Its webhooks carry a token in the path and no signature, as Sofy's v1 does."""

ITEMS_PER_SMS: Final = 2.1
"""Items that one SMS comes to, replays included: from the tables below; a test compares."""

_V1_SHARE: Final = 0.2
_OVERTAKEN_SHARE: Final = 0.03
_BATCH_SHARE: Final = 0.02
_BATCH_SIZES: Final = (3, 10)
_REPEATED_ITEM_SHARE: Final = 0.25
_OTHER_ENVELOPE_SHARE: Final = 0.34
# By number, not by chance: even a short and slow run shows each.
_REPLAY_EVERY, _REPLAY_FIRST = 20, 4
_MISHAP_EVERY, _UNREADABLE_FIRST, _BROKEN_FIRST = 200, 8, 108
_TRANSPORT_S: Final = (0.02, 0.12)
_REPLAY_AFTER_S: Final = (0.4, 3.0)


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook to post."""

    due: float
    """Seconds since the start of the run."""
    account: str
    body: bytes
    facts: tuple[Fact, ...]
    """One for each item."""


@dataclass(frozen=True, slots=True)
class _Step:
    """The SMS comes into this status, so many seconds (from, to) after it came into the one before."""

    status: str
    reason: str
    after_s: tuple[float, float]


_SENT: Final = _Step("sent", "", (0.1, 0.6))


def _errored(reason: str, *after_s: float) -> _Step:
    low, high = after_s
    return _Step("errored", reason, (low, high))


# Weights are per mille, near what a sender with clean lists sees; rare ones are made frequent enough to be seen.
_COURSES: Final = (
    (780, (_SENT, _Step("delivered", "DELIVRD", (0.3, 3.0)))),
    (20, (_SENT, _Step("delivered", "", (0.3, 3.0)))),
    (40, (_SENT, _errored("EXPIRED", 5.0, 8.0))),
    (40, (_SENT, _errored("UNDELIV", 1.0, 4.0))),
    (20, (_SENT, _errored("REJECTD", 0.2, 1.0))),
    (10, (_SENT, _errored("DELETED", 2.0, 5.0))),
    (8, (_SENT, _errored("UNKNOWN", 2.0, 5.0))),
    (6, (_SENT, _errored("ACCEPTD", 2.0, 5.0))),
    (6, (_SENT, _errored("ENROUTE", 2.0, 5.0))),
    (30, (_errored("invalid_phone_number", 0.05, 0.2),)),
    (14, (_errored("insufficient_balance", 0.05, 0.2),)),
    (6, (_errored("", 0.05, 0.2),)),
    (5, (_SENT, _Step("undelivered", "", (1.0, 4.0)))),
    (5, (_Step("rejected", "", (0.05, 0.2)),)),
    (10, (_SENT, _Step("buffered", "", (0.2, 0.8)), _Step("delivered", "DELIVRD", (1.0, 4.0)))),
)
_STEPS: Final = tuple(steps for _, steps in _COURSES)
_WEIGHTS: Final = tuple(weight for weight, _ in _COURSES)


class Lives:
    """The webhooks of ever new SMS, endlessly; iterating a second time goes on where the first stopped."""

    def __init__(self, *, seed: int, rate: float, epoch: datetime) -> None:
        """Take what decides everything.

        Args:
            seed: The same seed gives the same lives.
            rate: Items a second, on the average, replays included.
            epoch: Aware, UTC; the moment that the provider's times count from (`due` 0).
        """
        self._rng = random.Random(seed)  # noqa: S311 - a story, not a secret
        self._inventor = Inventor(self._rng)
        self._epoch = epoch
        self._gap = ITEMS_PER_SMS / rate
        self._births = count(1)
        self._tellings = count(1)
        self._born = 0.0
        self._queue: list[tuple[float, int, Webhook]] = []

    def __iter__(self) -> Iterator[Webhook]:
        return self

    def __next__(self) -> Webhook:
        """Give the webhook that is due next."""
        # Whatever is born later is due later, so what is due before the next birth is complete.
        while not self._queue or self._queue[0][0] > self._born:
            self._bear()
        return heappop(self._queue)[2]

    def _bear(self) -> None:
        """Let one SMS be sent, or the several of a batch."""
        size = self._rng.randint(*_BATCH_SIZES) if self._rng.random() < _BATCH_SHARE else 1
        account = V1_ACCOUNT if self._rng.random() < _V1_SHARE else V2_ACCOUNT
        steps = self._rng.choices(_STEPS, _WEIGHTS)[0]
        sms = [self._sms(account, steps) for _ in range(size)]
        told = self._tell_steps(sms, steps)
        if steps[0] is _SENT and self._rng.random() < _OVERTAKEN_SHARE:
            told[0] = (told[-1][0] + self._rng.uniform(*_TRANSPORT_S), told[0][1])
        number = next(self._births)
        due, items = told.pop(0)
        self._post(due, self._first(number, account, items))
        for due, items in told:
            self._post(due, Payload(account, self._inventor.id(), items))
        self._born += self._gap * size * self._rng.uniform(0.5, 1.5)

    def _sms(self, account: str, steps: tuple[_Step, ...]) -> Sms:
        valid_number = steps[-1].reason != "invalid_phone_number"
        return self._inventor.sms(account, self._moment(self._born), valid_number=valid_number)

    def _tell_steps(self, sms: list[Sms], steps: tuple[_Step, ...]) -> list[tuple[float, tuple[Item, ...]]]:
        """Give when each step is told, and its items: one for each SMS."""
        told, at = [], self._born
        for step in steps:
            at += self._rng.uniform(*step.after_s)
            items = [each.item(step.status, step.reason, self._moment(at)) for each in sms]
            if len(items) > 1 and self._rng.random() < _REPEATED_ITEM_SHARE:
                items.append(items[0])
            told.append((at + self._rng.uniform(*_TRANSPORT_S), tuple(items)))
        return told

    def _first(self, number: int, account: str, items: tuple[Item, ...]) -> Payload:
        """Give the first webhook of the `number`th birth, which a mishap may befall."""
        payload = Payload(account, self._inventor.id(), items)
        match number % _MISHAP_EVERY:
            case number if number == _UNREADABLE_FIRST:
                return Payload(account, payload.envelope_id, items, self._inventor.damage())
            case number if number == _BROKEN_FIRST:
                return Payload(account, payload.envelope_id, (*items, self._inventor.broken(items[0])))
        return payload

    def _post(self, due: float, payload: Payload) -> None:
        self._queue_up(due, payload)
        if next(self._tellings) % _REPLAY_EVERY != _REPLAY_FIRST:
            return
        if self._rng.random() < _OTHER_ENVELOPE_SHARE and payload.damage is None:
            payload = payload.under(self._inventor.id())
        self._queue_up(due + self._rng.uniform(*_REPLAY_AFTER_S), payload)

    def _queue_up(self, due: float, payload: Payload) -> None:
        webhook = Webhook(due, payload.account, payload.body(), payload.facts())
        heappush(self._queue, (due, self._rng.getrandbits(32), webhook))

    def _moment(self, at: float) -> datetime:
        return self._epoch + timedelta(seconds=at)
