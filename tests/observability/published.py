"""A durable status event, as far as it is counted."""

from dataclasses import dataclass
from datetime import datetime

from relay.events.sms_status import Status


@dataclass(frozen=True)
class Why:
    category: str


@dataclass(frozen=True)
class Published:
    """Satisfies `relay.observability.observer.PublishedStatus`."""

    sms_id: str
    status: str
    category: str = ""
    recipient: str | None = None
    created_at: datetime | None = None
    occurred_at: datetime | None = None

    @property
    def status_rank(self) -> int:
        return Status(self.status).rank

    @property
    def is_final(self) -> bool:
        return Status(self.status).is_final

    @property
    def reason(self) -> Why | None:
        return Why(self.category) if self.category else None
