"""What the consumers are compared with is right: by the cases' own words, and by what `relay project` would keep."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.events import SmsStatusEvent, Status
from relay.events.latest import SmsLatestState, take_in
from tests.consumers.facts import Case, cases, event, lives, told
from tests.consumers.reference import Stored, expected

FACTS = st.lists(
    st.builds(event, st.just("sms"), st.sampled_from(Status), st.sampled_from([None, 0, 1, 2])), min_size=1, max_size=12
)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.claim)
def test_each_case_comes_to_what_it_says(case: Case) -> None:
    found = expected(Stored(0, offset, one.event) for offset, one in enumerate(case.told))

    holds = None if case.holds is None else case.told[case.holds].event
    states = [(state["event_id"], state["conflict"]) for state in found.snapshot.values()]
    assert states == ([] if holds is None else [(holds["event_id"], case.conflict)])
    assert sum(map(len, found.changes.values())) == case.changes


@given(FACTS)
def test_it_holds_the_event_that_the_projector_keeps(facts: Sequence[SmsStatusEvent]) -> None:
    found = expected(Stored(0, offset, told(fact).event) for offset, fact in enumerate(facts))

    state: SmsLatestState | None = None
    for offset, fact in enumerate(facts):
        state = take_in(state, fact, offset).state
    assert state is not None
    assert found.snapshot["sms"]["event_id"] == state.event_id


def test_the_cases_are_of_different_sms() -> None:
    ids = [case.sms_id for case in cases()]

    assert len(set(ids)) == len(ids)
    assert {one.record.key for case in cases() for one in case.told} == {id_.encode() for id_ in ids}


def test_the_lives_hold_what_is_hard() -> None:
    found = expected(Stored(0, offset, one.event) for offset, one in enumerate(lives(seed=1, count=1000)))

    assert len(found.snapshot) == 1000
    assert sum(not sms_id.isascii() for sms_id in found.snapshot) > 300
    assert found.duplicates > 300
    assert sum(state["conflict"] for state in found.snapshot.values()) > 50
