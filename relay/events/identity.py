"""Identity: the same fact, or the same bytes, always has the same id.

Pure and frozen: the golden values in the tests never change, for a changed id would make every
consumer see every fact twice.
"""

import json
from hashlib import sha1
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

EVENT_NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:sofy-relay:event:1")
PAYLOAD_NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:sofy-relay:payload:1")


def event_id(*, account: str, sms_id: str, status: str, reason: str, time: str) -> str:
    """Give the UUIDv5 text of a status fact.

    Args:
        account: The relay's name of the account.
        sms_id: The SMS id, to the letter.
        status: The provider's status; outer blanks and case make no difference.
        reason: The provider's reason exactly as given; empty if absent or null.
        time: `updatedAt` as `relay.events.times.rfc3339`, its text if unreadable, empty if absent.
    """
    fact = ["sofy", account, sms_id, status.strip().lower(), reason, time]
    return str(uuid5(EVENT_NAMESPACE, json.dumps(fact, ensure_ascii=False, separators=(",", ":"))))


def payload_id(account: str, payload: bytes) -> str:
    """Give the UUIDv5 text of bytes that are passed on whole: of another event type, or dead letters.

    The same bytes of the same account have the same id; anything else is a new one: we don't guess.
    """
    return str(_uuid5_of_bytes(PAYLOAD_NAMESPACE, account.encode() + b"\0" + payload))


def _uuid5_of_bytes(namespace: UUID, name: bytes) -> UUID:
    # RFC 9562, 5.5: SHA-1 over namespace and name. `uuid.uuid5` takes bytes only from Python 3.12 on.
    return UUID(bytes=sha1(namespace.bytes + name, usedforsecurity=False).digest()[:16], version=5)
