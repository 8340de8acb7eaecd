"""What happens to a webhook, told as it happens to whoever keeps a history, a ledger or a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol

from relay.simulator.faults import Fault
from relay.simulator.lives import Life
from relay.simulator.payloads import Webhook
from relay.simulator.poster import Trouble

_SUCCESS, _REDIRECTION = HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True, slots=True)
class Attempt:
    """One post of a webhook, ended. Times are of the engine's monotonic clock, in seconds."""

    webhook: Webhook
    number: int
    """0 for the first one, 1 to 10 for replays."""
    due: float
    """When it should have started."""
    started: float
    ended: float
    status: int | None
    """The status that Sofy saw; None: no complete answer within its limit."""
    trouble: Trouble | None = None
    """Why there was none."""
    retry_after: str | None = None
    """The answer's `Retry-After`. Seen, not obeyed: whether Sofy obeys it is not known."""
    answer: bytes = b""
    """The first 4 KiB of the answer's body."""
    fault: Fault | None = None
    """`timeout` or `5xx`, which made Sofy see another outcome than the receiver's."""

    @property
    def acknowledged(self) -> bool:
        """Whether Sofy takes the webhook as delivered."""
        return self.status is not None and _SUCCESS <= self.status < _REDIRECTION

    @property
    def seconds(self) -> float:
        """How long the receiver took."""
        return self.ended - self.started

    @property
    def delay(self) -> float:
        """How late it started: the simulator's own doing, never the receiver's."""
        return max(0.0, self.started - self.due)  # a timer may be a millisecond early


class End(StrEnum):
    """How a webhook ended."""

    ACKNOWLEDGED = "acknowledged"
    DISCARDED = "discarded"
    """Its tenth replay failed: it never comes again."""
    ABANDONED = "abandoned"
    """The simulator stopped, or the registration went, before it was either."""


class Observer(Protocol):
    """Who is told. Called within the event loop; must neither block nor raise."""

    def born(self, life: Life) -> None:
        """The SMS of `life` were sent."""

    def made(self, webhook: Webhook) -> None:
        """A webhook came into being; its first attempt is due."""

    def starts(self, webhook: Webhook, number: int) -> None:
        """Attempt `number` is about to be posted."""

    def attempted(self, attempt: Attempt) -> None:
        """An attempt has ended."""

    def settled(self, webhook: Webhook, end: End) -> None:
        """A webhook has ended."""


class Observers:
    """Tells several observers, in order."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def born(self, life: Life) -> None:
        """Tell all."""
        for each in self._observers:
            each.born(life)

    def made(self, webhook: Webhook) -> None:
        """Tell all."""
        for each in self._observers:
            each.made(webhook)

    def starts(self, webhook: Webhook, number: int) -> None:
        """Tell all."""
        for each in self._observers:
            each.starts(webhook, number)

    def attempted(self, attempt: Attempt) -> None:
        """Tell all."""
        for each in self._observers:
            each.attempted(attempt)

    def settled(self, webhook: Webhook, end: End) -> None:
        """Tell all."""
        for each in self._observers:
            each.settled(webhook, end)
