"""Whatever bytes come: events, dead letters or other events, never an exception; neighbours never pay."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.events.records import status_record
from relay.reasons import MEANING, Kind, Reason
from relay.sofy.authenticity import AuthenticDelivery
from relay.sofy.payload import FIELDS
from relay.sofy.reading import OtherFact, Reading, StatusFact, UnreadableFact, read
from tests.sofy.payloads import SAMPLE, SAMPLES, body, item, sample

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def reading(payload: bytes) -> Reading:
    found = read(
        AuthenticDelivery("default", payload, NOW), expects=lambda _account, _id: True, e164=lambda number: f"+{number}"
    )
    assert isinstance(found, Reading)
    return found


def events(payload: bytes) -> list[dict[str, Any]]:
    """Give the status events of a payload as a consumer reads them."""
    return [
        json.loads(status_record(fact.event).value) for fact in reading(payload).facts if isinstance(fact, StatusFact)
    ]


def dead_letters(payload: bytes) -> list[UnreadableFact]:
    return [fact for fact in reading(payload).facts if isinstance(fact, UnreadableFact)]


@pytest.mark.parametrize("name", SAMPLES)
def test_each_of_the_providers_samples_becomes_one_event(name: str) -> None:
    (event,) = events(sample(name))

    status, reason, price = SAMPLES[name]
    assert event["source"] == {
        "provider": "sofy",
        "account": "default",
        "webhook_id": "xxxxx",
        "delivery_id": "yyyyy",
        "status": status,
        "status_reason": reason,
        "extra": {},
    }
    assert event["price"] == str(price)
    assert event["created_at"] == "2022-12-29T18:24:27.000Z"
    assert event["occurred_at"] == "2022-12-29T18:24:44.938Z"
    assert event["received_at"] == "2026-01-02T03:04:05.678Z"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.INVALID_JSON),
        (b" ", Reason.INVALID_JSON),
        (b"{", Reason.INVALID_JSON),
        (sample("sent")[:-5], Reason.INVALID_JSON),
        (sample("sent") + b" x", Reason.INVALID_JSON),
        (sample("sent") * 2, Reason.INVALID_JSON),
        (b"\xef\xbb\xbf" + sample("sent"), Reason.INVALID_JSON),
        (sample("sent").decode().encode("utf-16"), Reason.INVALID_JSON),
        (sample("sent").replace(b"Hello", b"\xff\xfe"), Reason.INVALID_JSON),
        (sample("sent").replace(b"Hello", b"\\ud800"), Reason.INVALID_JSON),
        (sample("sent").replace(b'"parts": 1', b'"parts": ' + b"9" * 5000), Reason.INVALID_JSON),
        (b"[" * 100_000, Reason.INVALID_JSON),
        (b'{"a":' * 100_000, Reason.INVALID_JSON),
        (b"[" * 100_000 + b"]" * 100_000, Reason.INVALID_JSON),
        (b"NaN", Reason.WRONG_SHAPE),
        (b"null", Reason.WRONG_SHAPE),
        (b"[]", Reason.WRONG_SHAPE),
        (b'"text"', Reason.WRONG_SHAPE),
        (b"17", Reason.WRONG_SHAPE),
        (b"{}", Reason.WRONG_SHAPE),
        (body(type=...), Reason.WRONG_SHAPE),
        (body(type=None), Reason.WRONG_SHAPE),
        (body(type=7), Reason.WRONG_SHAPE),
        (body(data=...), Reason.WRONG_SHAPE),
        (body(data=None), Reason.WRONG_SHAPE),
        (body(data="zzzzz"), Reason.WRONG_SHAPE),
        (body(data=3), Reason.WRONG_SHAPE),
    ],
)
def test_a_body_that_is_no_webhook_is_one_dead_letter_with_the_bytes_as_received(
    payload: bytes, reason: Reason
) -> None:
    (letter,) = reading(payload).facts

    assert isinstance(letter, UnreadableFact)
    assert letter.reason is reason
    assert letter.payload == payload
    assert letter.sms_id is None


@pytest.mark.parametrize(
    ("broken", "reason", "sms_id"),
    [
        (item(id=...), Reason.MISSING_SMS_ID, None),
        (item(id=None), Reason.MISSING_SMS_ID, None),
        (item(id=""), Reason.MISSING_SMS_ID, None),
        (item(id=" \t"), Reason.MISSING_SMS_ID, None),
        (item(id=1.5), Reason.MISSING_SMS_ID, None),
        (item(id=True), Reason.MISSING_SMS_ID, None),
        (item(id=["zzzzz"]), Reason.MISSING_SMS_ID, None),
        (item(id=..., status=...), Reason.MISSING_SMS_ID, None),
        (item(status=...), Reason.MISSING_STATUS, "zzzzz"),
        (item(status=None), Reason.MISSING_STATUS, "zzzzz"),
        (item(status=" "), Reason.MISSING_STATUS, "zzzzz"),
        (item(status=200), Reason.MISSING_STATUS, "zzzzz"),
        (item(status={"is": "sent"}), Reason.MISSING_STATUS, "zzzzz"),
        ({}, Reason.MISSING_SMS_ID, None),
        (None, Reason.ITEM_NOT_AN_OBJECT, None),
        ("zzzzz", Reason.ITEM_NOT_AN_OBJECT, None),
        ([item()], Reason.ITEM_NOT_AN_OBJECT, None),
    ],
)
def test_a_broken_item_is_a_dead_letter_of_its_own_and_its_neighbours_are_events(
    broken: object, reason: Reason, sms_id: str | None
) -> None:
    payload = body(item(id="before"), broken, item(id="after"), region="west")

    facts = reading(payload).facts

    assert [event["sms_id"] for event in events(payload)] == ["before", "after"]
    assert isinstance(facts[1], UnreadableFact)
    assert (facts[1].reason, facts[1].sms_id) == (reason, sms_id)
    assert json.loads(facts[1].payload) == {**SAMPLE, "data": [broken], "region": "west"}


def test_one_broken_item_among_a_thousand_costs_itself_alone() -> None:
    items = [item(id=f"id-{number}") for number in range(1000)]
    items[500] = item(id=...)

    found = reading(body(*items)).facts

    assert sum(isinstance(fact, StatusFact) for fact in found) == 999
    assert isinstance(found[500], UnreadableFact)


@pytest.mark.parametrize(
    ("name", "unreadable", "place"),
    [
        ("price", "cheap", "price"),
        ("price", "1e999999999", "price"),
        ("price", True, "price"),
        ("price", "1_0", "price"),
        ("parts", "2", "segments"),
        ("parts", True, "segments"),
        ("parts", -1, "segments"),
        ("parts", 1.0, "segments"),
        ("parts", 10**30, "segments"),
        ("body", 7, "body"),
        ("body", ["Hello"], "body"),
        ("from", 36789, "sender"),
        ("to", 590690112233, "recipient"),
        ("to", {"number": "x"}, "recipient"),
        ("createdAt", 1672338267, "created_at"),
        ("createdAt", "1672338267", "created_at"),
        ("updatedAt", "yesterday", "occurred_at"),
        ("updatedAt", False, "occurred_at"),
        ("statusReason", 5, "reason"),
    ],
)
def test_an_unreadable_field_is_null_in_its_place_verbatim_in_extra_and_told(
    name: str, unreadable: object, place: str
) -> None:
    payload = body(item(**{name: unreadable}), item(id="neighbour"))

    broken, neighbour = events(payload)

    assert broken[place] is None
    assert broken["source"]["extra"] == {name: unreadable}
    assert neighbour["source"]["extra"] == {}
    assert reading(payload).unreadable_fields == (name,)
    assert name in FIELDS


@pytest.mark.parametrize("name", ["body", "from", "to", "createdAt", "updatedAt", "price", "parts", "statusReason"])
@pytest.mark.parametrize("absent", [None, ...])
def test_an_absent_or_null_field_is_null_and_nothing_to_report(name: str, absent: object) -> None:
    payload = body(item(**{name: absent}))

    (event,) = events(payload)

    assert event["source"]["extra"] == {}
    assert reading(payload).unreadable_fields == ()


def test_unknown_fields_are_kept_verbatim_those_of_the_envelope_under_its_name() -> None:
    (event,) = events(
        body(item(carrier="Orange", cost={"net": 1.25, "n": 12345678901234567890}), region="west", id=[1])
    )

    assert event["source"]["extra"] == {
        "carrier": "Orange",
        "cost": {"net": 1.25, "n": 12345678901234567890},
        "_envelope": {"region": "west", "id": [1]},
    }
    assert event["source"]["delivery_id"] is None


@pytest.mark.parametrize("word", ["rejected", "failed", "undelivered", "expired"])
@pytest.mark.parametrize("fallback", [True, False])
def test_a_status_of_v2_is_mapped_and_says_whether_it_was_a_fallback(word: str, fallback: bool) -> None:
    (event,) = events(body(item(status=word, statusReason=..., isSmsFallback=fallback)))

    assert (event["status"], event["is_final"], event["reason"]) == (word, True, None)
    assert event["source"]["extra"] == {"isSmsFallback": fallback}


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400"])
@pytest.mark.parametrize("place", [b'"price": 0.08', b'"price": 0.08, "odd": {"deep": [0.5]}'])
def test_nothing_that_is_not_finite_reaches_the_output(number: bytes, place: bytes) -> None:
    payload = (
        json.dumps(SAMPLE).encode().replace(b'"price": 0.08', place.replace(b"0.08", number).replace(b"0.5", number))
    )

    (fact,) = reading(payload).facts

    assert isinstance(fact, StatusFact)
    written = status_record(fact.event).value
    event = json.loads(written, parse_constant=pytest.fail)
    assert event["price"] is None
    assert event["source"]["extra"]["price"] == "non-finite"
    assert float("inf") not in json.loads(written).values()


def test_a_time_without_a_zone_is_utc_and_extra_says_so() -> None:
    payload = body(item(updatedAt="2022-12-29T18:24:44.938"))

    (event,) = events(payload)

    assert event["occurred_at"] == "2022-12-29T18:24:44.938Z"
    assert event["source"]["extra"] == {"updatedAt": "2022-12-29T18:24:44.938"}
    assert reading(payload).unreadable_fields == ()


def test_milliseconds_are_cut_off_not_rounded() -> None:
    (event,) = events(body(item(updatedAt="2022-12-29T18:24:44.938999999Z")))

    assert event["occurred_at"] == "2022-12-29T18:24:44.938Z"
    assert event["event_id"] == events(sample("delivered"))[0]["event_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "another-envelope"},
        {"webhookId": "another-registration"},
        {"added": 1},
    ],
)
def test_a_changed_envelope_is_the_same_fact(change: dict[str, object]) -> None:
    assert events(body(**change))[0]["event_id"] == events(body())[0]["event_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "ZZZZZ"},
        {"status": "sent"},
        {"statusReason": "delivrd"},  # the reason counts exactly as given
        {"statusReason": ...},
        {"statusReason": 5},
        {"updatedAt": "2022-12-29T18:24:44.939Z"},
        {"updatedAt": ...},
        {"updatedAt": "soon"},
        {"updatedAt": 7},
    ],
)
def test_a_changed_item_is_another_fact(change: dict[str, object]) -> None:
    assert events(body(item(**change)))[0]["event_id"] != events(body())[0]["event_id"]


def test_the_same_moment_written_otherwise_is_the_same_fact() -> None:
    one = events(body(item(updatedAt="2022-12-29T19:24:44.938+01:00")))[0]["event_id"]

    assert one == events(body())[0]["event_id"]


def test_data_as_a_single_object_is_an_array_of_one() -> None:
    assert events(body(data=item())) == events(body())


def test_an_empty_array_holds_nothing() -> None:
    assert reading(body(data=[])).facts == ()


def test_an_integer_id_keeps_its_exact_digits() -> None:
    (event,) = events(body(item(id=9007199254740993)))

    assert event["sms_id"] == "9007199254740993"


def test_of_duplicate_keys_the_last_counts() -> None:
    (event,) = events(sample("sent").replace(b'"status": "sent"', b'"status": "pending", "status": "sent"'))

    assert event["status"] == "sent"


def test_emoji_and_any_script_come_through() -> None:
    (event,) = events(body(item(body="😀 Ünïcode \u0000 \u202e", id="é😀")))

    assert (event["body"], event["sms_id"]) == ("😀 Ünïcode \u0000 \u202e", "é😀")


@pytest.mark.parametrize(
    ("payload", "subject"),
    [
        (body(type="sms.reply"), "zzzzz"),
        (body(type="rcs.reply", data={"id": 17}), "17"),
        (body(type="sms.reply", data={"text": "STOP"}), "yyyyy"),
        (body(type="sms.reply", data=..., id=...), None),
        (body(type="sms.reply", data="odd", id={}), None),
        (body(type="SMS.STATUS"), "zzzzz"),
        (body(type=""), "zzzzz"),
    ],
)
def test_another_event_type_is_passed_on_whole(payload: bytes, subject: str | None) -> None:
    (fact,) = reading(payload).facts

    assert fact == OtherFact(json.loads(payload)["type"], subject, payload)


def test_an_unexpected_registration_is_refused_and_a_body_that_shows_none_is_a_dead_letter() -> None:
    def judged(payload: bytes) -> Reading | Reason:
        return read(AuthenticDelivery("default", payload, NOW), expects=lambda _account, id_: id_ == "xxxxx", e164=str)

    assert judged(body(webhookId="mine?")) is Reason.UNEXPECTED_WEBHOOK_ID
    assert judged(body(webhookId=...)) is Reason.UNEXPECTED_WEBHOOK_ID
    assert isinstance(judged(body()), Reading)
    broken = judged(b"{")
    assert isinstance(broken, Reading)
    assert isinstance(broken.facts[0], UnreadableFact)


def _check(payload: bytes) -> None:
    for fact in reading(payload).facts:
        if isinstance(fact, StatusFact):
            json.loads(status_record(fact.event).value, parse_constant=pytest.fail)
        elif isinstance(fact, UnreadableFact):
            assert MEANING[fact.reason].kind is Kind.DEAD_LETTERED
            assert not fact.is_json or json.loads(fact.payload) is not ...


@given(st.binary())
def test_whatever_bytes_come_there_is_no_exception(payload: bytes) -> None:
    _check(payload)


@given(JSON)
def test_whatever_json_comes_there_is_no_exception(document: object) -> None:
    _check(json.dumps(document).encode())


@given(
    st.dictionaries(st.sampled_from([*SAMPLE["data"][0], "odd", "_envelope", "model_extra", "from_", "sender"]), JSON),
    JSON,
)
def test_whatever_the_items_fields_are_the_neighbour_becomes_an_event(fields: dict[str, Any], odd: object) -> None:
    payload = body({**item(), **fields}, item(id="neighbour"), odd=odd)

    _check(payload)
    assert events(payload)[-1]["sms_id"] == "neighbour"


@given(st.integers(1, 190))
def test_deep_but_readable_nesting_is_kept(depth: int) -> None:
    nested: Any = 1
    for _ in range(depth):
        nested = [nested]

    (event,) = events(body(item(deep=nested)))

    assert event["source"]["extra"]["deep"] == nested
