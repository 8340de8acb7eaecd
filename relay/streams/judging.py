"""What today's reading makes of a dead letter, and what became of it by a replay. Pure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from relay.events.record import Destination, Record
from relay.events.times import milliseconds, rfc3339
from relay.fact_records import record_of
from relay.privacy import Privacy
from relay.reasons import MEANING, Reason
from relay.sofy.authenticity import AuthenticDelivery
from relay.sofy.reading import UnreadableFact, read
from relay.streams.dead_letters import DeadLetter, Place

REPLAYED_HEADER: Final = "relay-replayed"
"""When a record was written by a replay: RFC 3339."""
LETTER_HEADER: Final = "relay-dead-letter-id"
"""The `relay-id` of the dead letter that it was made from."""

_OF_A_WHOLE_BODY: Final = frozenset({Reason.INVALID_JSON, Reason.WRONG_SHAPE})
"""Of these no registration was known yet when they came; of all others it had been judged."""
_NOT_KEPT: Final = (
    "its payload is not kept, only size and hash: it was too large for a record, or "
    "RELAY_PRIVACY__DEAD_LETTER_PAYLOAD was drop when it came"
)


@dataclass(frozen=True, slots=True)
class Today:
    """How deliveries are read and what may be published of them, at present."""

    expects: Callable[[str, str | None], bool]
    """Says whether (account, webhookId) is expected."""
    e164: Callable[[str], str]
    privacy: Privacy


@dataclass(frozen=True, slots=True)
class Judgement:
    """What today's reading makes of a dead letter."""

    records: tuple[Record, ...]
    """Of what can be read: each fact once, without a replay's headers."""
    obstacles: tuple[str, ...]
    """Why something of it, or all, cannot be replayed; no personal data."""


def judge(letter: DeadLetter, today: Today) -> Judgement:
    """Read a letter as a delivery is read today. Pure, total.

    Nobody proves again who sent it: only what was authentic became a dead letter.
    """
    if letter.payload is None or not letter.payload_kept:
        return Judgement((), (_NOT_KEPT,))
    if letter.account is None:
        return Judgement((), ("its header relay-account is missing, so the relay did not write it",))
    delivery = AuthenticDelivery(letter.account, letter.payload, letter.received_at)
    expects = today.expects if letter.reason in _OF_A_WHOLE_BODY else (lambda _account, _id: True)
    reading = read(delivery, expects=expects, e164=today.e164)
    if isinstance(reading, Reason):
        return Judgement((), (f"{reading}: {MEANING[reading].says}",))
    records: dict[str, Record] = {}
    obstacles = []
    for fact in reading.facts:
        if isinstance(fact, UnreadableFact):
            obstacles.append(f"still unreadable, {fact.reason}: {fact.detail}")
        else:
            record = record_of(fact, delivery, today.privacy)
            records.setdefault(record.id, record)
    return Judgement(tuple(records.values()), tuple(obstacles))


def replayed(record: Record, letter: DeadLetter, now: datetime) -> Record:
    """Give the record as a replay writes it at the aware moment `now`.

    Its timestamp is that moment: with the old one, retention might take it before anybody has read it, and who reads
    "from an hour ago" would miss it. The event's own `received_at` stays.
    """
    marks = {REPLAYED_HEADER: rfc3339(now)}
    if letter.id is not None:
        marks[LETTER_HEADER] = letter.id
    return record._replace(headers={**record.headers, **marks}, timestamp_ms=milliseconds(now))


class Fate(StrEnum):
    """What became of a letter, or would become of it."""

    REPLAYED = "replayed"
    """All that is in it stands on its topic now; some of it may have stood there before."""
    STANDS_ALREADY = "stands_already"
    """All that is in it stood on its topic before: it was replayed, or Sofy told it again."""
    UNREADABLE = "unreadable"
    """Something of it, or all, cannot be replayed; what can be was."""
    NOT_KNOWN = "not_known"
    """Whether it was replayed before cannot be told any more."""
    NOT_PUBLISHED = "not_published"
    """Kafka did not take a record of it, or was not asked to because it had refused one before."""
    NOT_THERE = "not_there"
    """No dead letter stands at the place."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one letter."""

    place: Place
    fate: Fate
    published: int = 0
    """How many records were written, or would be."""
    says: tuple[str, ...] = ()
    """For a person; no personal data."""

    @property
    def failed(self) -> bool:
        """Whether something of it may still be on no topic but the dead letters'."""
        return self.fate not in {Fate.REPLAYED, Fate.STANDS_ALREADY}


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a record of a letter would stand, and since when it may."""

    id: str
    destination: Destination
    key: bytes | None
    since_ms: int
    """Unix milliseconds: when its letter was written."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A letter that is to be replayed, without what takes room."""

    place: Place
    received_at: datetime
    aims: tuple[Aim, ...]
    obstacles: tuple[str, ...]


def chosen(letter: DeadLetter, today: Today) -> Chosen:
    """Give what a replay needs to know of a letter before it sends anything."""
    judgement = judge(letter, today)
    aims = tuple(Aim(it.id, it.destination, it.key, letter.written_ms) for it in judgement.records)
    return Chosen(letter.place, letter.received_at, aims, judgement.obstacles)


def to_write(letters: Collection[Chosen], stands: Callable[[Aim], bool | None]) -> dict[str, Place]:
    """Give the ids of the records that are to be written, each with the one letter that it is taken from.

    `stands` says whether an aim's record stands on its topic; None: that cannot be told, so it is not written.
    """
    wanted: dict[str, Place] = {}
    for letter in letters:
        for aim in letter.aims:
            if stands(aim) is False:
                wanted.setdefault(aim.id, letter.place)
    return wanted


def report(
    letter: Chosen, written: Mapping[str, Place], failures: Mapping[str, str], stands: Callable[[Aim], bool | None]
) -> Report:
    """Give what became of a letter.

    Args:
        letter: The letter.
        written: The records that were written, or would be, by id.
        failures: Why a record could not be written, by id.
        stands: As of `to_write`.
    """
    published = sum(written.get(aim.id) == letter.place for aim in letter.aims)
    failed = [failures[aim.id] for aim in letter.aims if aim.id in failures]
    left = [aim for aim in letter.aims if aim.id not in written and aim.id not in failures]
    untold = {aim.destination for aim in left if stands(aim) is None}
    says = [*letter.obstacles, *failed]
    says += [
        f"its topic for {destination} events does not reach back to when it came, so whether it was replayed before "
        "cannot be told: --again replays it all the same"
        for destination in sorted(untold)
    ]
    if failed:
        fate = Fate.NOT_PUBLISHED
    elif letter.obstacles:
        fate = Fate.UNREADABLE
    elif untold:
        fate = Fate.NOT_KNOWN
    else:
        fate = Fate.STANDS_ALREADY if letter.aims and not published else Fate.REPLAYED
    return Report(letter.place, fate, published, tuple(dict.fromkeys(says)))
