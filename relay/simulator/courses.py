"""How the life of an SMS may go: statuses, reasons and delays, and how often each course is taken.

The words are Sofy's. The delays and shares are near what a sender with clean lists sees; Sofy publishes
neither. A validity period of one minute is short, but no SMS should keep a developer waiting for two days.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Version(StrEnum):
    """The version of Sofy's API that an SMS or a registration came through."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class Step:
    """The SMS comes into this status, so many seconds (from, to) after it came into the one before."""

    status: str
    reason: str
    after_s: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Course:
    """The steps of a life; the last one, and no other, is a final status."""

    weight: float
    """How often, compared with the other courses."""
    steps: tuple[Step, ...]
    versions: frozenset[Version] = frozenset(Version)
    """Whose words these are."""


SENT: Final = Step("sent", "", (0.3, 2.0))
_DELIVERED: Final = Step("delivered", "DELIVRD", (1.0, 12.0))
_V2: Final = frozenset({Version.V2})


def _errored(weight: float, reason: str, low_s: float, high_s: float) -> Course:
    return Course(weight, (SENT, Step("errored", reason, (low_s, high_s))))


def _refused(weight: float, reason: str) -> Course:
    return Course(weight, (Step("errored", reason, (0.1, 0.8)),))


DELIVERED: Final = Course(780, (SENT, _DELIVERED))
EXPIRED: Final = _errored(35, "EXPIRED", 60, 62)
_UNDELIVERABLE: Final = _errored(40, "UNDELIV", 5, 30)
_REJECTED: Final = _errored(20, "REJECTD", 0.5, 3)
_DELETED: Final = _errored(10, "DELETED", 10, 40)
_UNKNOWN: Final = _errored(8, "UNKNOWN", 10, 40)
_NO_BALANCE: Final = _refused(14, "insufficient_balance")
INVALID_NUMBER: Final = _refused(30, "invalid_phone_number")

COURSES: Final = (
    DELIVERED,
    Course(20, (SENT, Step("delivered", "", (1.0, 12.0)))),
    EXPIRED,
    _UNDELIVERABLE,
    _REJECTED,
    _DELETED,
    _UNKNOWN,
    _errored(6, "ACCEPTD", 10, 40),
    _errored(6, "ENROUTE", 10, 40),
    INVALID_NUMBER,
    _NO_BALANCE,
    _refused(6, ""),
    Course(4, (SENT, Step("undelivered", "", (5.0, 30.0))), _V2),
    Course(4, (Step("rejected", "", (0.1, 0.8)),), _V2),
    Course(3, (Step("failed", "", (0.1, 0.8)),), _V2),
)

ENDINGS: Final = MappingProxyType(
    {
        "9901": EXPIRED,
        "9902": _UNDELIVERABLE,
        "9903": _REJECTED,
        "9904": _DELETED,
        "9905": _UNKNOWN,
        "9906": _NO_BALANCE,
        "9907": INVALID_NUMBER,
    }
)
"""By the last digits of a recipient: the course of an SMS that somebody sends. Any other is delivered."""
