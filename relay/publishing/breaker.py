"""The breaker: once Kafka is known not to acknowledge, a webhook is refused in milliseconds, not after its deadline.

Pure: the time comes as an argument, and nothing is counted, logged or awaited here.
"""

from enum import IntEnum
from typing import Final

FAILURES_TO_OPEN: Final = 10
"""Records in a row that failed, with none acknowledged while they waited: else it is one partition's trouble."""
SILENCE_TO_OPEN_S: Final = 2.0
"""Seconds with a record waiting and none acknowledged: more than a request timeout, less than an answer's time."""
TRIAL_EVERY_S: Final = 1.0
"""How often an open breaker lets one webhook try: recovery is late by at most this."""


class BreakerState(IntEnum):
    """The value of `sofy_relay_breaker_state`."""

    CLOSED = 0
    """Webhooks pass."""
    HALF_OPEN = 1
    """The next webhook may try."""
    OPEN = 2
    """Webhooks are refused until the next trial."""


class Breaker:
    """Judges by what became of the records handed over. For one event loop's thread; times are its `time()`."""

    def __init__(
        self,
        *,
        failures_to_open: int = FAILURES_TO_OPEN,
        silence_to_open_s: float = SILENCE_TO_OPEN_S,
        trial_every_s: float = TRIAL_EVERY_S,
    ) -> None:
        """Start closed."""
        self._failures_to_open = failures_to_open
        self._silence_to_open_s = silence_to_open_s
        self._trial_every_s = trial_every_s
        self._failures = 0
        self._acknowledged_at = float("-inf")
        self._next_trial: float | None = None

    def judge(self, now: float, oldest_s: float) -> BreakerState:
        """Give the state at `now`, with `oldest_s` the age of the oldest record that waits (0 if none does)."""
        if self._next_trial is None:
            silence_s = min(oldest_s, now - self._acknowledged_at)
            if self._failures < self._failures_to_open and silence_s < self._silence_to_open_s:
                return BreakerState.CLOSED
            self._next_trial = now + self._trial_every_s
        return BreakerState.OPEN if now < self._next_trial else BreakerState.HALF_OPEN

    def tried(self, now: float) -> None:
        """A record is handed over: while open, the next trial is a while off again."""
        if self._next_trial is not None:
            self._next_trial = now + self._trial_every_s

    def acknowledged(self, now: float) -> None:
        """Kafka acknowledged a record, in time or late: it is back."""
        self._failures = 0
        self._acknowledged_at = now
        self._next_trial = None

    def failed(self, since: float) -> None:
        """Kafka did not take a record that was handed over at `since`, for a reason that is not the record's own.

        Not counted if it acknowledged another one meanwhile: then one partition is in trouble, whose whole batch
        fails at once, and Kafka is not.
        """
        if self._acknowledged_at < since:
            self._failures += 1

    def reset(self) -> None:
        """Another producer is in place: what its predecessor met says nothing about it."""
        self._failures = 0
        self._next_trial = None
