"""A publisher and an observer that a test steers and reads."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from relay.events.record import Record
from relay.events.status_event import StatusEvent
from relay.pipeline import DuplicateKind, Result
from relay.publishing.port import NotPublishedError, Settled
from relay.reasons import Reason


class SteeredPublisher:
    """Acknowledges at once unless told otherwise; keeps what it was given, and what it acknowledged."""

    def __init__(self) -> None:
        self.unavailable: Reason | None = None
        self.room = 1_000_000
        """For how many webhooks there is room."""
        self.holding = False
        """While true, acknowledgements wait for `release`."""
        self.refusals: dict[bytes, Reason] = {}
        """Values (by a part of them) that fail, with the reason."""
        self.refuse_at_hand_over = False
        self.fault: Exception | None = None
        """What `publish` raises, a fault of its own."""
        self.arrived = asyncio.Event()
        """Set once anything was handed over."""
        self.handed_over: list[Record] = []
        self.acknowledged: list[Record] = []
        self._held: list[tuple[Record, Settled]] = []

    def full_behind(self, webhooks: int) -> bool:
        return webhooks >= self.room

    def publish(self, records: Sequence[tuple[Record, Settled]]) -> None:
        if self.fault is not None:
            raise self.fault
        reasons = [self._reason(record) for record, _ in records]
        refusal = next(filter(None, reasons), None)
        if self.refuse_at_hand_over and refusal is not None:
            raise NotPublishedError(refusal)
        for (record, settled), reason in zip(records, reasons, strict=True):
            self.handed_over.append(record)
            if self.holding and reason is None:
                self._held.append((record, settled))
            else:
                asyncio.get_running_loop().call_soon(self._settle, record, settled, reason)
        self.arrived.set()

    def _reason(self, record: Record) -> Reason | None:
        return next((reason for part, reason in self.refusals.items() if part in record.value), None)

    @property
    def held_bytes(self) -> int:
        """How large the values of those whose acknowledgements are held are together."""
        return sum(len(record.value) for record, _ in self._held)

    def release(self, failure: Reason | None = None) -> None:
        """Let all held acknowledgements come, or fail."""
        held, self._held = self._held, []
        for record, settled in held:
            self._settle(record, settled, failure)

    def _settle(self, record: Record, settled: Settled, failure: Reason | None) -> None:
        if failure is None:
            self.acknowledged.append(record)
        settled(failure)


class Ledger:
    """An observer that counts."""

    def __init__(self) -> None:
        self.received = 0
        self.results: Counter[Result] = Counter()
        self.duplicates: Counter[DuplicateKind] = Counter()
        self.dead_letters: Counter[Reason] = Counter()
        self.statuses: Counter[str] = Counter()
        self.unreadable: Counter[str] = Counter()
        self.late = 0

    @property
    def balances(self) -> bool:
        """Whether every received item has exactly one result."""
        return self.received == self.results.total()

    def items_received(self, account: str, count: int) -> None:
        assert account
        self.received += count

    def items_settled(self, account: str, result: Result, count: int) -> None:
        assert account
        self.results[result] += count

    def duplicate(self, account: str, kind: DuplicateKind) -> None:
        assert account
        self.duplicates[kind] += 1

    def dead_lettered(self, account: str, reason: Reason, detail: str) -> None:
        assert account
        assert detail
        self.dead_letters[reason] += 1

    def statuses_published(self, account: str, events: Sequence[StatusEvent]) -> None:
        assert account
        self.statuses.update(event.status for event in events)

    def field_unreadable(self, field: str) -> None:
        self.unreadable[field] += 1

    def acknowledged_late(self) -> None:
        self.late += 1
