"""What an answer of Sofy's is good for: one commented table, and what holds whatever is known and answered."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.events.sms_status import Status
from relay.events.status_event import StatusEvent
from relay.sofy.authenticity import AuthenticDelivery
from relay.sofy.reading import Reading, StatusFact, read
from relay.sofy.reconciling import SAYS, Answer, Known, KnownFact, Verdict, decide, understand
from tests.sofy.payloads import body, item

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVER = datetime.min.replace(tzinfo=UTC)
V1, V2 = frozenset({"sent", "delivered", "errored"}), frozenset({"sent", "delivered", "undelivered"})
AFTER_IT = datetime(2022, 12, 29, 18, 24, 45, tzinfo=UTC)
"""A moment after the sample's `updatedAt`."""


def answered(asked: str = "zzzzz", **changes: Any) -> Answer:  # noqa: ANN401 - JSON
    """Sofy's answer: the sample's item, delivered, with changes; a value of `...` removes the field."""
    return understand(
        asked, item(isSmsFallback=False, **changes), account="default", received_at=NOW, e164=lambda number: number
    )


def known(*statuses: str, account: str = "default", **changes: Any) -> Known:  # noqa: ANN401 - any field
    """Facts of these statuses, each of another time than the answer's; everything ever told is known."""
    facts = tuple(KnownFact(f"id of {status}", Status(status), account) for status in statuses)
    return Known(**{"account": "default", "facts": facts, "since": EVER, **changes})


def of_webhook(account: str = "default", **changes: Any) -> StatusEvent:  # noqa: ANN401 - JSON
    """The event that the pipeline makes of a webhook with the sample's item, with changes."""
    delivery = AuthenticDelivery(account, body(item(**changes)), NOW - timedelta(hours=9))
    reading = read(delivery, expects=lambda _account, _id: True, e164=lambda number: number)
    assert isinstance(reading, Reading)
    [fact] = reading.facts
    assert isinstance(fact, StatusFact)
    return fact.event


def standing(**changes: Any) -> Known:  # noqa: ANN401 - JSON
    """Known is the event of a webhook with these changes."""
    event = of_webhook(**changes)
    return known(facts=(KnownFact(event.event_id, event.status, "default"),))


ERRORED = {"status": "errored", "statusReason": ""}
UNDELIVERED = {"status": "undelivered", "statusReason": ""}


