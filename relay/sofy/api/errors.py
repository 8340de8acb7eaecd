"""Why Sofy's API did not do what was asked: a closed vocabulary, and one sentence for each. Pure.

A sentence says what failed, why, and what to do. It holds nothing that Sofy wrote: an answer may repeat a URL,
and that may hold a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from relay.sofy.api.keys import ApiKey


class Trouble(StrEnum):
    """What went wrong with a call."""

    TIMED_OUT = "timed_out"
    REFUSED = "connection_refused"
    UNREACHABLE = "unreachable"
    UNKNOWN_HOST = "unknown_host"
    CERTIFICATE = "certificate"
    DISCONNECTED = "disconnected"
    NOT_HTTP = "not_http"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_FAULT = "server_fault"
    REDIRECTED = "redirected"
    REJECTED = "rejected"
    NOT_JSON = "not_json"
    UNEXPECTED = "unexpected"


_WAY: Final = "check RELAY_SOFY__API_URL, and that this machine may connect to it"
_LATER: Final = "try again later"
_NOT_SOFY: Final = "check RELAY_SOFY__API_URL: something else than Sofy's API answers there"

_SAYS: Final[Mapping[Trouble, tuple[str, str]]] = MappingProxyType(
    {
        Trouble.TIMED_OUT: ("{at} did not answer in time", f"{_LATER}, or {_WAY}"),
        Trouble.REFUSED: ("{at} refuses connections", _WAY),
        Trouble.UNREACHABLE: ("{at} cannot be reached", _WAY),
        Trouble.UNKNOWN_HOST: ("the host name of {at} is not known", "check RELAY_SOFY__API_URL"),
        Trouble.CERTIFICATE: (
            "{at} has no certificate that this machine trusts",
            "check RELAY_SOFY__API_URL, or name the file of the authority to trust in SSL_CERT_FILE",
        ),
        Trouble.DISCONNECTED: ("{at} ended the connection without an answer", _LATER),
        Trouble.NOT_HTTP: ("{at} does not answer in HTTP", _NOT_SOFY),
        Trouble.UNAUTHORIZED: ("Sofy does not know this key (401)", "check {key}"),
        Trouble.FORBIDDEN: ("Sofy does not let this key do that (403)", "give it the right at Sofy, or change {key}"),
        Trouble.NOT_FOUND: ("{at} has no such place (404)", "check RELAY_SOFY__API_URL, and that the key is of {api}"),
        Trouble.TOO_MANY_REQUESTS: ("Sofy takes no more requests for now (429)", "try again {when}"),
        Trouble.SERVER_FAULT: ("Sofy has a fault of its own ({status})", "try again {when}"),
        Trouble.REDIRECTED: (
            "{at} answers with a redirect ({status}), which would take the key elsewhere",
            "set RELAY_SOFY__API_URL to where the API is now",
        ),
        Trouble.REJECTED: ("Sofy rejects the request ({status})", "check the URL and the events that you gave"),
        Trouble.NOT_JSON: ("the answer of {at} is not JSON", _NOT_SOFY),
        Trouble.UNEXPECTED: (
            "the answer of {at} has not the form that this version of the relay knows",
            "check RELAY_SOFY__API_URL, and look for a newer version of the relay",
        ),
    }
)

_TRANSIENT: Final = frozenset(
    {
        Trouble.TIMED_OUT,
        Trouble.REFUSED,
        Trouble.UNREACHABLE,
        Trouble.UNKNOWN_HOST,
        Trouble.DISCONNECTED,
        Trouble.TOO_MANY_REQUESTS,
        Trouble.SERVER_FAULT,
    }
)
_NOT_DONE: Final = frozenset(
    {
        Trouble.REFUSED,
        Trouble.UNREACHABLE,
        Trouble.UNKNOWN_HOST,
        Trouble.CERTIFICATE,
        Trouble.UNAUTHORIZED,
        Trouble.FORBIDDEN,
        Trouble.NOT_FOUND,
        Trouble.TOO_MANY_REQUESTS,
        Trouble.REDIRECTED,
        Trouble.REJECTED,
    }
)


def trouble_of(status: int) -> Trouble | None:
    """Give what an answer's status means; None for a success."""
    named = {
        HTTPStatus.UNAUTHORIZED: Trouble.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN: Trouble.FORBIDDEN,
        HTTPStatus.NOT_FOUND: Trouble.NOT_FOUND,
        HTTPStatus.TOO_MANY_REQUESTS: Trouble.TOO_MANY_REQUESTS,
    }
    for found, trouble in named.items():
        if status == found:
            return trouble
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Trouble.SERVER_FAULT
    if status >= HTTPStatus.BAD_REQUEST:
        return Trouble.REJECTED
    return Trouble.REDIRECTED if status >= HTTPStatus.MULTIPLE_CHOICES else None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of whom: what every sentence needs."""

    doing: str
    """As a sentence begins: "Listing the webhooks of v1"."""
    address: str
    """The API's base URL."""
    key: ApiKey


class ApiError(Exception):
    """A call failed; as text one sentence without anything secret: what failed, why, what to do."""

    def __init__(
        self, trouble: Trouble, asked: Asked, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        why, advice = _SAYS[trouble]
        words = {
            "at": asked.address,
            "key": asked.key.named,
            "api": asked.key.version,
            "status": status,
            "when": "later" if retry_after_s is None else f"in {retry_after_s:.0f} s",
        }
        self.trouble = trouble
        self.status = status
        self.retry_after_s = retry_after_s
        """How long Sofy asks to stay away, in seconds; None: it does not say."""
        self.why = f"{asked.doing} failed: {why.format(**words)}"
        super().__init__(f"{self.why}; {advice.format(**words)}.")

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed in a moment."""
        return self.trouble in _TRANSIENT

    @property
    def may_have_been_done(self) -> bool:
        """Whether Sofy may have done what was asked all the same: then it must not be asked again blindly."""
        return self.trouble not in _NOT_DONE


class UnknownWebhookError(Exception):
    """There is no registration of this id, or another key's; one sentence."""


class UncertainError(Exception):
    """Whether a registration was made cannot be found out; one sentence."""
