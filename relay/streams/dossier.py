"""What a reconciliation knows: which SMS it is about, and what the topics say of them.

A temporary database, as a projector's: SQLite keeps it in memory as long as that suffices and then in the folder for
temporary files, so that neither a long list of ids nor millions of SMS need fit into memory.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from pydantic_core import from_json

from relay.events.sms_status import Status
from relay.events.times import milliseconds
from relay.sofy.reconciling import KnownFact

_SCHEMA: Final = """
CREATE TABLE sms (
    id BLOB PRIMARY KEY,
    place INTEGER NOT NULL,
    account TEXT,
    first_seen_ms INTEGER,
    erased INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE facts (
    sms_id BLOB NOT NULL,
    event_id TEXT NOT NULL,
    status TEXT NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (sms_id, event_id)
) WITHOUT ROWID;
CREATE TABLE chosen (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE);
"""
_FINALS: Final = tuple(status.value for status in Status if status.is_final)
_STATUSES: Final = frozenset(Status)


@dataclass(frozen=True, slots=True)
class Told:
    """What a reconciliation reads of an event or a state on a topic. Of a later version too, so without its model."""

    event_id: str
    status: Status
    account: str
    word: str | None
    """The provider's, stripped and in lower case, if a webhook told it."""
    received_ms: int | None
    first_seen_ms: int | None
    """Of a state only, as is the next."""
    history: tuple[tuple[str, Status], ...]
    """Id and status of each fact that the state remembers."""

    @classmethod
    def read(cls, value: bytes) -> Self | None:
        """Read a record's value; None: it is no event."""
        try:
            found = from_json(value)
            source = found["source"]
            return cls(
                event_id=str(found["event_id"]),
                status=_status(found["status"]),
                account=str(source["account"]),
                # Reconciled events have no webhook: that they use a word proves nothing of webhooks.
                word=None if source.get("webhook_id") is None else str(source["status"]).strip().lower(),
                received_ms=_moment_ms(found.get("received_at")),
                first_seen_ms=_moment_ms(found.get("first_seen_at")),
                history=tuple((str(it["event_id"]), _status(it["status"])) for it in found.get("history") or ()),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


class Dossier:
    """The SMS in question, and their facts. Blocks for microseconds a call; for one thread."""

    def __init__(self) -> None:
        """Make it, empty."""
        # An empty name: a private file that SQLite removes itself, written only once memory does not suffice.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_SCHEMA}")
        self._place = 0
        self.words: dict[str, set[str]] = {}
        """By account: every word that its webhooks are known to use."""
        self.oldest_ms: int | None = None
        """Unix milliseconds: of all states the earliest first reception,"""
        self.newest_ms: int | None = None
        """and the latest one."""

    def close(self) -> None:
        """Remove it."""
        self._database.close()

    # Which SMS

    def ask_about(self, sms_id: bytes) -> bool:
        """Be about this SMS; False: it was already."""
        self._place += 1
        made = self._database.execute("INSERT OR IGNORE INTO sms (id, place) VALUES (?, ?)", (sms_id, self._place))
        return made.rowcount == 1

    def is_about(self, sms_id: bytes) -> bool:
        """Say whether it is about this SMS."""
        return self._row(sms_id) is not None

    def choose(self, limit: int | None) -> int:
        """Let all be asked about, at most `limit`, in the order in which they were given; give how many that are."""
        return self._choose("SELECT id FROM sms ORDER BY place LIMIT ?", (_all_if_none(limit),))

    def choose_open(self, account: str, *, seen_before_ms: int, limit: int | None) -> tuple[int, int]:
        """Let those of an account be asked about of which no final status is known, the longest known first.

        Gives how many that are, and how many are left out for having been seen first at `seen_before_ms` or later.
        """
        waiting = (
            "FROM sms WHERE account = ? AND NOT EXISTS (SELECT 1 FROM facts WHERE facts.sms_id = sms.id"  # noqa: S608 - no values
            f" AND facts.status IN ({', '.join('?' * len(_FINALS))}))"
        )
        values = (account, *_FINALS)
        [young] = self._database.execute(
            f"SELECT count(*) {waiting} AND first_seen_ms >= ?",
            (*values, seen_before_ms),
        ).fetchone()
        chosen = self._choose(
            f"SELECT id {waiting} AND coalesce(first_seen_ms, 0) < ? ORDER BY first_seen_ms, id LIMIT ?",
            (*values, seen_before_ms, _all_if_none(limit)),
        )
        return chosen, int(young)

    def chosen(self, after: int, count: int) -> list[tuple[int, bytes]]:
        """Give number and id of at most `count` of those chosen, after number `after` (0: from the first one on)."""
        return self._database.execute(
            "SELECT number, id FROM chosen WHERE number > ? ORDER BY number LIMIT ?", (after, count)
        ).fetchall()

    # What the topics say

    def state(self, sms_id: bytes, told: Told | None, *, all_open: bool) -> None:
        """Take in a record of the latest-state topic, in the order in which they stand; None: a tombstone.

        `all_open`: be about every SMS whose state is not final; otherwise only about those it is about already.
        """
        if told is not None:
            self._hear(told)
            self.oldest_ms = _least(self.oldest_ms, told.first_seen_ms)
            self.newest_ms = max(self.newest_ms or 0, told.received_ms or 0)
        if all_open and (told is None or told.status.is_final):
            self._database.execute("DELETE FROM sms WHERE id = ?", (sms_id,))
            self._database.execute("DELETE FROM facts WHERE sms_id = ?", (sms_id,))
            return
        if not self.is_about(sms_id):
            if not all_open:
                return
            self.ask_about(sms_id)
        if told is None:
            self._database.execute("UPDATE sms SET erased = 1 WHERE id = ?", (sms_id,))
            return
        self._database.execute(
            "UPDATE sms SET erased = 0, account = ?, first_seen_ms = ? WHERE id = ?",
            (told.account, told.first_seen_ms, sms_id),
        )
        self.add(sms_id, [KnownFact(told.event_id, told.status, told.account)])
        self.add(sms_id, [KnownFact(event_id, status, told.account) for event_id, status in told.history])

    def event(self, sms_id: bytes, told: Told) -> None:
        """Take in a record of the status topic."""
        self._hear(told)
        if self.is_about(sms_id):
            self.add(sms_id, [KnownFact(told.event_id, told.status, told.account)])

    def add(self, sms_id: bytes, facts: Iterable[KnownFact]) -> None:
        """Know these facts of an SMS."""
        self._database.executemany(
            "INSERT OR IGNORE INTO facts VALUES (?, ?, ?, ?)",
            [(sms_id, fact.event_id, fact.status.value, fact.account) for fact in facts],
        )

    def facts(self, sms_id: bytes) -> tuple[KnownFact, ...]:
        """Give all that is known of an SMS."""
        found = self._database.execute("SELECT event_id, status, account FROM facts WHERE sms_id = ?", (sms_id,))
        return tuple(KnownFact(event_id, Status(status), account) for event_id, status, account in found)

    def is_erased(self, sms_id: bytes) -> bool:
        """Say whether the SMS's latest state is a tombstone."""
        row = self._row(sms_id)
        return row is not None and bool(row[1])

    def has_state(self, sms_id: bytes) -> bool:
        """Say whether the SMS has a latest state."""
        row = self._row(sms_id)
        return row is not None and row[0] is not None

    def accounts(self) -> frozenset[str]:
        """Give every account of which the topics hold anything that a webhook told."""
        return frozenset(self.words)

    def _row(self, sms_id: bytes) -> tuple[str | None, int] | None:
        row: tuple[str | None, int] | None = self._database.execute(
            "SELECT account, erased FROM sms WHERE id = ?", (sms_id,)
        ).fetchone()
        return row

    def _choose(self, query: str, values: tuple[object, ...]) -> int:
        return self._database.execute(f"INSERT INTO chosen (id) {query}", values).rowcount

    def _hear(self, told: Told) -> None:
        if told.word is not None:
            self.words.setdefault(told.account, set()).add(told.word)


def _status(text: object) -> Status:
    return Status(text) if isinstance(text, str) and text in _STATUSES else Status.UNKNOWN


def _moment_ms(text: object) -> int | None:
    if not isinstance(text, str):
        return None
    moment = datetime.fromisoformat(text)
    return None if moment.tzinfo is None else milliseconds(moment)


def _least(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _all_if_none(limit: int | None) -> int:
    return -1 if limit is None else limit
