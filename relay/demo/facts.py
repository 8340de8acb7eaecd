"""What a fact is to the demo's ledger, found out without the relay's own identity.

The ledger must not trust what it checks: `event_id` and `relay-id` are the relay's, so neither is used.
A status is known again by what Sofy said (account, SMS id, status, reason, time), an unreadable one by its
content. Pure.
"""

import json
from hashlib import blake2b
from typing import Final, NewType

from relay.simulator import payloads

Fact = NewType("Fact", bytes)
"""The digest of one distinct fact; equal for a replay, different for anything else. 16 bytes: there may be millions."""

_SIZE: Final = 16


def status_fact(*, account: str, sms_id: str, status: str, reason: str, time: str) -> Fact:
    """Give the fact that an item states: all five in the provider's own words, `time` its `updatedAt`."""
    return _digest("status", account, sms_id, status, reason, time)


def fact_of(account: str, said: payloads.Fact) -> Fact:
    """Give the fact that an item of a webhook of the relay's `account` states."""
    if isinstance(said, payloads.UnreadableFact):
        return letter_fact(account, said.payload)
    return status_fact(
        account=account, sms_id=said.sms_id, status=said.status, reason=said.reason, time=said.updated_at
    )


def letter_fact(account: str, payload: bytes) -> Fact:
    """Give the fact that something unreadable came: a whole body, or the envelope around one broken item.

    What is JSON counts by its content, since the relay writes a broken item's envelope anew; all else by
    its bytes.
    """
    try:
        content = json.dumps(json.loads(payload), sort_keys=True)
    except (ValueError, RecursionError):
        return _digest("bytes", account, payload.hex())
    return _digest("json", account, content)


def fact_of_status_record(value: bytes) -> Fact | None:
    """Give the fact that a record of the status topic states; None if it is no event of the contract's version 1."""
    try:
        event = json.loads(value)
        source = event["source"]
        return status_fact(
            account=source["account"],
            sms_id=event["sms_id"],
            status=source["status"],
            reason=source["status_reason"] or "",
            time=event["occurred_at"] or "",
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _digest(*parts: str) -> Fact:
    return Fact(blake2b(json.dumps(parts).encode(), digest_size=_SIZE).digest())
