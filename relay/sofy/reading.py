"""What a delivery holds: events, events of other types, and what could not be read. Pure, total."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from relay.events.status_event import Reception, StatusEvent
from relay.reasons import Reason
from relay.sofy.authenticity import AuthenticDelivery
from relay.sofy.normalise import compact_json, normalise, verbatim
from relay.sofy.payload import (
    STATUS_TYPE,
    BrokenItem,
    Envelope,
    UnreadableBodyError,
    items_of,
    read_envelope,
    read_item,
    rewrite_with,
    subject_of,
)


class StatusFact(NamedTuple):
    """An item that became an event."""

    event: StatusEvent


@dataclass(frozen=True, slots=True)
class OtherFact:
    """An event of another type, to be passed on whole."""

    provider_type: str
    subject: str | None
    payload: bytes


@dataclass(frozen=True, slots=True)
class UnreadableBody:
    """A whole body that could not be read."""

    reason: Reason
    detail: str
    payload: bytes
    """The body as received."""

    @property
    def sms_id(self) -> str | None:
        """None: nothing of it was read."""
        return None

    @property
    def is_json(self) -> bool:
        """Whether the payload is JSON."""
        return self.reason is not Reason.INVALID_JSON


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """An item that could not be read."""

    item: BrokenItem
    envelope: Envelope

    @property
    def reason(self) -> Reason:
        """Why."""
        return self.item.reason

    @property
    def detail(self) -> str:
        """The same for a person: places and types, never values."""
        return self.item.detail

    @property
    def sms_id(self) -> str | None:
        """The SMS id where at least that could be read."""
        return self.item.sms_id

    @property
    def payload(self) -> bytes:
        """The envelope with that item alone, written when it is asked for: a webhook's together may be endless.

        A body of 1 MiB may be half an envelope's unknown field, and half a hundred thousand items that are none.
        """
        return compact_json(rewrite_with(self.envelope, self.item.raw)).encode()

    @property
    def is_json(self) -> bool:
        """Whether the payload is JSON."""
        return True


UnreadableFact = UnreadableBody | UnreadableItem
"""What becomes a dead letter."""


Fact = StatusFact | OtherFact | UnreadableFact


class Reading(NamedTuple):
    """All that a delivery holds, in its order."""

    facts: tuple[Fact, ...]
    unreadable_fields: tuple[str, ...]
    """Provider names of the fields that could not be read, one a failure."""


class Read(Protocol):
    """`read`, or that with something around it."""

    def __call__(
        self, delivery: AuthenticDelivery, *, expects: Callable[[str, str | None], bool], e164: Callable[[str], str]
    ) -> Reading | Reason:
        """Read a delivery to the end; see `read`."""


def read(
    delivery: AuthenticDelivery,
    *,
    expects: Callable[[str, str | None], bool],
    e164: Callable[[str], str],
) -> Reading | Reason:
    """Read a delivery to the end; a refusal only where its registration is not an expected one.

    Args:
        delivery: The bytes, of proven origin.
        expects: Says whether (account, webhookId) is expected (`Authenticator.expects`).
        e164: Gives a provider number in E.164, or verbatim.
    """
    try:
        envelope = read_envelope(delivery.body)
    except UnreadableBodyError as error:
        return Reading((UnreadableBody(error.reason, error.detail, delivery.body),), ())
    if not expects(delivery.account, envelope.webhook_id):
        return Reason.UNEXPECTED_WEBHOOK_ID
    if envelope.type != STATUS_TYPE:
        return Reading((OtherFact(envelope.type, subject_of(envelope), delivery.body),), ())
    return _read_statuses(delivery, envelope, e164)


def _read_statuses(delivery: AuthenticDelivery, envelope: Envelope, e164: Callable[[str], str]) -> Reading:
    reception = Reception.of(
        account=delivery.account,
        webhook_id=envelope.webhook_id,
        delivery_id=envelope.id,
        received_at=delivery.received_at,
    )
    envelope_extra = verbatim(envelope.untyped)
    facts: list[Fact] = []
    unreadable = list(envelope.unreadable)
    for raw in items_of(envelope):
        item = read_item(raw)
        if isinstance(item, BrokenItem):
            facts.append(UnreadableItem(item, envelope))
        else:
            facts.append(StatusFact(normalise(item, reception, envelope_extra, e164)))
            unreadable.extend(item.unreadable)
    return Reading(tuple(facts), tuple(unreadable))
