"""What a projector remembers of its partitions: one row an SMS, in a temporary database that goes with the process.

The latest-state topic is the truth, and this its copy for looking up: SQLite keeps it in memory as long as
that suffices and then in the folder for temporary files, so that millions of SMS need not fit a pod's memory.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_SCHEMA: Final = """
CREATE TABLE states (
    partition INTEGER NOT NULL,
    sms_id BLOB NOT NULL,
    value BLOB NOT NULL,
    touched_ms INTEGER NOT NULL,
    open_since_ms INTEGER,
    PRIMARY KEY (partition, sms_id)
) WITHOUT ROWID;
CREATE INDEX by_age ON states (touched_ms);
CREATE INDEX open ON states (open_since_ms) WHERE open_since_ms IS NOT NULL;
"""


@dataclass(frozen=True, slots=True)
class StoredState:
    """The state of one SMS as it stands on the latest-state topic."""

    sms_id: bytes
    """The record's key."""
    value: bytes
    """The record's value."""
    touched_ms: int
    """Unix milliseconds of the newest fact's reception."""
    open_since_ms: int | None
    """Unix milliseconds since when the SMS waits for a final status; None if it has one."""


class States:
    """The states of the partitions that this process owns. Blocks for microseconds; for one thread."""

    def __init__(self) -> None:
        """Make the database, empty."""
        # An empty name: a private file that SQLite removes itself, written only once memory does not suffice.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_SCHEMA}")

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def get(self, partition: int, sms_id: bytes) -> bytes | None:
        """Give the value that is known of an SMS."""
        row = self._database.execute(
            "SELECT value FROM states WHERE partition = ? AND sms_id = ?", (partition, sms_id)
        ).fetchone()
        return None if row is None else row[0]

    def put(self, partition: int, state: StoredState) -> None:
        """Remember a state in place of what was known of its SMS."""
        self._database.execute(
            "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?)",
            (partition, state.sms_id, state.value, state.touched_ms, state.open_since_ms),
        )

    def forget(self, partition: int, sms_id: bytes) -> None:
        """Know nothing more of an SMS."""
        self._database.execute("DELETE FROM states WHERE partition = ? AND sms_id = ?", (partition, sms_id))

    def keep(self, partitions: Iterable[int]) -> None:
        """Know nothing more of any partition but these."""
        known = {row[0] for row in self._database.execute("SELECT DISTINCT partition FROM states")}
        for partition in known - set(partitions):
            self._database.execute("DELETE FROM states WHERE partition = ?", (partition,))

    def untouched_since(self, moment_ms: int, limit: int) -> list[tuple[int, bytes]]:
        """Give partition and key of at most `limit` SMS that nothing was heard of since then, the oldest first."""
        return self._database.execute(
            "SELECT partition, sms_id FROM states WHERE touched_ms < ? ORDER BY touched_ms LIMIT ?", (moment_ms, limit)
        ).fetchall()

    def waiting_since(self, moment_ms: int) -> int:
        """Count the SMS that have waited for a final status since then or longer."""
        counted = self._database.execute("SELECT count(*) FROM states WHERE open_since_ms <= ?", (moment_ms,))
        return int(counted.fetchone()[0])

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM states").fetchone()[0])
