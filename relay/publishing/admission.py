"""Admission: how many records, and how many bytes, may wait for Kafka's acknowledgement.

Without a cap before it, a healthy producer collapses under more than it can send: everything then
expires in its buffer. The cap does not queue: who comes while it is reached is refused at once.
"""

from collections import OrderedDict
from typing import Final

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes that may wait: a small part of a pod's memory, and over 30 of the largest records."""


class Admission:
    """Counts what waits. Knows no clock, never blocks; for one event loop's thread.

    A webhook is admitted while the counts are *below* their caps, whatever its own size: so the caps
    may be overshot by one webhook, and a large one is not starved for ever by small ones.
    """

    def __init__(self, *, max_records: int, max_bytes: int = MAX_BYTES) -> None:
        """Start empty. `max_records` is `RELAY_HTTP__MAX_IN_FLIGHT`."""
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._bytes = 0
        self._next_ticket = 0
        self._waiting: OrderedDict[int, tuple[int, float]] = OrderedDict()

    @property
    def full(self) -> bool:
        """Whether the next webhook is to be refused with `Reason.OVERLOADED`."""
        return len(self._waiting) >= self._max_records or self._bytes >= self._max_bytes

    @property
    def in_flight_records(self) -> int:
        """Records that wait for their acknowledgement."""
        return len(self._waiting)

    @property
    def in_flight_bytes(self) -> int:
        """Bytes of keys and values that wait for their acknowledgement."""
        return self._bytes

    def oldest_unacknowledged_seconds(self, now: float) -> float:
        """Seconds since the oldest waiting record entered, at `now`; 0.0 with none waiting."""
        if not self._waiting:
            return 0.0
        _, entered = next(iter(self._waiting.values()))
        return now - entered

    def enter(self, size: int, now: float) -> int:
        """Count a record of `size` bytes from `now` on; give the ticket to `leave` with.

        Never refuses: the caps are for webhooks, by `full`, not for the records of one admitted.
        """
        ticket = self._next_ticket
        self._next_ticket += 1
        self._waiting[ticket] = (size, now)
        self._bytes += size
        return ticket

    def leave(self, ticket: int) -> None:
        """Count the record of `ticket` no longer. Exactly once a ticket.

        Raises:
            KeyError: it left already.
        """
        size, _ = self._waiting.pop(ticket)
        self._bytes -= size
