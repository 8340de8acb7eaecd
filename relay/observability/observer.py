"""What pipeline, publisher, duplicate window and HTTP report, counted.

Implements `relay.pipeline.PipelineObserver`, `relay.publishing.port.PublishObserver` and
`relay.duplicates.port.WindowObserver` by shape:
their words (results, destinations, reasons) are text here, since this room knows neither.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

import structlog

from relay.observability.instruments import NO_ACCOUNT, Instruments, Vocabulary

_UNKNOWN_STATUS: Final = "unknown"
_REMEMBERED_SMS: Final = 100_000  # about 20 MB when full; an SMS's webhooks come within minutes


class PublishedReason(Protocol):
    """Why an SMS is in its status, as far as it is counted."""

    @property
    def category(self) -> str:
        """The reason in the contract's closed vocabulary."""


class PublishedStatus(Protocol):
    """A status event, as far as it is counted and shown: a part of the event contract's shape."""

    @property
    def sms_id(self) -> str:
        """The SMS."""

    @property
    def recipient(self) -> str | None:
        """To whom, as it came: it must not be shown but masked."""

    @property
    def status(self) -> str:
        """What became of it."""

    @property
    def status_rank(self) -> int:
        """The status's place in an SMS's life."""

    @property
    def is_final(self) -> bool:
        """Whether no other status follows."""

    @property
    def reason(self) -> PublishedReason | None:
        """Why, if the provider said so."""

    @property
    def created_at(self) -> datetime | None:
        """Aware; by the provider's clock, as the next one."""

    @property
    def occurred_at(self) -> datetime | None:
        """Aware."""


class Observer:
    """Counts. No method blocks, awaits or raises; all are called on the event loop's thread."""

    def __init__(
        self,
        instruments: Instruments,
        vocabulary: Vocabulary,
        *,
        clock: Callable[[], float] = time.time,
        remembered_sms: int = _REMEMBERED_SMS,
    ) -> None:
        """Count on `instruments`; `clock` gives Unix seconds; `remembered_sms` bounds the memory of order."""
        self._on = instruments
        self._topics = dict(vocabulary.topics)
        self._clock = clock
        self._in_flight = 0
        self._last_webhook = 0.0
        instruments.webhooks_in_flight.set_function(lambda: self._in_flight)
        instruments.last_webhook.set_function(lambda: self._last_webhook)
        self._order = _Order(vocabulary, remembered_sms)
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)

    # HTTP

    def webhook_started(self) -> None:
        """A request was begun; exactly one `webhook_ended` follows."""
        self._in_flight += 1

    def webhook_ended(self, account: str, outcome: str, reason: str, seconds: float, body_bytes: int | None) -> None:
        """A request ended.

        Args:
            account: Who was authenticated; empty if nobody was.
            outcome: A `relay.observability.metrics.WebhookOutcome`.
            reason: A `Reason`; empty for accepted and probed.
            seconds: Since the request's first byte.
            body_bytes: The size of a body that was read whole, else None.
        """
        on = self._on
        self._in_flight -= 1
        on.webhooks[account, outcome, reason].inc()
        on.webhook_duration[(outcome,)].observe(seconds)
        if body_bytes is not None:
            on.webhook_body.observe(body_bytes)
        if account != NO_ACCOUNT and (account,) in on.events_received:
            # Whoever scans the port must not silence the alarm that Sofy has fallen silent.
            self._last_webhook = self._clock()

    # Pipeline

    def items_received(self, account: str, count: int) -> None:
        """`count` items of an authenticated webhook were read (an unreadable body is one)."""
        self._on.events_received[(account,)].inc(count)

    def items_settled(self, account: str, result: str, count: int) -> None:
        """So many items of a webhook had this result: each received item has exactly one."""
        self._on.events[account, result].inc(count)

    def duplicate(self, account: str, kind: str) -> None:
        """An item was a duplicate (beside its result)."""
        self._on.duplicates[account, kind].inc()

    def dead_lettered(self, account: str, reason: str, detail: str) -> None:
        """A dead letter is durable. `detail` holds no personal data; it goes to the log."""
        self._on.dead_letters[(reason,)].inc()
        self._log.warning("dead letter", account=account, reason=reason, detail=detail)

    def statuses_published(self, account: str, events: Sequence[PublishedStatus]) -> None:
        """Status events of a webhook are durable. Whose and to whom they were is for no metric."""
        del account
        on = self._on
        now = self._clock()
        for event in events:
            status, is_final, reason, occurred_at = event.status, event.is_final, event.reason, event.occurred_at
            on.sms_status[status, "" if reason is None else reason.category].inc()
            if status == _UNKNOWN_STATUS:
                on.unknown_statuses.inc()
            if occurred_at is not None:
                on.event_age.observe(max(0.0, now - occurred_at.timestamp()))
                created_at = event.created_at if is_final else None
                if created_at is not None:
                    on.sms_delivery[(status,)].observe(max(0.0, (occurred_at - created_at).total_seconds()))
            newest = self._order.overtaken(event.sms_id, status, (is_final, event.status_rank))
            if newest is not None:
                on.out_of_order[newest, status].inc()

    def field_unreadable(self, field: str) -> None:
        """A field was present but unreadable."""
        self._on.unreadable_fields[(field,)].inc()

    def acknowledged_late(self) -> None:
        """A record was acknowledged after its webhook had been answered 503."""
        self._on.late_acknowledgements.inc()

    # Publisher

    def published(self, destination: str, seconds: Sequence[float]) -> None:
        """Records were acknowledged, each so many seconds after it was handed over."""
        topic = (self._topics.get(destination, ""),)
        self._on.events_published[topic].inc(len(seconds))
        observe = self._on.publish_duration[topic].observe
        for each in seconds:
            observe(each)

    def publish_failed(self, destination: str, reason: str) -> None:
        """A record was not acknowledged, or was refused."""
        self._on.publish_failures[self._topics.get(destination, ""), reason].inc()

    # Shared duplicate window

    def window_failed(self, count: int = 1) -> None:
        """`count` look-ups were answered without the store, marks were lost, or attempts to reach it failed."""
        self._on.duplicate_window_errors.inc(count)

    def window_away(self, why: str) -> None:
        """The store does not answer; it is tried again in the background."""
        self._log.warning("the shared duplicate window is away: replays to another pod become second records", why=why)

    def window_back(self) -> None:
        """The store answers, for the first time or again."""
        self._log.info("the shared duplicate window answers")


class _Order:
    """The newest status per SMS that this pod has published, of the last `size` SMS."""

    def __init__(self, vocabulary: Vocabulary, size: int) -> None:
        self._places = dict(vocabulary.statuses)
        self._newest: OrderedDict[str, str] = OrderedDict()
        self._size = size

    def overtaken(self, sms_id: str, status: str, place: tuple[bool, int]) -> str | None:
        """Remember a published status; give the newer one that stood before it, or None."""
        newest = self._newest.get(sms_id)
        if newest is None:
            self._newest[sms_id] = status
            if len(self._newest) > self._size:
                self._newest.popitem(last=False)
            return None
        self._newest.move_to_end(sms_id)
        if place < self._places.get(newest, place):
            return newest
        self._newest[sms_id] = status
        return None
