"""The observer of a relay that has a page: counts as every relay's does, and keeps what the metrics do not hold."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from relay.observability.instruments import Instruments, Vocabulary
from relay.observability.metrics import WebhookOutcome
from relay.observability.observer import Observer, PublishedStatus

EVENTS_KEPT: Final = 60
"""Live events that a page which is just opened shows."""
EVENTS_A_LOOK: Final = 30
"""Live events shown a second at most: nobody reads more, and at 5,000 a second they would be what costs."""
DEAD_LETTERS_A_LOOK: Final = 5
"""Dead letters shown a second at most, beside them."""
_DURATIONS_A_STEP: Final = 20_000


class _Happened(NamedTuple):
    """What is kept of an event until the next look: masking it may wait."""

    account: str
    sms_id: str
    what: str
    why: str
    recipient: str | None
    at: float


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One durable event or dead letter, as the page lists it."""

    at_ms: int
    """When the broker acknowledged it, Unix time."""
    account: str
    sms_id: str
    """Empty for a dead letter."""
    what: str
    """The status, or `dead letter`."""
    why: str
    """The reason's category, or the dead letter's reason; empty where there is none."""
    recipient: str
    """Masked; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long things took, in seconds, since they were last asked for."""

    answers: Sequence[float]
    """From a request's first byte to its 200."""
    acknowledgements: Sequence[float]
    """From handing a record over to its acknowledgement."""


class WatchingObserver(Observer):
    """Counts, and remembers for the page: the last events, and how long answers and acknowledgements took.

    No method blocks, awaits or raises; all are called on the event loop's thread.
    """

    def __init__(
        self,
        instruments: Instruments,
        vocabulary: Vocabulary,
        *,
        clock: Callable[[], float],
        masked: Callable[[str], str],
    ) -> None:
        """`clock` gives Unix seconds; `masked` gives a phone number as a stranger may see it."""
        super().__init__(instruments, vocabulary, clock=clock)
        self._now = clock
        self._masked = masked
        self._kept: deque[LiveEvent] = deque(maxlen=EVENTS_KEPT)
        self._new: deque[_Happened] = deque(maxlen=EVENTS_A_LOOK)
        # Apart, so that no rush of events hides them.
        self._new_dead_letters: deque[_Happened] = deque(maxlen=DEAD_LETTERS_A_LOOK)
        self._answers: deque[float] = deque(maxlen=_DURATIONS_A_STEP)
        self._acknowledgements: deque[float] = deque(maxlen=_DURATIONS_A_STEP)

    @property
    def last_events(self) -> Sequence[LiveEvent]:
        """The last events that `new_events` gave, the oldest first."""
        return tuple(self._kept)

    def new_events(self) -> Sequence[LiveEvent]:
        """Give the last events and dead letters since the last call, the oldest first."""
        happened = sorted((*self._new, *self._new_dead_letters), key=lambda it: it.at)
        found = [
            LiveEvent(int(it.at * 1000), it.account, it.sms_id, it.what, it.why, self._masked_or_none(it.recipient))
            for it in happened
        ]
        self._new.clear()
        self._new_dead_letters.clear()
        self._kept.extend(found)
        return found

    def durations(self) -> Durations:
        """Give what was measured since the last call; of very many the last ones."""
        found = Durations(tuple(self._answers), tuple(self._acknowledgements))
        self._answers.clear()
        self._acknowledgements.clear()
        return found

    def webhook_ended(self, account: str, outcome: str, reason: str, seconds: float, body_bytes: int | None) -> None:
        """A request ended; see `Observer`."""
        super().webhook_ended(account, outcome, reason, seconds, body_bytes)
        if outcome == WebhookOutcome.ACCEPTED:
            self._answers.append(seconds)

    def published(self, destination: str, seconds: Sequence[float]) -> None:
        """Records were acknowledged; see `Observer`."""
        super().published(destination, seconds)
        self._acknowledgements.extend(seconds)

    def dead_lettered(self, account: str, reason: str, detail: str) -> None:
        """A dead letter is durable; see `Observer`."""
        super().dead_lettered(account, reason, detail)
        self._new_dead_letters.append(_Happened(account, "", "dead letter", reason, None, self._now()))

    def statuses_published(self, account: str, events: Sequence[PublishedStatus]) -> None:
        """Status events of a webhook are durable; see `Observer`."""
        super().statuses_published(account, events)
        now = self._now()
        self._new.extend(
            _Happened(
                account,
                event.sms_id,
                event.status,
                "" if event.reason is None else event.reason.category,
                event.recipient,
                now,
            )
            for event in events[-EVENTS_A_LOOK:]
        )

    def _masked_or_none(self, recipient: str | None) -> str:
        return "" if recipient is None else self._masked(recipient)
