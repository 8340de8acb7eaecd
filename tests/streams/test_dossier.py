"""What a reconciliation knows of SMS: from records of two topics, in the order in which they stand there."""

import json
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.events.latest import SmsLatestState, take_in
from relay.events.sms_status import SmsStatusEvent, Status
from relay.events.times import milliseconds
from relay.streams.dossier import Dossier, Told
from tests.streams.facts import NOON, event


def state(*facts: SmsStatusEvent) -> SmsLatestState:
    current: SmsLatestState | None = None
    for offset, fact in enumerate(facts):
        current = take_in(current, fact, offset).state
    assert current is not None
    return current


def told(its: SmsStatusEvent | SmsLatestState, **source: Any) -> Told:  # noqa: ANN401 - JSON
    found = its.model_dump(mode="json")
    read = Told.read(json.dumps({**found, "source": {**found["source"], **source}}).encode())
    assert read is not None
    return read


def chosen(dossier: Dossier, account: str = "default") -> list[bytes]:
    """Choose all that are open; the longest known first."""
    dossier.choose_open(account, seen_before_ms=milliseconds(NOON + timedelta(days=1)), limit=None)
    return [sms_id for _, sms_id in dossier.chosen(0, 1000)]


SENT, DELIVERED = told(state(event(Status.SENT))), told(state(event(Status.SENT), event(Status.DELIVERED, 2)))


@pytest.mark.parametrize(
    ("records", "is_open"),
    [
        ([SENT], True),
        ([DELIVERED], False),
        ([SENT, DELIVERED], False),  # not compacted yet: the later one counts
        ([DELIVERED, SENT], True),  # whoever wrote the older one last will write the newer one again
        ([SENT, None], False),  # erased
        ([SENT, None, SENT], True),  # and heard of again
        ([None], False),
    ],
)
def test_open_is_an_sms_whose_last_state_is_not_final(records: list[Told | None], is_open: bool) -> None:
    dossier = Dossier()

    for each in records:
        dossier.state(b"sms", each, all_open=True)

    assert dossier.is_about(b"sms") == is_open
    assert chosen(dossier) == ([b"sms"] if is_open else [])


def test_an_sms_whose_final_status_the_projector_has_not_taken_in_is_not_open() -> None:
    dossier = Dossier()
    dossier.state(b"sms", SENT, all_open=True)

    dossier.event(b"sms", told(event(Status.DELIVERED, 2)))

    assert chosen(dossier) == []


def test_the_longest_known_are_chosen_first_and_the_young_are_counted() -> None:
    dossier = Dossier()
    for number in (3, 1, 4, 2):
        its = state(event(Status.SENT, sms_id=f"sms-{number}", received=float(number)))
        dossier.state(b"sms-%d" % number, told(its), all_open=True)
    dossier.state(b"paris", told(state(event(Status.SENT)), account="paris"), all_open=True)

    count, young = dossier.choose_open("default", seen_before_ms=milliseconds(NOON + timedelta(seconds=4)), limit=2)

    assert (count, young) == (2, 1)
    assert dossier.chosen(0, 10) == [(1, b"sms-1"), (2, b"sms-2")]
    assert dossier.chosen(1, 10) == [(2, b"sms-2")]


def test_of_given_sms_each_is_chosen_once_in_order_whatever_the_topics_say() -> None:
    dossier = Dossier()

    repeated = [not dossier.ask_about(sms_id) for sms_id in (b"b", b"a", b"b", b"c")]
    dossier.state(b"a", DELIVERED, all_open=False)
    dossier.state(b"b", None, all_open=False)
    dossier.state(b"nobody's", SENT, all_open=False)

    assert repeated == [False, False, True, False]
    assert dossier.choose(2) == 2
    assert dossier.chosen(0, 10) == [(1, b"b"), (2, b"a")]
    assert (dossier.is_erased(b"b"), dossier.is_erased(b"a")) == (True, False)
    assert (dossier.has_state(b"b"), dossier.has_state(b"a")) == (False, True)
    assert not dossier.is_about(b"nobody's")


def test_facts_come_from_histories_and_events_each_once() -> None:
    dossier = Dossier()
    dossier.ask_about(b"sms")
    facts = [event(Status.PENDING), event(Status.SENT, 1), event(Status.DELIVERED, 2), event(Status.FAILED, 3)]

    dossier.state(b"sms", told(state(*facts[:2])), all_open=False)
    dossier.state(b"sms", told(state(*facts[:3])), all_open=False)
    for fact in facts:
        dossier.event(b"sms", told(fact))
    dossier.event(b"other", told(event(Status.FAILED, 9, sms_id="other")))

    assert {(it.event_id, it.status, it.account) for it in dossier.facts(b"sms")} == {
        (fact.event_id, fact.status, "default") for fact in facts
    }
    assert len(dossier.facts(b"sms")) == 4


def test_words_are_an_accounts_own_and_only_what_webhooks_said() -> None:
    dossier = Dossier()

    dossier.event(b"a", told(event(Status.SENT), status=" Undelivered "))
    dossier.state(b"b", told(state(event(Status.SENT)), status="errored", account="paris"), all_open=True)
    dossier.event(b"c", told(event(Status.SENT), status="failed", webhook_id=None))

    assert dossier.words == {"default": {"undelivered"}, "paris": {"errored"}}
    assert dossier.accounts() == {"default", "paris"}


def test_a_status_of_a_later_version_is_unknown() -> None:
    found = event(Status.SENT).model_dump(mode="json")

    read = Told.read(json.dumps({**found, "status": "read_aloud", "schema_version": 2}).encode())

    assert read is not None
    assert read.status is Status.UNKNOWN


@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["event_id", "source", "status", "history"]), inner)
        ),
    ).map(lambda it: json.dumps(it).encode())
)
def test_no_record_cannot_be_read(value: bytes) -> None:
    Told.read(value)


def test_a_hundred_thousand_ids_take_little_memory_of_the_process() -> None:
    dossier = Dossier()
    tracemalloc.start()
    try:
        for number in range(100_000):
            dossier.ask_about(b"an-id-of-21-letters-%06d" % number)
        count, after, seen = dossier.choose(None), 0, 0
        while batch := dossier.chosen(after, 500):
            after, seen = batch[-1][0], seen + len(batch)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert count == seen == 100_000
    assert peak < 2 * 1024 * 1024
