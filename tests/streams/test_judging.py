"""What today's reading makes of a dead letter, and what is said of it."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.events.record import Destination
from relay.events.sms_status import SmsStatusEvent
from relay.events.times import milliseconds, rfc3339
from relay.privacy import Numbers, Privacy, stub
from relay.reasons import Reason
from relay.sofy.numbers import PhoneNumbers
from relay.streams.dead_letters import Place
from relay.streams.judging import Aim, Chosen, Fate, Today, chosen, judge, replayed, report, to_write
from tests.sofy.payloads import body, item
from tests.streams.letters import NOW, letter, letter_record


def today(*, privacy: Privacy | None = None, expected: str | None = None) -> Today:
    return Today(
        expects=lambda _account, id_: expected is None or id_ == expected,
        e164=PhoneNumbers().e164,
        privacy=privacy or Privacy(),
    )


def test_a_letter_that_can_be_read_today_is_the_event_of_its_own_time() -> None:
    received_at = NOW - timedelta(days=3)

    judgement = judge(letter(letter_record("abc", account="paris", received_at=received_at)), today())

    [record] = judgement.records
    event = SmsStatusEvent.model_validate_json(record.value)
    assert judgement.obstacles == ()
    assert (record.destination, record.key, record.id) == (Destination.STATUS, b"abc", event.event_id)
    assert (event.status, event.source.account, event.received_at) == ("delivered", "paris", received_at)


def test_a_letter_is_published_as_the_privacy_modes_of_today_allow() -> None:
    privacy = Privacy(keep_body=False, numbers=Numbers.MASK)

    [record] = judge(letter(letter_record()), today(privacy=privacy)).records

    event = SmsStatusEvent.model_validate_json(record.value)
    assert (event.body, event.recipient) == (None, "+590*******33")


def test_of_a_whole_body_each_fact_counts_once_and_what_is_still_unreadable_is_told() -> None:
    payload = body(item(id="a"), item(id="a"), item(id="b"), item(id="c", status=...))

    judgement = judge(letter(letter_record(None, payload=payload, reason=Reason.WRONG_SHAPE)), today())

    assert [record.key for record in judgement.records] == [b"a", b"b"]
    assert judgement.obstacles == ("still unreadable, missing_status: status: absent",)


def test_a_letter_of_another_type_is_passed_on_whole() -> None:
    payload = body(type="sms.reply")

    [record] = judge(letter(letter_record(payload=payload, reason=Reason.WRONG_SHAPE)), today()).records

    assert (record.destination, record.value) == (Destination.OTHER, payload)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (letter_record(payload=b"{"), "still unreadable, invalid_json: "),
        (stub(letter_record()), "its payload is not kept, only size and hash"),
        (letter_record()._replace(headers={}), "its header relay-account is missing"),
    ],
)
def test_what_cannot_be_replayed_says_why(record: object, says: str) -> None:
    judgement = judge(letter(record), today())  # type: ignore[arg-type]  # parametrize knows no types

    assert judgement.records == ()
    assert len(judgement.obstacles) == 1
    assert judgement.obstacles[0].startswith(says)


@pytest.mark.parametrize(
    ("reason", "readable"),
    [(Reason.WRONG_SHAPE, False), (Reason.INVALID_JSON, False), (Reason.MISSING_STATUS, True)],
)
def test_a_registration_is_judged_only_where_it_was_not_when_the_letter_came(reason: Reason, readable: bool) -> None:
    judgement = judge(letter(letter_record(reason=reason)), today(expected="another"))

    assert bool(judgement.records) is readable
    assert [text.partition(":")[0] for text in judgement.obstacles] == ["unexpected_webhook_id"] * (not readable)


@given(st.binary(max_size=200) | st.builds(lambda value: json.dumps(value).encode(), st.recursive(st.none(), st.lists)))
def test_no_payload_makes_judging_fail_or_say_a_word_of_it(payload: bytes) -> None:
    judgement = judge(letter(letter_record(payload=payload)), today())

    assert judgement.records == ()
    assert len(judgement.obstacles) == 1


def test_a_replayed_record_tells_when_and_of_which_letter_and_is_of_that_moment() -> None:
    record = letter_record()
    [before] = judge(letter(record), today()).records

    after = replayed(before, letter(record), NOW)

    marks = {"relay-replayed": rfc3339(NOW), "relay-dead-letter-id": record.id}
    assert after.headers == {**before.headers, **marks}
    assert after.timestamp_ms == milliseconds(NOW)
    assert (after.id, after.key, after.value) == (before.id, before.key, before.value)


# Which records are written, and what becomes of a letter


def meant(offset: int, *facts: str, obstacles: tuple[str, ...] = ()) -> Chosen:
    aims = tuple(Aim(fact, Destination.STATUS, b"sms", 0) for fact in facts)
    return Chosen(Place(0, offset), NOW, aims, obstacles)


ONE, TWO = Place(0, 1), Place(0, 2)
FULL, BROKEN = meant(1, "a", "b"), meant(1, "a", obstacles=("still unreadable",))


def test_a_letter_that_is_made_of_a_record_has_all_that_its_facts_are_looked_for_by() -> None:
    record = letter_record("abc")

    found = chosen(letter(record), today())

    [aim] = found.aims
    assert (aim.destination, aim.key, aim.since_ms) == (Destination.STATUS, b"abc", record.timestamp_ms)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        ({}, {"a": ONE, "b": ONE, "c": TWO}),  # a fact that is in two letters is written once
        ({"a": True}, {"b": ONE, "c": TWO}),  # the first letter was replayed in part
        ({"a": None}, {"b": ONE, "c": TWO}),  # nobody can tell: not unless asked
        ({"a": True, "b": True, "c": True}, {}),
    ],
)
def test_what_does_not_stand_on_its_topic_is_written_once(
    standing: dict[str, bool | None], expected: dict[str, Place]
) -> None:
    letters = [FULL, meant(2, "a", "c")]

    assert to_write(letters, lambda aim: standing.get(aim.id, False)) == expected


@pytest.mark.parametrize(
    ("letter", "written", "failures", "standing", "fate", "published", "says"),
    [
        (FULL, {"a": ONE, "b": ONE}, {}, {}, Fate.REPLAYED, 2, ()),
        (FULL, {"b": ONE}, {}, {"a": True}, Fate.REPLAYED, 1, ()),  # it was interrupted before
        (FULL, {}, {}, {"a": True, "b": True}, Fate.STANDS_ALREADY, 0, ()),
        (FULL, {"a": TWO, "b": TWO}, {}, {}, Fate.STANDS_ALREADY, 0, ()),  # by another letter of this replay
        (FULL, {"a": ONE}, {"b": "refused"}, {}, Fate.NOT_PUBLISHED, 1, ("refused",)),
        (FULL, {}, {"a": "refused", "b": "refused"}, {}, Fate.NOT_PUBLISHED, 0, ("refused",)),  # said once
        (meant(1), {}, {}, {}, Fate.REPLAYED, 0, ()),  # an empty webhook holds nothing to publish
        (BROKEN, {"a": ONE}, {}, {}, Fate.UNREADABLE, 1, ("still unreadable",)),
        (BROKEN, {}, {"a": "refused"}, {}, Fate.NOT_PUBLISHED, 0, ("still unreadable", "refused")),
    ],
)
def test_the_report_of_a_letter_says_what_became_of_it(  # noqa: PLR0913, PLR0917 - a table's columns
    letter: Chosen,
    written: dict[str, Place],
    failures: dict[str, str],
    standing: dict[str, bool | None],
    fate: Fate,
    published: int,
    says: tuple[str, ...],
) -> None:
    told = report(letter, written, failures, lambda aim: standing.get(aim.id, False))

    assert (told.place, told.fate, told.published, told.says) == (ONE, fate, published, says)
    assert told.failed is (fate not in {Fate.REPLAYED, Fate.STANDS_ALREADY})


def test_where_retention_has_passed_since_it_says_so_and_what_to_do() -> None:
    told = report(FULL, {}, {}, lambda _aim: None)

    assert (told.fate, told.failed) == (Fate.NOT_KNOWN, True)
    assert "--again" in told.says[0]
