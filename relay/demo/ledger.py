"""The ledger: what Sofy was told is safe, against what stands on the topics. Pure.

It believes two witnesses only: the answers that came back over HTTP, and the records that were read from
Kafka. The relay's counters are not asked.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from relay.demo.facts import Fact


@dataclass(frozen=True, slots=True)
class Ledger:
    """The account of one run; `balanced` for every run whatsoever."""

    sent: int
    """Items posted, each attempt counted; an unreadable body is one item."""
    received: int
    """Items answered 2xx."""
    published: int
    """Distinct facts on the status topic."""
    duplicates: int
    """Items answered 2xx beyond the first of their fact."""
    dead_lettered: int
    """Distinct facts on the dead-letter topic."""
    lost: int
    """Distinct facts that were answered 2xx and are on no topic. Must be 0."""
    unpromised: int
    """Distinct facts on a topic that were never answered 2xx: harmless, Sofy would have replayed them."""
    repeated_records: int
    """Records beyond the first of their fact: harmless, consumers drop them by `event_id`."""
    foreign_records: int
    """Records that none of the posted items explains."""

    @property
    def balanced(self) -> bool:
        """Whether every item has its place."""
        return self.received + self.unpromised == self.published + self.duplicates + self.dead_lettered + self.lost


class Books:
    """Collects both sides of the ledger while a run goes on. Within one thread."""

    def __init__(self) -> None:
        self._sent = 0
        self._received = 0
        self._acknowledgements: dict[Fact, int] = {}
        """Of every fact that was ever posted: in how many items it was answered 2xx."""
        self._statuses: Counter[Fact] = Counter()
        self._letters: Counter[Fact] = Counter()
        self._unreadable_records = 0

    def posted(self, facts: Iterable[Fact]) -> None:
        """A webhook that holds `facts` is about to be posted: a first attempt or a replay."""
        for fact in facts:
            self._sent += 1
            self._acknowledgements.setdefault(fact, 0)

    def acknowledged(self, facts: Iterable[Fact]) -> None:
        """A posted webhook that holds `facts` was answered 2xx: each of them must be durable."""
        for fact in facts:
            self._received += 1
            self._acknowledgements[fact] += 1

    def on_status_topic(self, fact: Fact) -> None:
        """A record of the status topic states `fact`."""
        self._statuses[fact] += 1

    def on_dead_letter_topic(self, fact: Fact) -> None:
        """A record of the dead-letter topic holds `fact`."""
        self._letters[fact] += 1

    def unreadable_record(self) -> None:
        """A record on one of the topics could not be read as what belongs there."""
        self._unreadable_records += 1

    @property
    def missing(self) -> int:
        """How many facts are answered 2xx and not yet seen on a topic. Costs a look at every fact."""
        return sum(
            1
            for fact, times in self._acknowledgements.items()
            if times and fact not in self._statuses and fact not in self._letters
        )

    def settle(self) -> Ledger:
        """Give the ledger of what has been collected so far; final once the topics are read to their end."""
        own = self._acknowledgements
        records = self._statuses.total() + self._letters.total() + self._unreadable_records
        own_records = sum(
            times for found in (self._statuses, self._letters) for fact, times in found.items() if fact in own
        )
        published = sum(fact in own for fact in self._statuses)
        dead_lettered = sum(fact in own for fact in self._letters if fact not in self._statuses)
        acknowledged = sum(times > 0 for times in own.values())
        lost = self.missing
        return Ledger(
            sent=self._sent,
            received=self._received,
            published=published,
            duplicates=self._received - acknowledged,
            dead_lettered=dead_lettered,
            lost=lost,
            unpromised=published + dead_lettered - (acknowledged - lost),
            repeated_records=own_records - published - dead_lettered,
            foreign_records=records - own_records,
        )
