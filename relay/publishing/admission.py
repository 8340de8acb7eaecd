"""Admission: how many records, and how many bytes, may wait for Kafka's acknowledgement.

Without a cap before it, a healthy producer collapses under more than it can send: everything then
expires in its buffer. The cap does not queue: who comes while it is reached is refused at once.
"""

from typing import Final

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes that may wait: a small part of a pod's memory, and over 30 of the largest records."""

_LAST_HAND_OVERS: Final = 16


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
        self._records = 0
        self._usual = 1.0
        # How many entered at which time, in order; a turn of the loop shares one time.
        self._entered: dict[float, int] = {}

    @property
    def full(self) -> bool:
        """Whether the next webhook is to be refused with `Reason.OVERLOADED`."""
        return self._records >= self._max_records or self._bytes >= self._max_bytes

    def full_behind(self, webhooks: int) -> bool:
        """Whether so many webhooks more, with as many records as the last ones had, will reach the cap. An estimate."""
        return self._records + webhooks * self._usual >= self._max_records

    @property
    def in_flight_records(self) -> int:
        """Records that wait for their acknowledgement."""
        return self._records

    @property
    def in_flight_bytes(self) -> int:
        """Bytes of keys and values that wait for their acknowledgement."""
        return self._bytes

    def oldest_unacknowledged_seconds(self, now: float) -> float:
        """Seconds since the oldest waiting record entered, at `now`; 0.0 with none waiting."""
        return now - next(iter(self._entered)) if self._entered else 0.0

    def handed_over(self, records: int) -> None:
        """Learn how many records a webhook hands over at once: a moving average of the last dozen or so."""
        self._usual += (records - self._usual) / _LAST_HAND_OVERS

    def enter(self, size: int, now: float) -> None:
        """Count a record of `size` bytes from `now` on, which is no earlier than in the call before.

        Never refuses: the caps are for webhooks, by `full`, not for the records of one admitted.
        """
        self._records += 1
        self._bytes += size
        self._entered[now] = self._entered.get(now, 0) + 1

    def leave(self, size: int, entered: float) -> None:
        """Count a record no longer that entered with `size` at `entered`. Exactly once a record.

        Raises:
            KeyError: none of that time is left.
        """
        left = self._entered[entered] - 1
        if left:
            self._entered[entered] = left
        else:
            del self._entered[entered]
        self._records -= 1
        self._bytes -= size
