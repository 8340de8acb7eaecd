"""Who sent a webhook: path token or Basic password (v1), HMAC signature (v2), per account.

Trust is a type: `Authenticator.authenticate` alone makes an `AuthenticDelivery`. Its verdicts are pure: the clock's
reading comes as an argument. Facts: `docs/provider.md`.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from relay.reasons import Reason

DEFAULT_ACCOUNT: Final = "default"
SIGNATURE_HEADER: Final = "x-sofy-signature"
TIMESTAMP_HEADER: Final = "x-sofy-timestamp"
FUTURE_TOLERANCE_S: Final = 300
"""How far ahead Sofy's clock may be."""

_SIGNATURE, _TIMESTAMP = SIGNATURE_HEADER.encode(), TIMESTAMP_HEADER.encode()
_TIMESTAMP_TEXT: Final = re.compile(rb"[0-9]{1,11}")
_SIGNATURE_TEXT: Final = re.compile(rb"[0-9A-Fa-f]{64}")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request shows before its body is read: where it knocked, and with which headers."""

    account: str | None
    """The account that the path names; None for ``/webhooks/sofy`` itself and for a token path."""
    token: bytes | None
    """The path's token, percent-decoded; None on the other paths."""
    headers: Sequence[tuple[bytes, bytes]]
    """Every header field as received, names in lower case, repeats kept."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an account's webhooks prove themselves with. Two of a kind at once = rotation."""

    tokens: tuple[bytes, ...] = field(default=(), repr=False)
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    webhook_ids: frozenset[str] = frozenset()
    """The expected ids of registrations; empty = any."""


class AuthenticDelivery(NamedTuple):
    """A webhook body whose sender proved who it is. Only `Authenticator.authenticate` makes one.

    And the replay of a dead letter makes it again: nothing else ever becomes a dead letter. And reconciliation, around
    an answer of Sofy's own API.
    """

    account: str
    body: bytes
    received_at: datetime


def sign(secret: bytes, timestamp: bytes, body: bytes) -> bytes:
    """Give v2's signature: HMAC-SHA256 over ``<timestamp>.<body>``, 32 bytes."""
    return hmac.digest(secret, timestamp + b"." + body, "sha256")


