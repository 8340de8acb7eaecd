"""The status event, version 1: the value of a record on the status topic.

Frozen: a change of meaning is a new version beside this one, never an edit. The models serve both
sides: the relay writes with them, a consumer may read with them
(`SmsStatusEvent.model_validate_json(record.value)`), for which they need pydantic alone.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from relay.events.times import Timestamp

SCHEMA_VERSION: Final = 1


class Status(StrEnum):
    """What became of an SMS, in the relay's own words."""

    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """The status's place in an SMS's life: of two events the higher rank is the newer state."""
        return _RANKS.get(self, FINAL_RANK)

    @property
    def is_final(self) -> bool:
        """Whether no other status follows."""
        return self.rank == FINAL_RANK


FINAL_RANK: Final = 100
_RANKS: Final = MappingProxyType({Status.UNKNOWN: 0, Status.PENDING: 10, Status.SENT: 20})


class Category(StrEnum):
    """Why, in a closed vocabulary. The last five are reserved for words that Sofy may add."""

    DELIVERED_TO_HANDSET = "delivered_to_handset"
    VALIDITY_EXPIRED = "validity_expired"
    UNDELIVERABLE = "undeliverable"
    REJECTED_BY_CARRIER = "rejected_by_carrier"
    CANCELLED = "cancelled"
    ACCOUNT_LIMIT = "account_limit"
    INVALID_DESTINATION = "invalid_destination"
    UNSPECIFIED = "unspecified"
    BLOCKED_CONTENT = "blocked_content"
    OPTED_OUT = "opted_out"
    SENDER_INVALID = "sender_invalid"
    NETWORK_ERROR = "network_error"
    PROVIDER_ERROR = "provider_error"


class _Contract(BaseModel):
    # A consumer of version 1 must not break on a field that a later minor change adds.
    model_config = ConfigDict(frozen=True, extra="ignore")


class StatusReason(_Contract):
    """Why the SMS is in this status."""

    category: Category = Field(description="The reason in the relay's closed vocabulary.")
    permanent: bool | None = Field(
        description="Whether sending again can never help (true), may help (false), or is not known (null)."
    )
    code: str = Field(description="The provider's reason, verbatim.", examples=["EXPIRED"])


class Source(_Contract):
    """Where the fact comes from: the provider's own words, verbatim."""

    provider: Literal["sofy"] = Field(description="The provider.")
    account: str = Field(description="The relay's name of the account at the provider.", examples=["default"])
    webhook_id: str | None = Field(description="The provider's id of the webhook's registration.")
    delivery_id: str | None = Field(
        description="The provider's id of this webhook. Not part of event_id: a replay may carry another one."
    )
    status: str = Field(description="The provider's status, verbatim.", examples=["errored"])
    status_reason: str | None = Field(description="The provider's reason, verbatim; null if it gave none.")
    extra: dict[str, Any] = Field(
        description=(
            "What has no typed place: unknown fields, and fields that could not be read, verbatim under the "
            "provider's names; those of the envelope under _envelope. Under a privacy mode each value is null."
        )
    )


class SmsStatusEvent(_Contract):
    """One fact about one SMS, as it stands on the status topic.

    Delivery is at least once: de-duplicate on `event_id`. Never go by arrival; of two events of one
    SMS the newer state has, in this order, the greater `is_final`, `status_rank`, `occurred_at`
    (null lowest), offset.
    """

    schema_version: Literal[1] = Field(description="The version of this schema.")
    event_id: str = Field(
        description="UUIDv5 of the fact: the same for the same fact, whatever replays or replicas it came through.",
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
    )
    sms_id: str = Field(description="The provider's id of the SMS, to the letter; also the record's key.")
    status: Status = Field(description="What became of the SMS; unknown for a word that the relay does not know yet.")
    status_rank: Annotated[int, Field(description="The status's place in the SMS's life: 0, 10, 20 or 100.")]
    is_final: bool = Field(description="Whether no other status follows.")
    reason: StatusReason | None = Field(description="Why; null if the provider gave no reason.")
    recipient: str | None = Field(
        description="The recipient in E.164 where the provider's number is a valid one, else verbatim.",
        examples=["+590690112233"],
    )
    sender: str | None = Field(
        description="The sender, verbatim: a short code, a number or a name.", examples=["36789"]
    )
    body: str | None = Field(description="The text of the SMS.")
    segments: int | None = Field(description="How many segments the SMS took.", ge=0)
    price: str | None = Field(
        description="The price as an exact decimal; the provider does not say the currency.",
        pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$",
        examples=["0.08"],
    )
    created_at: Timestamp | None = Field(description="When the SMS was created at the provider.")
    occurred_at: Timestamp | None = Field(description="When the SMS came into this status, by the provider's clock.")
    received_at: Timestamp = Field(description="When the relay received the webhook; also the record's timestamp.")
    source: Source = Field(description="Where the fact comes from.")
