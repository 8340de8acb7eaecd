"""The one place where the steps stand in order: a raw delivery in, an outcome out.

authenticate > read > normalise > identify > duplicates > publish
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple, Protocol

from relay import privacy as private
from relay.duplicates.in_flight import InFlight
from relay.duplicates.port import DuplicateWindow
from relay.events.record import Destination, Record
from relay.events.records import dead_letter_record
from relay.events.status_event import StatusEvent
from relay.fact_records import record_of
from relay.publishing.outstanding import Outstanding
from relay.publishing.port import NotPublishedError, Publisher
from relay.reasons import Reason
from relay.sofy import reading as sofy
from relay.sofy.authenticity import Authenticator, AuthenticDelivery, Claim
from relay.sofy.reading import Fact, OtherFact, Read, Reading, StatusFact

__all__ = [
    "Accepted",
    "Claim",
    "DeliveryHandler",
    "DuplicateKind",
    "Outcome",
    "Pipeline",
    "PipelineObserver",
    "RawDelivery",
    "Refused",
    "Result",
]

CHUNK: Final = 500
"""How many records of one webhook are made and handed to the producer before their acknowledgements are awaited."""
CHUNK_BYTES: Final = 8 * 1024 * 1024
"""How large their values may be together, but for the last one's.

All records of a webhook may be many times as large as its body: each repeats what the envelope holds beside the data.
"""


class Result(StrEnum):
    """What became of one item: the `result` label of `sofy_relay_events_total`."""

    PUBLISHED = "published"
    DUPLICATE = "duplicate"
    DEAD_LETTERED = "dead_lettered"
    OTHER = "other"
    DEFERRED = "deferred"


class DuplicateKind(StrEnum):
    """Where a duplicate's first copy was: the `kind` label of `sofy_relay_duplicates_total`."""

    IN_WEBHOOK = "in_webhook"
    IN_FLIGHT = "in_flight"
    WINDOW = "window"


_RESULT: Final = {
    Destination.STATUS: Result.PUBLISHED,
    Destination.OTHER: Result.OTHER,
    Destination.DEAD_LETTER: Result.DEAD_LETTERED,
}


class RawDelivery(NamedTuple):
    """A webhook body as received; who sent it is not yet proven."""

    claim: Claim
    body: bytes
    received_at: datetime
    """Aware, UTC."""
    deadline: float
    """The running loop's `time()` by which the outcome must be known."""
    traceparent: str | None


class Accepted(NamedTuple):
    """Every item is durable: answer 200 with these three counts; they add up to the items."""

    account: str
    accepted: int
    duplicates: int
    dead_lettered: int


class Refused(NamedTuple):
    """Nothing is promised: the reason's `relay.reasons.MEANING` says which answer that is."""

    reason: Reason
    account: str = ""
    """The account, where it was authenticated; else empty."""


Outcome = Accepted | Refused


class DeliveryHandler(Protocol):
    """What the HTTP side asks of the pipeline."""

    def screen(self, claim: Claim, *, behind: int = 0) -> Refused | None:
        """Judge what can be judged without the body: None, or the refusal.

        Token, Basic password, and whether a signature is present where one is needed; then
        draining, Kafka known to be away, and admission. Never blocks.

        `behind` is how many were let pass that are still to be processed before this one: admission reckons with them.
        """

    async def process(self, delivery: RawDelivery) -> Outcome:
        """Authenticate, read, normalise, identify, drop duplicates, publish; give the outcome.

        Returns by `delivery.deadline`, whatever Kafka does; never raises for any input.
        """


class PipelineObserver(Protocol):
    """What the pipeline reports; `relay.observability` implements it. Calls must not block."""

    def items_received(self, account: str, count: int) -> None:
        """`count` items of an authenticated webhook were read (an unreadable body is one)."""

    def items_settled(self, account: str, result: Result, count: int) -> None:
        """So many items of a webhook had this result: each received item has exactly one."""

    def duplicate(self, account: str, kind: DuplicateKind) -> None:
        """An item was a duplicate (beside its result)."""

    def dead_lettered(self, account: str, reason: Reason, detail: str) -> None:
        """A dead letter is durable. `detail` holds no personal data."""

    def statuses_published(self, account: str, events: Sequence[StatusEvent]) -> None:
        """Status events of a webhook are durable.

        Their `recipient` is as it came, whatever the privacy modes: it must not be shown but masked.
        """

    def field_unreadable(self, field: str) -> None:
        """A field was present but unreadable; `field` is one of `relay.sofy.payload.FIELDS`."""

    def acknowledged_late(self) -> None:
        """A record was acknowledged after its webhook had been answered 503."""


@dataclass(slots=True)
class _Entry:
    """One item on its way through the pipeline."""

    record: Record
    event: StatusEvent | None = None
    reason: Reason | None = None
    """Why it is a dead letter."""
    detail: str = ""
    result: Result | None = None
    """Known once it is settled; an item that is not durable stays None."""
    failure: Reason | None = None
    """Why it is not known to be durable; one whose webhook no longer waits for it has a failure too."""