@pytest.mark.parametrize(
    ("facts", "answer", "verdict"),
    [
        # Nothing, or something older, stands, and the answer is the webhook's to the letter.
        (known(), answered(), Verdict.TO_PUBLISH),
        (known("sent"), answered(), Verdict.TO_PUBLISH),
        (known("pending"), answered(status="sent", statusReason=""), Verdict.TO_PUBLISH),
        (known("sent"), answered(updatedAt="2022-12-29T20:24:44.938+02:00"), Verdict.TO_PUBLISH),
        (known("sent"), answered(updatedAt="2022-12-29T18:24:44.938000Z"), Verdict.TO_PUBLISH),
        (known(), answered(asked="17", id=17), Verdict.TO_PUBLISH),  # a webhook's id may be a number too
        (known(), answered(statusReason=""), Verdict.TO_PUBLISH),  # given, and empty
        # The very event stands.
        (standing(), answered(), Verdict.KNOWN),
        (standing(statusReason=...), answered(statusReason=""), Verdict.KNOWN),  # absent, null and empty are one
        (standing(statusReason=""), answered(statusReason=...), Verdict.KNOWN),
        (standing(status=" DELIVERED "), answered(), Verdict.KNOWN),  # case and blanks make no other fact
        (standing(updatedAt=...), answered(updatedAt=...), Verdict.KNOWN),
        # The topics are as new, or newer.
        (known("sent"), answered(status="sent", updatedAt=...), Verdict.NOTHING_NEW),
        (known("delivered"), answered(status="sent", statusReason=""), Verdict.NOTHING_NEW),
        (known("delivered"), answered(status="teleported"), Verdict.NOTHING_NEW),
        (known("delivered"), answered(updatedAt=...), Verdict.NOTHING_NEW),
        (known(), answered(status="pending", statusReason=""), Verdict.NOTHING_NEW),  # no webhook tells of it
        (known("sent"), answered(status="pending"), Verdict.NOTHING_NEW),
        # The same status stands, with another time or reason: its event_id is another one.
        (standing(updatedAt="2022-12-29T18:24:44.937Z"), answered(), Verdict.TOLD_DIFFERENTLY),
        (standing(statusReason=""), answered(), Verdict.TOLD_DIFFERENTLY),
        (standing(statusReason="delivrd"), answered(), Verdict.TOLD_DIFFERENTLY),
        (known("sent"), answered(status="sent", statusReason=""), Verdict.TOLD_DIFFERENTLY),
        # ... or by another word: `errored` is what v1 says for each of v2's.
        (standing(**ERRORED), answered(**UNDELIVERED), Verdict.TOLD_DIFFERENTLY),
        (standing(**UNDELIVERED), answered(**ERRORED), Verdict.TOLD_DIFFERENTLY),
        (known("expired"), answered(status="errored", statusReason="UNDELIV"), Verdict.TOLD_DIFFERENTLY),
        (known("delivered", "expired"), answered(status="errored"), Verdict.TOLD_DIFFERENTLY),
        # Another final stands that cannot be the same fact.
        (known("delivered"), answered(status="errored", statusReason="EXPIRED"), Verdict.CONTRADICTION),
        (known("expired"), answered(), Verdict.CONTRADICTION),
        # The identity needs more than the answer gives.
        (known(), answered(id=...), Verdict.INCOMPLETE),
        (known(), answered(status=...), Verdict.INCOMPLETE),
        (known(), answered(status=7), Verdict.INCOMPLETE),
        (known(), answered(status=" "), Verdict.INCOMPLETE),
        (known(), answered(statusReason=...), Verdict.INCOMPLETE),  # absent is not empty: the webhook may have one
        (known(), answered(statusReason=None), Verdict.INCOMPLETE),
        (known(), answered(statusReason=["DELIVRD"]), Verdict.INCOMPLETE),
        (known(), answered(updatedAt=...), Verdict.INCOMPLETE),
        (known(), answered(updatedAt=None), Verdict.INCOMPLETE),
        (known(), answered(updatedAt=""), Verdict.INCOMPLETE),
        (known(), answered(updatedAt=1672338284938), Verdict.INCOMPLETE),
        (known(), answered(updatedAt="yesterday"), Verdict.INCOMPLETE),
        (known(), answered(updatedAt="2022-13-29T18:24:44.938Z"), Verdict.INCOMPLETE),
        (known(), answered(updatedAt="2022-12-29T18:24:44.938"), Verdict.INCOMPLETE),  # no zone: UTC is a guess
        (known(), answered(updatedAt="2022-12-29T18:24:44Z"), Verdict.INCOMPLETE),  # a webhook's has milliseconds
        (known(), answered(updatedAt="2022-12-29T18:24:44.9Z"), Verdict.INCOMPLETE),
        (known(), answered(updatedAt="2022-12-29T18:24:44.938501Z"), Verdict.INCOMPLETE),  # cut or rounded there?
        # It is about something else.
        (known(), answered(id="ZZZZZ"), Verdict.OTHER_SMS),
        (known(), answered(id=" zzzzz"), Verdict.OTHER_SMS),
        (known("sent", account="paris"), answered(), Verdict.OTHER_ACCOUNT),  # the account is part of the identity
        (known("delivered", account="paris"), answered(), Verdict.OTHER_ACCOUNT),
        # It was erased, and is to stay so.
        (known(erased=True), answered(), Verdict.ERASED),
        (known("sent", erased=True), answered(), Verdict.ERASED),
        # Failures have other words in v1 and v2: what do this account's webhooks say?
        (known("sent", words=V1), answered(**ERRORED), Verdict.TO_PUBLISH),
        (known("sent"), answered(**ERRORED), Verdict.TO_PUBLISH),  # v1 documents it, and v2's API says it
        (known("sent", words=V2), answered(**ERRORED), Verdict.OTHER_WORDS),
        (known("sent", words=V1 | V2), answered(**ERRORED), Verdict.OTHER_WORDS),
        (known("sent", words=V2), answered(**UNDELIVERED), Verdict.TO_PUBLISH),
        (known("sent"), answered(**UNDELIVERED), Verdict.OTHER_WORDS),  # nothing proves it
        (known("sent", words=frozenset({"sent", "delivered"})), answered(**UNDELIVERED), Verdict.OTHER_WORDS),
        (known("sent", words=V1), answered(**UNDELIVERED), Verdict.OTHER_WORDS),
        (known("sent", words=V1 | V2), answered(**UNDELIVERED), Verdict.OTHER_WORDS),
        *[
            (known("sent", words=words), answered(status=word, statusReason=""), verdict)
            for word in ("rejected", "failed", "expired", " Rejected ")
            for words, verdict in ((V1, Verdict.OTHER_WORDS), (V2, Verdict.TO_PUBLISH))
        ],
        # A word that the relay does not know may be one of v2's, or mean what stands there.
        (known("sent"), answered(status="teleported"), Verdict.OTHER_WORDS),
        (known("unknown"), answered(status="teleported"), Verdict.OTHER_WORDS),
        (known("unknown"), answered(), Verdict.OTHER_WORDS),
        # Retention may have taken it: only what reaches back to before its time proves that it never stood there.
        (known(since=AFTER_IT), answered(), Verdict.NOT_PROVEN),
        (known("sent", since=None), answered(), Verdict.NOT_PROVEN),
        (known(since=AFTER_IT - timedelta(seconds=1)), answered(), Verdict.TO_PUBLISH),
    ],
)
def test_an_answer_is_judged(facts: Known, answer: Answer, verdict: Verdict) -> None:
    assert decide(facts, answer) is verdict


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": "sent", "statusReason": "", "price": None},
        {"status": "errored", "statusReason": "EXPIRED"},
        {"status": "errored", "statusReason": "", "updatedAt": "2022-12-29T20:24:44.938+0200"},
        {"body": ..., "to": ..., "from": ..., "createdAt": ..., "parts": ..., "price": ...},  # what identity ignores
    ],
)
def test_what_is_published_is_the_webhooks_event_but_for_where_it_comes_from(changes: dict[str, Any]) -> None:
    answer = answered(**changes)

    assert answer.event is not None
    assert answer.lacks == ()
    theirs = of_webhook(**changes)
    assert answer.event.event_id == theirs.event_id
    assert answer.event.received_at == NOW
    assert (answer.event.reception.webhook_id, answer.event.reception.delivery_id) == (None, None)
    assert answer.event.extra == {"isSmsFallback": False}
    assert answer.event._replace(extra=theirs.extra, reception=theirs.reception) == theirs