class Authenticator:
    """Judges claims and deliveries against the accounts' credentials."""

    def __init__(
        self,
        accounts: Mapping[str, Credentials],
        *,
        allow_unauthenticated: bool = False,
        require_signature: bool = True,
        max_age_s: int = 604_800,
    ) -> None:
        """Take the accounts.

        Args:
            accounts: By name; `default` is the one of the paths that name none.
            allow_unauthenticated: Believe anybody on an account that has neither token nor secret.
            require_signature: Refuse unsigned webhooks of an account that has secrets.
            max_age_s: How old a signature's timestamp may be, in seconds. Sofy may not sign a
                replay anew and its replays' delays are not known; an old capture is harmless, for
                the same fact has the same `event_id`.
        """
        self._accounts = {DEFAULT_ACCOUNT: Credentials(), **accounts}
        # Compared as digests: of equal length, so that the comparison's time says nothing at all.
        self._tokens = [(_digest(token), name) for name, its in self._accounts.items() for token in its.tokens]
        self._allow_unauthenticated = allow_unauthenticated
        self._require_signature = require_signature
        self._max_age_s = max_age_s
        self._screened: tuple[Claim, str] | None = None

    @property
    def accounts(self) -> tuple[str, ...]:
        """The names of all accounts."""
        return tuple(self._accounts)

    def screen(self, claim: Claim) -> str | Reason:
        """Judge what shows without the body: give the account that is left to be proven, or why not."""
        account = self._screen(claim)
        if not isinstance(account, Reason):
            self._screened = claim, account
        return account

    def _screen(self, claim: Claim) -> str | Reason:
        signed = _is_signed(claim)
        named = self._named_account(claim, signed=signed)
        if isinstance(named, Reason):
            return named
        account, by_token = named
        credentials = self._accounts[account]
        if signed:
            return account
        if credentials.secrets and self._require_signature:
            return Reason.MISSING_SIGNATURE
        if by_token or self._is_open(credentials):
            return account
        return Reason.MISSING_CREDENTIALS

    def authenticate(self, claim: Claim, body: bytes, received_at: datetime) -> AuthenticDelivery | Reason:
        """Judge a whole delivery; `received_at` is aware and also the clock for the timestamp's age."""
        # Most bodies arrive with their head: then this claim is the one that was screened last, by these very accounts.
        screened = self._screened
        account = screened[1] if screened is not None and screened[0] is claim else self._screen(claim)
        if isinstance(account, Reason):
            return account
        credentials = self._accounts[account]
        if _is_signed(claim) and not self._is_open(credentials):
            refusal = self._judge_signature(claim, credentials, body, received_at.timestamp())
            if refusal is not None:
                return refusal
        return AuthenticDelivery(account, body, received_at)

    def expects(self, account: str, webhook_id: str | None) -> bool:
        """Say whether a webhook of this registration is expected on the account."""
        expected = self._accounts[account].webhook_ids
        return not expected or webhook_id in expected

    def _is_open(self, credentials: Credentials) -> bool:
        return self._allow_unauthenticated and not credentials.tokens and not credentials.secrets

    def _named_account(self, claim: Claim, *, signed: bool) -> tuple[str, bool] | Reason:
        """Give the account that the request names, and whether a token proves it."""
        if claim.account is not None:
            return (claim.account, False) if claim.account in self._accounts else Reason.UNKNOWN_ACCOUNT
        token = claim.token if claim.token is not None else _basic_password(claim.headers)
        if token is None:
            return DEFAULT_ACCOUNT, False
        owner = self._owner_of(token)
        if owner is not None:
            return owner, True
        if self._allow_unauthenticated and not self._tokens:
            return DEFAULT_ACCOUNT, False
        # A signature is judged alone, so a password that some proxy put there does no harm.
        if signed and claim.token is None:
            return DEFAULT_ACCOUNT, False
        return Reason.UNKNOWN_TOKEN

    def _owner_of(self, token: bytes) -> str | None:
        presented, owner = _digest(token), None
        for known, name in self._tokens:  # no early end: the time says nothing of which one matched
            if hmac.compare_digest(known, presented):
                owner = name
        return owner

    def _judge_signature(self, claim: Claim, credentials: Credentials, body: bytes, now: float) -> Reason | None:
        timestamps = [value for name, value in claim.headers if name == _TIMESTAMP]
        signatures = [value for name, value in claim.headers if name == _SIGNATURE]
        if len(timestamps) != 1 or len(signatures) != 1:
            return Reason.INVALID_SIGNATURE
        timestamp, signature = timestamps[0], signatures[0]
        if not _TIMESTAMP_TEXT.fullmatch(timestamp) or not _SIGNATURE_TEXT.fullmatch(signature):
            return Reason.INVALID_SIGNATURE
        presented, matched = bytes.fromhex(signature.decode("ascii")), False
        for secret in credentials.secrets:
            matched |= hmac.compare_digest(sign(secret, timestamp, body), presented)
        if not matched:
            return Reason.INVALID_SIGNATURE
        age = now - int(timestamp)
        if not -FUTURE_TOLERANCE_S <= age <= self._max_age_s:
            return Reason.STALE_TIMESTAMP
        return None


def _is_signed(claim: Claim) -> bool:
    for name, _ in claim.headers:  # noqa: SIM110 - a generator costs more than the loop
        if name in (_SIGNATURE, _TIMESTAMP):
            return True
    return False


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _basic_password(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """Give the password of `Authorization: Basic` (RFC 7617); None without one, empty if unreadable."""
    found = [value for name, value in headers if name == b"authorization"]
    if not found:
        return None
    scheme, _, encoded = found[0].partition(b" ")
    if len(found) > 1 or scheme.lower() != b"basic":
        return b""
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        return b""
    return decoded.partition(b":")[2]
