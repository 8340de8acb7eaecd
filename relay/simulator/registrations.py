"""Who wants webhooks: registrations, each of one account of Sofy's and of one version of its API."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from relay.simulator.courses import Version

STATUS_EVENT: Final = "sms.status"
EVENTS: Final = (STATUS_EVENT, "sms.reply", "rcs.reply")
"""What may be registered for. Only the first is ever sent: the payloads of the others are not known."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A URL that webhooks go to."""

    id: str
    account: str
    """Whose it is: the SMS of this account are told of."""
    version: Version
    url: str = field(repr=False)
    """v1's only secrets are in it."""
    created_at: datetime
    secret: str | None = field(default=None, repr=False)
    """Signs each webhook, as v2 does; None: unsigned, as v1's."""
    events: tuple[str, ...] = (STATUS_EVENT,)


class Registrations:
    """All registrations there are. Within one event loop."""

    def __init__(self) -> None:
        self._by_id: dict[str, Registration] = {}
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, registration: Registration) -> None:
        """Add one; its id is new."""
        self._by_id[registration.id] = registration
        self._some.set()

    def remove(self, registration: Registration) -> None:
        """Forget one: nothing is posted to it any more."""
        self._by_id.pop(registration.id, None)
        if not self._by_id:
            self._some.clear()

    def holds(self, registration: Registration) -> bool:
        """Say whether it still stands."""
        return registration.id in self._by_id

    def find(self, account: str, registration_id: str) -> Registration | None:
        """Give an account's registration; None if it has none of this id."""
        found = self._by_id.get(registration_id)
        return found if found is not None and found.account == account else None

    def of(self, account: str) -> list[Registration]:
        """Give an account's registrations, the oldest first."""
        return [each for each in self._by_id.values() if each.account == account]

    def listening(self) -> dict[str, list[Registration]]:
        """Give, by account, the registrations that want statuses."""
        found: dict[str, list[Registration]] = {}
        for each in self._by_id.values():
            if STATUS_EVENT in each.events:
                found.setdefault(each.account, []).append(each)
        return found

    async def wait_for_one(self) -> None:
        """Return once there is one."""
        await self._some.wait()
