"""Sofy's words and what they mean: the one table to extend when Sofy adds a word.

Facts: `docs/provider.md`. Words are matched without regard to case and outer blanks.
"""

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from relay.events.sms_status import Category, Status, StatusReason
from relay.events.status_event import Meaning


@dataclass(frozen=True, slots=True)
class _Row:
    """What a reason says when it comes with a word of failure."""

    status: Status
    category: Category
    permanent: bool | None = None


# The upper-case words are SMPP message states as a delivery receipt's `stat:` spells them, the
# lower-case ones Sofy's own. Words that SMPP leaves open (UNKNOWN, ACCEPTD, ENROUTE) are absent:
# they say no more than the status does.
_FAILURES: Final = MappingProxyType(
    {
        "expired": _Row(Status.EXPIRED, Category.VALIDITY_EXPIRED),
        "undeliv": _Row(Status.UNDELIVERED, Category.UNDELIVERABLE),
        "rejectd": _Row(Status.REJECTED, Category.REJECTED_BY_CARRIER),
        "deleted": _Row(Status.CANCELLED, Category.CANCELLED),
        "insufficient_balance": _Row(Status.FAILED, Category.ACCOUNT_LIMIT, permanent=False),
        "invalid_phone_number": _Row(Status.FAILED, Category.INVALID_DESTINATION, permanent=True),
    }
)
_DELIVERED_REASON: Final = "delivrd"

# Words of failure, and the status that each has by itself: v1's `errored`, then v2's.
_FAILURE_WORDS: Final = MappingProxyType(
    {
        "errored": Status.FAILED,
        "rejected": Status.REJECTED,
        "failed": Status.FAILED,
        "undelivered": Status.UNDELIVERED,
        "expired": Status.EXPIRED,
    }
)
_LONGEST_REMEMBERED: Final = 128
"""Letters of both words together: Sofy's few are remembered, nobody's novel is."""
_OTHER_WORDS: Final = MappingProxyType(
    {"pending": Status.PENDING, "sent": Status.SENT, "delivered": Status.DELIVERED},
)


def interpret(status: str, reason: str) -> Meaning:
    """Give what Sofy's two words mean.

    Total: an unknown status is `Status.UNKNOWN`, an unknown reason `Category.UNSPECIFIED`, an empty
    reason None.
    """
    if len(status) + len(reason) > _LONGEST_REMEMBERED:
        return _interpret(status, reason)
    return _remembered(status, reason)


def _interpret(status: str, reason: str) -> Meaning:
    status_word, reason_word = status.strip().lower(), reason.strip().lower()
    own_status = _FAILURE_WORDS.get(status_word)
    if own_status is not None:
        row = _FAILURES.get(reason_word, _Row(own_status, Category.UNSPECIFIED))
        if not reason_word:
            return Meaning.of(own_status, None)
        return Meaning.of(row.status, StatusReason(category=row.category, permanent=row.permanent, code=reason))
    found = _OTHER_WORDS.get(status_word, Status.UNKNOWN)
    if not reason_word:
        return Meaning.of(found, None)
    category = _category(found, reason_word)
    return Meaning.of(found, StatusReason(category=category, permanent=None, code=reason))


_remembered: Final = lru_cache(maxsize=1024)(_interpret)


def _category(status: Status, reason_word: str) -> Category:
    if reason_word == _DELIVERED_REASON:
        return Category.DELIVERED_TO_HANDSET
    if status is Status.DELIVERED:
        # Whatever stands beside "delivered", it is no reason of a failure.
        return Category.UNSPECIFIED
    row = _FAILURES.get(reason_word)
    return Category.UNSPECIFIED if row is None else row.category


def combinations() -> frozenset[tuple[Status, str]]:
    """Give every (status, category or empty) that `interpret` can give: the metric's label pairs."""
    words = [*_FAILURE_WORDS, *_OTHER_WORDS, "a word that no table holds"]
    reasons = ["", *_FAILURES, _DELIVERED_REASON, "a reason that no table holds"]
    found = set()
    for word in words:
        for reason in reasons:
            meaning = interpret(word, reason)
            found.add((meaning.status, "" if meaning.reason is None else str(meaning.reason.category)))
    return frozenset(found)
