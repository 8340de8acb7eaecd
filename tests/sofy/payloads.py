"""The provider's own payloads, and ways to vary them."""

import json
from pathlib import Path
from typing import Any

SAMPLE: dict[str, Any] = {
    "data": [
        {
            "body": "Hello world !",
            "from": "36789",
            "to": "590690112233",
            "createdAt": "2022-12-29T18:24:27.000Z",
            "updatedAt": "2022-12-29T18:24:44.938Z",
            "id": "zzzzz",
            "status": "delivered",
            "statusReason": "DELIVRD",
            "price": 0.08,
            "parts": 1,
        }
    ],
    "webhookId": "xxxxx",
    "id": "yyyyy",
    "type": "sms.status",
}
"""`delivered` of the provider's documentation, to the letter."""

SAMPLES = {
    "sent": ("sent", "", 0.08),
    "delivered": ("delivered", "DELIVRD", 0.08),
    "errored-expired": ("errored", "EXPIRED", 0.08),
    "errored-insufficient-balance": ("errored", "insufficient_balance", 0),
    "errored-invalid-phone-number": ("errored", "invalid_phone_number", 0),
}
"""The documentation's five: status, reason and price; all else is as in `SAMPLE`."""


def item(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Give the sample's item with changes; a value of `...` removes the field."""
    changed = {**SAMPLE["data"][0], **changes}
    return {name: value for name, value in changed.items() if value is not ...}


def body(*items: Any, **envelope: Any) -> bytes:  # noqa: ANN401 - JSON
    """Give the sample's body with these items, or its own, and envelope changes."""
    changed = {**SAMPLE, "data": list(items) or SAMPLE["data"], **envelope}
    return json.dumps({name: value for name, value in changed.items() if value is not ...}).encode()


def sample(name: str) -> bytes:
    """Give one of the documentation's five payloads, byte for byte."""
    return (Path(__file__).parent / "samples" / f"{name}.json").read_bytes()