class _Tally:
    """What became of a webhook's items so far."""

    __slots__ = ("_counts", "account", "failure", "left")

    def __init__(self, account: str, items: int) -> None:
        self.account = account
        self.left = items
        """Items that have no result yet."""
        self.failure: Reason | None = None
        """Why some are not durable."""
        self._counts: dict[Result, int] = {}

    def add(self, result: Result, count: int) -> None:
        self._counts[result] = self._counts.get(result, 0) + count
        self.left -= count

    @property
    def outcome(self) -> Outcome:
        """What the webhook is answered."""
        if self.failure is Reason.RECORD_TOO_LARGE:
            # Even its stub was too large: no dead letter came of it, so it is no reason for a 200.
            return Refused(Reason.RECORD_REFUSED, self.account)
        if self.failure is not None:
            return Refused(self.failure, self.account)
        duplicates, dead_lettered = self._counts.get(Result.DUPLICATE, 0), self._counts.get(Result.DEAD_LETTERED, 0)
        accepted = sum(self._counts.values()) - duplicates - dead_lettered
        return Accepted(self.account, accepted, duplicates, dead_lettered)


class Pipeline:
    """Takes deliveries to Kafka. One a process; every call within the event loop's thread."""

    def __init__(  # noqa: PLR0913 - the parts of the path, in its order
        self,
        *,
        authenticator: Authenticator,
        e164: Callable[[str], str],
        privacy: private.Privacy,
        window: DuplicateWindow,
        publisher: Publisher,
        observer: PipelineObserver,
        read: Read = sofy.read,
    ) -> None:
        """Take the parts, within the running loop; nothing is started."""
        self._loop = asyncio.get_running_loop()
        self._authenticator = authenticator
        self._e164 = e164
        self._privacy = privacy
        self._window = window
        self._in_flight = InFlight(window)
        self._publisher = publisher
        self._observer = observer
        self._read = read
        self._draining = False

    def trust(self, authenticator: Authenticator) -> None:
        """Judge deliveries by another authenticator from now on."""
        self._authenticator = authenticator

    @property
    def draining(self) -> bool:
        """Whether new deliveries are refused for good."""
        return self._draining

    def drain(self) -> None:
        """Refuse new deliveries from now on; those on their way go on."""
        self._draining = True

    def screen(self, claim: Claim, *, behind: int = 0) -> Refused | None:
        """Judge what can be judged without the body; see `DeliveryHandler`."""
        account = self._authenticator.screen(claim)
        if isinstance(account, Reason):
            return Refused(account)
        if self._draining:
            return Refused(Reason.DRAINING)
        unavailable = self._publisher.unavailable
        if unavailable is None and behind and self._publisher.full_behind(behind):
            unavailable = Reason.OVERLOADED
        return None if unavailable is None else Refused(unavailable)

    async def process(self, delivery: RawDelivery) -> Outcome:
        """Take one delivery to its outcome; see `DeliveryHandler`."""
        authentic = self._authenticator.authenticate(delivery.claim, delivery.body, delivery.received_at)
        if isinstance(authentic, Reason):
            return Refused(authentic)
        # Asked again: while this body was read, others may have been admitted.
        unavailable = self._publisher.unavailable
        if unavailable is not None:
            return Refused(unavailable, authentic.account)
        reading = self._read(authentic, expects=self._authenticator.expects, e164=self._e164)
        if isinstance(reading, Reason):
            return Refused(reading, authentic.account)
        self._report(authentic.account, reading)
        outstanding = Outstanding(self._loop, delivery.deadline)
        tally = _Tally(authentic.account, len(reading.facts))
        try:
            for entries in self._chunks(reading.facts, authentic, delivery.traceparent):
                await self._publish(entries, authentic, outstanding, tally)
                if tally.failure is not None:
                    break
                if tally.left:
                    # Duplicates wait for nothing: without this, all of a large webhook's were one turn of the loop.
                    await asyncio.sleep(0)
                    if outstanding.is_late:
                        tally.failure = Reason.ACKNOWLEDGEMENT_TIMEOUT
                        break
        finally:
            if tally.left:
                self._observer.items_settled(tally.account, Result.DEFERRED, tally.left)
        return tally.outcome

    def _report(self, account: str, reading: Reading) -> None:
        self._observer.items_received(account, len(reading.facts))
        for field in reading.unreadable_fields:
            self._observer.field_unreadable(field)

    def _chunks(
        self, facts: Iterable[Fact], delivery: AuthenticDelivery, traceparent: str | None
    ) -> Iterator[Sequence[_Entry]]:
        """Make the records of facts, as many as may be in hand at once."""
        entries: list[_Entry] = []
        size = 0
        for fact in facts:
            entry = self._entry(fact, delivery, traceparent)
            entries.append(entry)
            size += len(entry.record.value)
            if len(entries) == CHUNK or size >= CHUNK_BYTES:
                yield entries
                entries, size = [], 0
        if entries:
            yield entries

    def _entry(self, fact: Fact, delivery: AuthenticDelivery, traceparent: str | None) -> _Entry:
        record = record_of(fact, delivery, self._privacy, traceparent)
        if isinstance(fact, StatusFact):  # almost all are
            return _Entry(record, fact.event)
        if isinstance(fact, OtherFact):
            return _Entry(record)
        return _Entry(record, reason=fact.reason, detail=fact.detail)

    async def _publish(
        self, entries: Sequence[_Entry], delivery: AuthenticDelivery, outstanding: Outstanding, tally: _Tally
    ) -> None:
        """Make one chunk durable, and report what became of it."""
        try:
            await self._attempt(entries, delivery.account, outstanding)
            too_large = [entry for entry in entries if entry.failure is Reason.RECORD_TOO_LARGE]
            if too_large:
                for entry in too_large:
                    _shrink(entry, delivery)
                await self._attempt(too_large, delivery.account, outstanding)
        finally:
            self._conclude(entries, tally)

    async def _attempt(self, entries: Sequence[_Entry], account: str, outstanding: Outstanding) -> None:
        """Hand over what is new, join what is on its way, and wait until the deadline at most."""
        owned: dict[str, _Entry] = {}
        for entry in entries:
            id_ = entry.record.id
            if self._in_flight.own(id_):
                owned[id_] = entry
            else:
                kind = DuplicateKind.IN_WEBHOOK if id_ in owned else DuplicateKind.IN_FLIGHT
                self._in_flight.join(id_, partial(self._settle_joined, entry, account, kind, outstanding))
                outstanding.add()
        try:
            await self._hand_over(owned, account, outstanding)
            await outstanding.wait()
        finally:
            for entry in entries:
                if entry.result is None and entry.failure is None:
                    entry.failure = Reason.ACKNOWLEDGEMENT_TIMEOUT

    async def _hand_over(self, owned: dict[str, _Entry], account: str, outstanding: Outstanding) -> None:
        """Publish the owned entries that the window does not know."""
        new = dict(owned)
        failure = Reason.INTERNAL_ERROR
        try:
            for known in await self._window.known(list(owned)):
                self._settle_duplicate(new.pop(known), account, DuplicateKind.WINDOW)
                self._in_flight.release(known)
            if outstanding.is_late:
                failure = Reason.ACKNOWLEDGEMENT_TIMEOUT
            elif new:
                self._publisher.publish(
                    [(entry.record, partial(self._settle, entry, outstanding)) for entry in new.values()]
                )
                outstanding.add(len(new))
                new.clear()
        except NotPublishedError as error:
            failure = error.reason
        finally:
            # Whatever was not handed over must not keep its duplicates waiting.
            for id_, entry in new.items():
                entry.failure = failure
                self._in_flight.settle(id_, failure)

    def _settle(self, entry: _Entry, outstanding: Outstanding, failure: Reason | None) -> None:
        """Take the outcome of a record, in time or late: the window learns it only here."""
        self._in_flight.settle(entry.record.id, failure)
        if entry.failure is not None:  # its webhook waits no longer
            if failure is None:
                self._observer.acknowledged_late()
            return
        if failure is None:
            entry.result = _RESULT[entry.record.destination]
        else:
            entry.failure = failure
        outstanding.settle()

    def _settle_joined(
        self, entry: _Entry, account: str, kind: DuplicateKind, outstanding: Outstanding, failure: Reason | None
    ) -> None:
        """Take the outcome of the record that this one is a duplicate of."""
        if entry.failure is not None:
            return
        if failure is None:
            self._settle_duplicate(entry, account, kind)
        else:
            entry.failure = failure
        outstanding.settle()

    def _settle_duplicate(self, entry: _Entry, account: str, kind: DuplicateKind) -> None:
        entry.result = Result.DUPLICATE
        self._observer.duplicate(account, kind)

    def _conclude(self, entries: Sequence[_Entry], tally: _Tally) -> None:
        """Report and tally each item's result, and what is durable."""
        account = tally.account
        results = [entry.result or Result.DEFERRED for entry in entries]
        for result in set(results):
            count = results.count(result)
            self._observer.items_settled(account, result, count)
            tally.add(result, count)
        published = [entry.event for entry in entries if entry.event is not None and entry.result is Result.PUBLISHED]
        if published:
            self._observer.statuses_published(account, published)
        for entry in entries:
            if entry.reason is not None and entry.result is Result.DEAD_LETTERED:
                self._observer.dead_lettered(account, entry.reason, entry.detail)
        if Result.DEFERRED in results:
            tally.failure = next(
                (entry.failure for entry in entries if entry.failure is not None), Reason.INTERNAL_ERROR
            )


def _shrink(entry: _Entry, delivery: AuthenticDelivery) -> None:
    """Put a dead letter with size and hash in the place of a record that Kafka never takes."""
    record = entry.record
    if record.destination is not Destination.DEAD_LETTER:
        entry.reason = Reason.RECORD_TOO_LARGE
        entry.detail = f"a record of {len(record.value)} bytes for the {record.destination} topic"
        record = dead_letter_record(
            account=delivery.account,
            reason=entry.reason,
            detail=entry.detail,
            sms_id=None if record.key is None else record.key.decode(),
            payload=record.value,
            received_at=delivery.received_at,
            is_json=True,
        )
    entry.record, entry.event, entry.failure = private.stub(record), None, None
