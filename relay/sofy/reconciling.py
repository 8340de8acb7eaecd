"""What an answer of Sofy's about one SMS is good for: to be published as an event, or only to be told. Pure.

The rule and its reasons: ADR 0021. What stands on the topics came by webhooks, and more webhooks of the same SMS may
still come; an event made from an answer must then be the very event that the webhook makes, to the last letter of what
`event_id` is made from. Whatever leaves that open is told and not published.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from relay.events.sms_status import Status
from relay.events.status_event import StatusEvent
from relay.sofy.authenticity import AuthenticDelivery
from relay.sofy.normalise import compact_json
from relay.sofy.payload import STATUS_TYPE
from relay.sofy.reading import Reading, StatusFact, read
from relay.sofy.statuses import interpret
from relay.sofy.values import identifier_or_none

_COMMON_WORDS: Final = frozenset({"pending", "sent", "delivered"})
_V1_WORDS: Final = frozenset({"errored"})
_V2_WORDS: Final = frozenset({"rejected", "failed", "undelivered", "expired"})
_TO_THE_MILLISECOND: Final = re.compile(r".*\.[0-9]{3}0*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})")


class Verdict(StrEnum):
    """What became of one SMS. `decide` gives those from the first one to `NOT_PROVEN`."""

    TO_PUBLISH = "to_publish"
    KNOWN = "known"
    NOTHING_NEW = "nothing_new"
    TOLD_DIFFERENTLY = "told_differently"
    ERASED = "erased"
    CONTRADICTION = "contradiction"
    INCOMPLETE = "incomplete"
    OTHER_SMS = "other_sms"
    OTHER_ACCOUNT = "other_account"
    OTHER_WORDS = "other_words"
    NOT_PROVEN = "not_proven"
    UNUSABLE_ID = "unusable_id"
    UNKNOWN_SMS = "unknown_sms"
    NOT_ANSWERED = "not_answered"
    PUBLISHED = "published"
    NOT_WRITTEN = "not_written"

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be done by a person or by another run."""
        return self in _SETTLED


_SETTLED: Final = frozenset(
    {
        Verdict.TO_PUBLISH,
        Verdict.PUBLISHED,
        Verdict.KNOWN,
        Verdict.NOTHING_NEW,
        Verdict.TOLD_DIFFERENTLY,
        Verdict.ERASED,
    }
)

SAYS: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.TO_PUBLISH: "the status is missing and can be published",
        Verdict.KNOWN: "this very event stands on the status topic already, or did",
        Verdict.NOTHING_NEW: "Sofy knows nothing newer than the topics do",
        Verdict.TOLD_DIFFERENTLY: "the topics hold this status already, with another time, reason or word",
        Verdict.ERASED: "it was erased here, by a person or by age, and is not brought back",
        Verdict.CONTRADICTION: "the topics hold another final status; ask Sofy which one is true",
        Verdict.INCOMPLETE: "the answer lacks what the event's identity is made from, or not in full",
        Verdict.OTHER_SMS: "the answer is about an SMS of another id",
        Verdict.OTHER_ACCOUNT: "the topics know it as an SMS of another account; name that one by --account",
        Verdict.OTHER_WORDS: "a webhook may tell the same by another word, and so under another event_id",
        Verdict.NOT_PROVEN: "it may have been published before the topics' retention: they do not reach back to it",
        Verdict.UNUSABLE_ID: "this is no id that Sofy can be asked about",
        Verdict.UNKNOWN_SMS: "Sofy knows no SMS of this id by this key",
        Verdict.NOT_ANSWERED: "Sofy did not answer",
        Verdict.PUBLISHED: "the status was missing and is published now",
        Verdict.NOT_WRITTEN: "Kafka did not acknowledge the event",
    }
)
"""For a person: what a verdict means. None but `PUBLISHED` has written anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of Sofy's, read."""

    asked: str
    """The SMS id that was asked for."""
    sms_id: str | None
    """The one that the answer is about; None: it does not say."""
    status: Status | None
    """None: it says none."""
    word: str | None
    """Sofy's own word, as are the next two: verbatim, None where it is absent or no text."""
    reason: str | None
    updated_at: str | None
    delivery: AuthenticDelivery = field(repr=False)
    """The answer as a webhook that has no ids."""
    event: StatusEvent | None = field(repr=False)
    """What that webhook makes; None: nothing."""
    lacks: tuple[str, ...]
    """What the identity needs and the answer does not give in full, by Sofy's names."""


@dataclass(frozen=True, slots=True)
class KnownFact:
    """An event of an SMS that stands on a topic, or that a latest state remembers."""

    event_id: str
    status: Status
    """`UNKNOWN` also for a status of a later version of the event."""
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the topics say of one SMS, and of the account that is reconciled."""

    account: str
    """The account to publish for."""
    facts: tuple[KnownFact, ...] = ()
    erased: bool = False
    """Whether its latest state is a tombstone."""
    words: frozenset[str] = frozenset()
    """Every status word that the account's webhooks are known to use, stripped and in lower case."""
    since: datetime | None = None
    """Aware: all that was told of the SMS since then is among `facts`. None: nobody can say so of any time."""


