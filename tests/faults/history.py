"""What was posted and answered while something went wrong, and whether Kafka bears it out."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tests.kafka.reader import StoredRecord
from tests.sofy.payloads import body, item

ANSWER_WITHIN_S = 3.5
_FIRST_STATUS = datetime(2025, 1, 1, tzinfo=UTC)


class Fact(NamedTuple):
    """One status of one SMS."""

    sms: str
    number: int
    """Of this SMS's statuses, from 0: they are posted in this order, each after the answer to the one before."""

    @property
    def occurred_at(self) -> str:
        return f"{(_FIRST_STATUS + timedelta(milliseconds=self.number)).isoformat(timespec='milliseconds')[:-6]}Z"

    @property
    def webhook(self) -> bytes:
        return body(item(id=self.sms, status="sent", statusReason="", updatedAt=self.occurred_at))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One webhook and its answer."""

    fact: Fact
    at: float
    """When it was posted, by `time.monotonic`."""
    seconds: float
    status: int
    error: str
    """The answer's reason; empty with a 200."""


class History:
    """Attempts, in the order of their answers."""

    def __init__(self, attempts: Iterable[Attempt] = ()) -> None:
        self.attempts = list(attempts)

    def since(self, moment: float, until: float = float("inf")) -> list[Attempt]:
        """Give what was posted from one moment to another and is answered, in the answers' order."""
        return [attempt for attempt in self.attempts if moment <= attempt.at < until]

    def tally(self, moment: float = 0.0, until: float = float("inf")) -> dict[str, int]:
        """Count the answers by their reason, `200` for the good ones."""
        return dict(Counter(attempt.error or str(attempt.status) for attempt in self.since(moment, until)))

    @property
    def acknowledged(self) -> set[Fact]:
        """What was answered 200."""
        return {attempt.fact for attempt in self.attempts if attempt.status == 200}

    @property
    def refused(self) -> list[Fact]:
        """What was not, in order: Sofy would replay it."""
        good = self.acknowledged
        return list(dict.fromkeys(attempt.fact for attempt in self.attempts if attempt.fact not in good))

    @property
    def longest_s(self) -> float:
        """How long the slowest answer took."""
        return max(attempt.seconds for attempt in self.attempts)

    def refused_for_s(self, since: float, until: float = float("inf")) -> float:
        """Give the time from the first refusal to the last, of what was posted from one moment to another."""
        moments = [attempt.at + attempt.seconds for attempt in self.since(since, until) if attempt.status != 200]
        return max(moments) - min(moments) if moments else 0.0

    def last_refused_s(self, since: float) -> float:
        """Give how long after a moment the last refusal was of what was posted from then on; 0: there was none."""
        return max((a.at + a.seconds - since for a in self.since(since) if a.status != 200), default=0.0)


@dataclass(frozen=True)
class Ledger:
    """What Kafka holds, against what was answered."""

    missing: set[Fact]
    """Answered 200 and not there."""
    invented: set[Fact]
    """There, and never posted."""
    disordered: list[Fact]
    """Answered 200 at the first post, and there only behind a later status of the same SMS."""
    duplicates: int
    """How many records more than facts."""
    retried: set[Fact]
    """There more than once though its only webhook was answered 200: the client itself sent it again."""
    ids_per_fact: int
    """How many `event_id`s the fact with the most has: 1."""


def balance(history: History, stored: Sequence[StoredRecord]) -> Ledger:
    """Compare a topic, read to its end, with the answers."""
    ids: defaultdict[Fact, set[str]] = defaultdict(set)
    firsts: dict[Fact, int] = {}
    numbers = {fact.occurred_at: fact.number for fact in {attempt.fact for attempt in history.attempts}}
    copies: Counter[Fact] = Counter()
    for place, record in enumerate(stored):
        event = json.loads(record.value or b"")
        fact = Fact(event["sms_id"], numbers.get(event["occurred_at"], -1))
        ids[fact].add(event["event_id"])
        copies[fact] += 1
        firsts.setdefault(fact, place)
    posted = Counter(attempt.fact for attempt in history.attempts)
    return Ledger(
        missing=history.acknowledged - ids.keys(),
        invented=set(ids.keys() - posted.keys()),
        disordered=_disordered(history, firsts),
        duplicates=len(stored) - len(ids),
        retried={fact for fact, count in copies.items() if count > 1 and posted[fact] == 1},
        ids_per_fact=max((len(found) for found in ids.values()), default=1),
    )


def _disordered(history: History, firsts: dict[Fact, int]) -> list[Fact]:
    """One SMS is one partition, and a topic is read partition by partition: places grow with its offsets."""
    first_answers = {attempt.fact: attempt.status for attempt in reversed(history.attempts)}
    furthest: dict[str, int] = {}
    found = []
    for fact in sorted(fact for fact, status in first_answers.items() if status == 200 and fact in firsts):
        if firsts[fact] < furthest.get(fact.sms, -1):
            found.append(fact)
        furthest[fact.sms] = max(firsts[fact], furthest.get(fact.sms, -1))
    return found


def assert_kept(history: History, stored: Sequence[StoredRecord], *, within_s: float = ANSWER_WITHIN_S) -> Ledger:
    """Hold the relay to what it always promises: nothing acknowledged lost, nothing invented, order, time.

    Gives the ledger, for what else a fault promises.
    """
    ledger = balance(history, stored)
    assert not ledger.missing
    assert not ledger.invented
    assert not ledger.disordered
    assert ledger.ids_per_fact == 1
    assert {attempt.status for attempt in history.attempts} <= {200, 503}
    assert history.longest_s <= within_s
    return ledger