def test_what_an_answer_lacks_is_named() -> None:
    assert answered(updatedAt=..., statusReason=...).lacks == ("statusReason", "updatedAt")
    assert answered(status=...).lacks == ("status", "updatedAt")


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_sentence(verdict: Verdict) -> None:
    assert SAYS[verdict]


WORDS = ["pending", "sent", "delivered", "errored", "rejected", "failed", "undelivered", "expired", "odd", " SENT", 7]
TIMES = ["2022-12-29T18:24:44.938Z", "2022-12-29T18:24:44.939Z", "2022-12-29T18:24:44Z", "2022-12-29T18:24:44.938", 1]
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["zzzzz", "other", 1, None]),
        "status": st.sampled_from(WORDS),
        "statusReason": st.sampled_from(["", "DELIVRD", "EXPIRED", "UNDELIV", "else", None, 3]),
        "updatedAt": st.sampled_from(TIMES),
    },
)
TOLD = st.builds(
    lambda word, reason, time: of_webhook(status=word, statusReason=reason, updatedAt=time),
    st.sampled_from([word for word in WORDS if isinstance(word, str)]),
    st.sampled_from(["", "DELIVRD", "EXPIRED", "UNDELIV", None]),
    st.sampled_from(TIMES),
)


@given(FIELDS, st.lists(TOLD, max_size=3), st.sets(st.sampled_from(["errored", "failed", "sent"])), st.booleans())
def test_whatever_is_known_no_fact_is_published_beside_one_that_it_may_be(
    answer: dict[str, Any], told: list[StatusEvent], words: set[str], reaches: bool
) -> None:
    facts = tuple(KnownFact(event.event_id, event.status, "default") for event in told)
    understood = understand("zzzzz", answer, account="default", received_at=NOW, e164=lambda number: number)

    verdict = decide(
        Known(account="default", facts=facts, words=frozenset(words), since=EVER if reaches else None), understood
    )

    if verdict is Verdict.TO_PUBLISH:
        assert understood.event is not None
        assert reaches
        assert answer.keys() == {"id", "status", "statusReason", "updatedAt"}
        assert understood.event.status not in {event.status for event in told}
        assert not any(event.is_final for event in told)
        assert understood.event.event_id == of_webhook(**{**answer, "id": "zzzzz"}).event_id


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
)


@given(st.dictionaries(st.sampled_from(["id", "status", "statusReason", "updatedAt", "data", "x"]), JSON))
def test_no_answer_cannot_be_judged(answer: dict[str, Any]) -> None:
    understood = understand("zzzzz", answer, account="default", received_at=NOW, e164=lambda number: number)

    verdict = decide(known(), understood)

    assert verdict in Verdict
    json.dumps([understood.word, understood.reason, understood.updated_at])


def test_what_is_told_of_an_answer_holds_no_number_and_no_text() -> None:
    answer = answered(body="your code is 4711", to="590690112233")

    assert "4711" not in repr(answer)
    assert "590690112233" not in repr(replace(answer, word="x"))
