"""Identity: the same fact, or the same bytes, always has the same id.

Pure and frozen: the golden values in the tests never change, for a changed id would make every
consumer see every fact twice.
"""

from hashlib import sha1
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from pydantic_core import to_json

EVENT_NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:sofy-relay:event:1")
PAYLOAD_NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:sofy-relay:payload:1")
_EVENT_SPACE: Final = EVENT_NAMESPACE.bytes
_PAYLOAD_SPACE: Final = PAYLOAD_NAMESPACE.bytes
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""A hexadecimal digit with RFC 9562's variant in its two upper bits."""


def event_id(*, account: str, sms_id: str, status: str, reason: str, time: str) -> str:
    """Give the UUIDv5 text of a status fact.

    The name is the compact JSON array of the fact in UTF-8, as Python's `json` writes it without `ensure_ascii`: a test
    compares the two for every letter.

    Args:
        account: The relay's name of the account.
        sms_id: The SMS id, to the letter.
        status: The provider's status; outer blanks and case make no difference.
        reason: The provider's reason exactly as given; empty if absent or null.
        time: `updatedAt` as `relay.events.times.rfc3339`, its text if unreadable, empty if absent.
    """
    return _uuid5_text(_EVENT_SPACE + to_json(["sofy", account, sms_id, status.strip().lower(), reason, time]))


def payload_id(account: str, payload: bytes) -> str:
    """Give the UUIDv5 text of bytes that are passed on whole: of another event type, or dead letters.

    The same bytes of the same account have the same id; anything else is a new one: we don't guess.
    """
    return _uuid5_text(b"".join((_PAYLOAD_SPACE, account.encode(), b"\0", payload)))


def _uuid5_text(named: bytes) -> str:
    """Give the UUIDv5's text: RFC 9562, 5.5, SHA-1 over namespace and name, cut off, version and variant set.

    `uuid.uuid5` takes bytes only from Python 3.12 on, and costs four times as much with the text made of it.
    """
    digest = sha1(named, usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{_VARIANT[digest[16]]}{digest[17:20]}-{digest[20:32]}"
