"""What personal data goes to Kafka: pure functions over events and dead letters.

Applied after identity, so a change of mode changes no `event_id`.
"""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import phonenumbers

from relay.events.record import Record
from relay.events.status_event import StatusEvent

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_KEPT_DIGITS: Final = 2


class Numbers(StrEnum):
    """What becomes of phone numbers."""

    KEEP = "keep"
    MASK = "mask"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class Privacy:
    """The modes that the settings ask for."""

    keep_body: bool = True
    numbers: Numbers = Numbers.KEEP
    key: bytes = field(default=b"", repr=False)
    """The key of the hash; without it the few billions of numbers could be tried one by one."""
    keep_dead_letter_payload: bool = True

    @property
    def keeps_everything(self) -> bool:
        """Whether status events go out as they are."""
        return self.keep_body and self.numbers is Numbers.KEEP


def of_event(event: StatusEvent, privacy: Privacy) -> StatusEvent:
    """Give the event as the modes allow it: body, recipient, a sender that is a number, extra."""
    if privacy.keeps_everything:
        return event
    return event._replace(
        body=event.body if privacy.keep_body else None,
        recipient=None if event.recipient is None else of_number(event.recipient, privacy),
        sender=_of_sender(event.sender, privacy),
        extra=_names_only(event.extra),
    )


def of_number(number: str, privacy: Privacy) -> str:
    """Give a number kept, masked (country code and last two digits stay), or hashed.

    The same number always gives the same hash: ``hmac-sha256:<hex>``.
    """
    if privacy.numbers is Numbers.KEEP:
        return number
    if privacy.numbers is Numbers.HASH:
        return f"hmac-sha256:{hmac.digest(privacy.key, number.encode(), 'sha256').hex()}"
    shown = _country_prefix(number)
    hidden = max(len(number) - len(shown) - _KEPT_DIGITS, 0)
    return f"{shown}{'*' * hidden}{number[len(shown) + hidden :]}" if hidden else "*" * len(number)


def of_dead_letter(record: Record, privacy: Privacy) -> Record:
    """Give the dead letter with its bytes, or with a stub in their place; the id stays that of the bytes."""
    return record if privacy.keep_dead_letter_payload else stub(record)


def stub(record: Record) -> Record:
    """Give the record with the size and hash of its value in the value's place."""
    value = {"size": len(record.value), "sha256": hashlib.sha256(record.value).hexdigest()}
    return record._replace(
        value=json.dumps(value).encode(), headers={**record.headers, "content-type": "application/json"}
    )


def _of_sender(sender: str | None, privacy: Privacy) -> str | None:
    # A short code or a name is the sending company's, not a person's; a full number may be.
    if sender is None or not _E164.fullmatch(sender if sender.startswith("+") else f"+{sender}"):
        return sender
    return of_number(sender, privacy)


def _country_prefix(number: str) -> str:
    if not _E164.fullmatch(number):
        return ""
    try:
        return f"+{phonenumbers.parse(number).country_code}"
    except phonenumbers.NumberParseException:
        return ""


def _names_only(extra: dict[str, Any]) -> dict[str, Any]:
    # An item may have a field of that name itself, of any type.
    return {
        name: _names_only(value) if name == "_envelope" and isinstance(value, dict) else None
        for name, value in extra.items()
    }
