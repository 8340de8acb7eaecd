"""Who calls the REST: any key of the right form is an account of its own. Pure."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from relay.simulator.courses import Version
from relay.simulator.openapi import BEARER_PREFIX, KEY_ID_HEADER, KEY_SECRET_HEADER

MOST_KEYS: Final = 1000


class Accounts:
    """The keys seen so far. Nobody hands out keys here: the first secret of a key id is the one that it keeps."""

    def __init__(self) -> None:
        self._secrets: dict[str, bytes] = {}

    def identify(self, version: Version, headers: Mapping[str, str]) -> str | None:
        """Give the account that a request's headers (looked up without regard to case) prove; None: none."""
        if version is Version.V2:
            return self._by_bearer(headers.get("authorization", ""))
        return self._by_pair(headers.get(KEY_ID_HEADER, ""), headers.get(KEY_SECRET_HEADER, ""))

    def _by_bearer(self, authorization: str) -> str | None:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token.startswith(BEARER_PREFIX) or token == BEARER_PREFIX:
            return None
        # The account's name may be logged or shown; the key itself never.
        return f"v2-{_digest(token).hex()[:16]}"

    def _by_pair(self, key_id: str, secret: str) -> str | None:
        if not key_id or not secret or (key_id not in self._secrets and len(self._secrets) >= MOST_KEYS):
            return None
        known = self._secrets.setdefault(key_id, _digest(secret))
        return f"v1-{_digest(key_id).hex()[:16]}" if hmac.compare_digest(known, _digest(secret)) else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
