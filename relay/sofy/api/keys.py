"""Who asks Sofy's API: v1's key pair or v2's bearer token, each as the headers that carry it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_HEADER_TEXT: Final = re.compile(r"[\x21-\x7e]+")


class ApiVersion(StrEnum):
    """A version of Sofy's API; the value is how its paths begin."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What one version's requests prove themselves with."""

    version: ApiVersion
    headers: Mapping[str, str] = field(repr=False)
    named: str
    """Where a person finds it: the names of its settings."""


def key_pair(key_id: str, secret: str, *, named: str) -> ApiKey:
    """Give v1's key, which belongs to one location of a shop."""
    return ApiKey(ApiVersion.V1, {"X-API-KEY-ID": key_id, "X-API-KEY-SECRET": secret}, named)


def bearer(token: str, *, named: str) -> ApiKey:
    """Give v2's key."""
    return ApiKey(ApiVersion.V2, {"Authorization": f"Bearer {token}"}, named)


def can_be_sent(secret: str) -> bool:
    """Say whether a part of a key can stand in a header: ASCII without blanks, line breaks least of all."""
    return _HEADER_TEXT.fullmatch(secret) is not None
