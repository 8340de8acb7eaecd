"""The lives of SMS: one final status each, in Sofy's words, after delays that the time scale multiplies."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.events.sms_status import Status
from relay.simulator.courses import COURSES, ENDINGS, Version
from relay.simulator.lives import BATCH_SIZES, Life, Lives, count_parts
from relay.sofy.numbers import PhoneNumbers
from relay.sofy.statuses import interpret
from tests.simulator.reading import EPOCH, dice

versions = st.sampled_from(Version)


@given(st.integers(), versions, st.floats(0, 100))
def test_every_life_ends_in_its_one_final_status(seed: int, version: Version, scale: float) -> None:
    life = Lives(dice(seed), scale=scale).invent(version, EPOCH)

    finals = [interpret(change.status, change.reason).is_final for change in life.changes]
    assert finals == [False] * (len(finals) - 1) + [True]
    assert [change.after_s for change in life.changes] == sorted(change.after_s for change in life.changes)


@given(st.integers(), versions)
def test_a_life_takes_at_most_65_seconds_times_the_scale(seed: int, version: Version) -> None:
    slow, quick = (Lives(dice(seed), scale=scale).invent(version, EPOCH) for scale in (1.0, 0.01))

    assert 0 < slow.changes[-1].after_s < 65
    assert quick.changes[-1].after_s == pytest.approx(slow.changes[-1].after_s / 100)


@pytest.mark.parametrize("version", Version)
def test_every_final_status_of_the_contract_occurs(version: Version) -> None:
    lives = Lives(dice())

    statuses = {
        interpret(change.status, change.reason).status
        for _ in range(2000)
        for change in lives.invent(version, EPOCH).changes
    }

    assert statuses == set(Status) - {Status.PENDING, Status.UNKNOWN}


def test_v1_uses_only_the_words_that_are_documented_for_it() -> None:
    words = {step.status for course in COURSES if Version.V1 in course.versions for step in course.steps}

    assert words == {"sent", "delivered", "errored"}


def test_most_sms_are_delivered_and_some_are_sent_in_one_go() -> None:
    lives = Lives(dice())
    invented = [lives.invent(Version.V1, EPOCH) for _ in range(2000)]

    ends = Counter(life.changes[-1].status for life in invented)
    sizes = {len(life.sms) for life in invented}
    assert 0.7 < ends["delivered"] / 2000 < 0.9
    assert {1} < sizes <= {1, *range(BATCH_SIZES[0], BATCH_SIZES[1] + 1)}


@given(st.integers(), st.integers(1, 3))
def test_no_more_sms_are_sent_in_one_go_than_wanted(seed: int, most: int) -> None:
    assert len(Lives(dice(seed)).invent(Version.V1, EPOCH, most=most).sms) <= most


def test_ids_are_new_each_time() -> None:
    lives = Lives(dice())
    ids = [sms.id for _ in range(2000) for sms in lives.invent(Version.V1, EPOCH).sms]

    assert len(set(ids)) == len(ids)


def test_numbers_are_of_ranges_reserved_for_fiction_and_valid_unless_refused() -> None:
    lives, numbers = Lives(dice()), PhoneNumbers()
    fiction = ("331990", "332619", "333530", "334657", "335364")

    for _ in range(1000):
        life = lives.invent(Version.V1, EPOCH)
        refused = life.changes[-1].reason == "invalid_phone_number"
        for sms in life.sms:
            assert sms.recipient.startswith(fiction)
            assert numbers.e164(sms.recipient).startswith("+") is not refused


def _sent(recipient: str, body: str = "Bonjour") -> Life:
    return Lives(dice()).send(sender="36789", recipient=recipient, body=body, now=EPOCH)


@pytest.mark.parametrize(
    ("recipient", "last"),
    [
        ("33199000000", ("delivered", "DELIVRD")),
        ("+33199000000", ("delivered", "DELIVRD")),
        ("33199009901", ("errored", "EXPIRED")),
        ("33199009902", ("errored", "UNDELIV")),
        ("33199009903", ("errored", "REJECTD")),
        ("33199009904", ("errored", "DELETED")),
        ("33199009905", ("errored", "UNKNOWN")),
        ("33199009906", ("errored", "insufficient_balance")),
        ("33199009907", ("errored", "invalid_phone_number")),
        ("nobody", ("errored", "invalid_phone_number")),
        ("0199000000", ("errored", "invalid_phone_number")),
    ],
)
def test_a_recipient_may_ask_for_its_course(recipient: str, last: tuple[str, str]) -> None:
    life = _sent(recipient)

    assert (life.changes[-1].status, life.changes[-1].reason) == last
    assert not life.sms[0].recipient.startswith("+")


def test_every_ending_is_four_digits() -> None:
    assert all(len(ending) == 4 and ending.isdecimal() for ending in ENDINGS)


def test_an_sms_is_pending_until_its_first_change_and_then_what_happened_last() -> None:
    life = _sent("33199000000")
    sent, delivered = (life.moment(change) for change in life.changes)
    moment = timedelta(microseconds=1)

    states = [life.state(when).status for when in (EPOCH, sent - moment, sent, delivered - moment, delivered)]

    assert states == ["pending", "pending", "sent", "sent", "delivered"]


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),  # two places each
        ("€" * 81, 2),
        ("ê" * 70, 1),  # not in GSM 03.38: UTF-16
        ("ê" * 71, 2),
        ("☕" * 134, 2),
        ("🎉" * 35, 1),  # a surrogate pair each
        ("🎉" * 36, 2),
    ],
)
def test_parts_are_counted_as_the_network_does(body: str, parts: int) -> None:
    assert count_parts(body) == parts


def test_only_what_was_handed_to_the_carrier_costs_something() -> None:
    assert [_sent(number).sms[0].price for number in ("33199000000", "33199009901", "33199009906")] == [0.08, 0.08, 0]
    assert _sent("33199000000", "a" * 161).sms[0].price == 0.16
