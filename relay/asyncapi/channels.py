"""What each topic is, in words, and whose records are on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from relay.events.record import Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A topic as a consumer meets it."""

    id: str
    """Its name in the document, which no setting changes."""
    title: str
    summary: str
    description: str
    operation: str
    """The name of the operation that writes to it."""
    writes: str
    """What that operation is."""
    messages: tuple[str, ...]
    """The ids of what stands on it."""
    tags: tuple[str, ...]


CHANNELS: Final[Mapping[Destination, Channel]] = MappingProxyType(
    {
        Destination.STATUS: Channel(
            id="smsStatus",
            title="Status events",
            summary="One record for each fact about an SMS, in the relay's own words.",
            description=(
                "Keyed by SMS id, so all events of one SMS are in one partition. At least once: de-duplicate on "
                "event_id. Never go by arrival: of two events of one SMS the newer state has, in this order, the "
                "greater is_final, status_rank, occurred_at (null lowest), offset."
            ),
            operation="sendSmsStatus",
            writes="The relay publishes what the provider told of an SMS.",
            messages=("smsStatus",),
            tags=("status",),
        ),
        Destination.OTHER: Channel(
            id="webhookOther",
            title="Other webhooks",
            summary="Webhooks of every other type, such as replies, passed on whole and as received.",
            description=(
                "Keyed by the item's id if there is one, else by the webhook's, else without a key. The payload is "
                "the provider's: only its type is promised. At least once: de-duplicate on ce_id."
            ),
            operation="sendWebhookOther",
            writes="The relay passes on a webhook that it does not normalise.",
            messages=("webhookOther",),
            tags=("other",),
        ),
        Destination.DEAD_LETTER: Channel(
            id="deadLetter",
            title="Dead letters",
            summary="What was authentic but could not be read, with the reason.",
            description=(
                "For the operator. Keyed by the SMS id if that could be read, else without a key. At least once: "
                "de-duplicate on relay-id."
            ),
            operation="sendDeadLetter",
            writes="The relay sets aside what it could not read.",
            messages=("deadLetter",),
            tags=("dead-letter",),
        ),
        Destination.LATEST: Channel(
            id="smsLatest",
            title="Latest states",
            summary="The newest state of each SMS: a compacted topic, to be read as a table.",
            description=(
                "Keyed by SMS id; a record takes the place of the one before it with its key, and one without a "
                "value erases it. Written by the projector, in partitions of the same number as the status events'."
            ),
            operation="sendSmsLatest",
            writes="The projector publishes the newest state of an SMS, or erases it.",
            messages=("smsLatest", "smsErased"),
            tags=("status", "latest"),
        ),
    }
)

TAGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "status": "What became of an SMS.",
        "latest": "State instead of events.",
        "other": "What the relay passes on without reading it.",
        "dead-letter": "What could not be read.",
    }
)