def understand(
    asked: str, answer: Mapping[str, Any], *, account: str, received_at: datetime, e164: Callable[[str], str]
) -> Answer:
    """Read an answer (parsed JSON that can be written as UTF-8) as the pipeline reads a webhook's item. Total.

    Args:
        asked: The SMS id that was asked for.
        answer: What came.
        account: Whose SMS it is.
        received_at: Aware; when the answer came.
        e164: Gives a provider number in E.164, or verbatim.
    """
    # The words of a webhook around it, but for its two ids: there was no webhook.
    body = compact_json({"type": STATUS_TYPE, "data": [answer]}).encode()
    delivery = AuthenticDelivery(account, body, received_at)
    reading = read(delivery, expects=lambda _account, _id: True, e164=e164)
    facts = reading.facts if isinstance(reading, Reading) else ()
    event = next((fact.event for fact in facts if isinstance(fact, StatusFact)), None)
    word, reason, updated_at = (_text(answer.get(name)) for name in ("status", "statusReason", "updatedAt"))
    lacks = []
    if event is None:
        lacks.append("status")
    if reason is None:  # absent is not empty: the webhook may have one
        lacks.append("statusReason")
    if event is None or event.occurred_at is None or not _TO_THE_MILLISECOND.fullmatch(updated_at or ""):
        lacks.append("updatedAt")
    status = None if word is None or not word.strip() else interpret(word, reason or "").status
    return Answer(
        asked=asked,
        sms_id=identifier_or_none(answer.get("id")),
        status=status,
        word=word,
        reason=reason,
        updated_at=updated_at,
        delivery=delivery,
        event=event,
        lacks=tuple(lacks),
    )


def decide(known: Known, answer: Answer) -> Verdict:
    """Say what is to be done with an answer, given what is known of its SMS. Pure, total.

    `TO_PUBLISH` means: publish `answer.event`.
    """
    return _not_meant(known, answer) or _told_already(known, answer) or _left_open(known, answer) or Verdict.TO_PUBLISH


def _not_meant(known: Known, answer: Answer) -> Verdict | None:
    """Give the verdict where nothing may be published of this SMS, whatever its status."""
    if answer.sms_id is None:
        return Verdict.INCOMPLETE
    if answer.sms_id != answer.asked:
        return Verdict.OTHER_SMS
    if any(fact.account != known.account for fact in known.facts):
        return Verdict.OTHER_ACCOUNT
    return Verdict.ERASED if known.erased else None


def _told_already(known: Known, answer: Answer) -> Verdict | None:
    """Give the verdict where the topics hold this status or a newer one; None: they do not."""
    if answer.event is not None and any(fact.event_id == answer.event.event_id for fact in known.facts):
        return Verdict.KNOWN
    if answer.status is None:
        return None
    if answer.status is Status.PENDING:
        return Verdict.NOTHING_NEW  # as the answer to the send: no webhook tells of it
    told = {fact.status for fact in known.facts} - {Status.UNKNOWN}
    if answer.status in told:
        # In full it would have been the same event, had time and reason been the same.
        return Verdict.NOTHING_NEW if answer.lacks else Verdict.TOLD_DIFFERENTLY
    finals = {status for status in told if status.is_final}
    return _beside(finals, answer.status) if finals else None


def _beside(finals: set[Status], status: Status) -> Verdict:
    """Give the verdict on a status where other ones stand as final."""
    if not status.is_final:
        return Verdict.NOTHING_NEW
    if status is Status.DELIVERED or finals == {Status.DELIVERED}:
        return Verdict.CONTRADICTION
    return Verdict.TOLD_DIFFERENTLY  # two failures may be one fact: `errored` is v1's word for each of v2's


def _left_open(known: Known, answer: Answer) -> Verdict | None:
    """Give the verdict where it is open whether the event is the one that a webhook makes; None: it is."""
    if answer.lacks or answer.event is None or answer.event.occurred_at is None:
        return Verdict.INCOMPLETE
    if not _webhooks_use_this_word(known, answer):
        return Verdict.OTHER_WORDS
    return None if known.since is not None and known.since <= answer.event.occurred_at else Verdict.NOT_PROVEN


def _webhooks_use_this_word(known: Known, answer: Answer) -> bool:
    """Whether the account's webhooks are known to tell this fact by this word.

    Failures have other words in v1 and in v2, whose API was asked; which of them the webhooks use depends on how they
    were registered. A word that stands on the topics and means nothing to the relay may mean this fact as well.
    """
    if any(fact.status is Status.UNKNOWN for fact in known.facts):
        return False
    word = (answer.word or "").strip().lower()
    speak_v1, speak_v2 = (not known.words.isdisjoint(words) for words in (_V1_WORDS, _V2_WORDS))
    if word in _V1_WORDS:
        return not speak_v2  # all that v1 documents, and v2's API uses it itself
    if word in _V2_WORDS:
        return speak_v2 and not speak_v1
    return word in _COMMON_WORDS


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
