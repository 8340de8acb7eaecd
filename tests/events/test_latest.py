"""The latest state of an SMS is what its facts come to, whatever order and how often they arrive."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.events.latest import HISTORY, SmsLatestState, Transition, join, take_in
from relay.events.sms_status import SmsStatusEvent, Status
from tests.streams.facts import event

FIRST, ADVANCE, REPEAT = Transition.FIRST, Transition.ADVANCE, Transition.REPEAT
REGRESS, CONFLICT = Transition.REGRESS, Transition.FINAL_CONFLICT

facts = st.builds(event, st.sampled_from(Status), st.none() | st.integers(0, 5))
"""Few times, so that facts are told twice and compare equal."""
told = st.lists(facts, min_size=1, max_size=30)


def fold(events: list[SmsStatusEvent], offsets: list[int] | None = None) -> SmsLatestState:
    """Take in all of them, in this order."""
    state = None
    for offset, each in zip(offsets or range(len(events)), events, strict=True):
        state = take_in(state, each, offset).state
    assert state is not None
    return state


def what_holds(state: SmsLatestState) -> tuple[object, ...]:
    """All of a state but how it came about last."""
    return (state.event_id, state.status, state.occurred_at, state.first_seen_at, state.history)


@pytest.mark.parametrize(
    ("first", "then", "transition", "holds"),
    [
        (event(Status.SENT), event(Status.DELIVERED, 1), ADVANCE, Status.DELIVERED),
        (event(Status.DELIVERED, 1), event(Status.SENT), REGRESS, Status.DELIVERED),
        (event(Status.DELIVERED, 1), event(Status.SENT, 2), REGRESS, Status.DELIVERED),
        (event(Status.SENT), event(Status.SENT, 1), REPEAT, Status.SENT),
        (event(Status.SENT, 1), event(Status.SENT, 0), REPEAT, Status.SENT),
        (event(Status.DELIVERED), event(Status.DELIVERED, 1), REPEAT, Status.DELIVERED),
        (event(Status.EXPIRED), event(Status.DELIVERED, 1), CONFLICT, Status.DELIVERED),
        (event(Status.DELIVERED, 1), event(Status.EXPIRED), CONFLICT, Status.DELIVERED),
        (event(Status.DELIVERED, None), event(Status.EXPIRED, 0), CONFLICT, Status.EXPIRED),
        (event(Status.DELIVERED, 1), event(Status.EXPIRED, 1), CONFLICT, Status.EXPIRED),  # equal: the later offset
        (event(Status.SENT), event(Status.UNKNOWN, 9), REGRESS, Status.SENT),
        (event(Status.UNKNOWN, 9), event(Status.PENDING), ADVANCE, Status.PENDING),
    ],
)
def test_a_second_fact(first: SmsStatusEvent, then: SmsStatusEvent, transition: Transition, holds: Status) -> None:
    state = take_in(None, first, 0)

    taken = take_in(state.state, then, 1)

    assert state.transition == FIRST
    assert (taken.transition, taken.state.transition, taken.state.status) == (transition, transition, holds)


def test_the_state_is_the_event_that_holds_with_how_it_came_about() -> None:
    sent, delivered = event(Status.SENT, 0, received=1), event(Status.DELIVERED, 2, received=3)

    state = fold([delivered, sent], [7, 8])

    assert state.model_dump(include=set(SmsStatusEvent.model_fields)) == delivered.model_dump()
    assert state.first_seen_at == sent.received_at
    assert [(past.event_id, past.status, past.offset) for past in state.history] == [
        (sent.event_id, Status.SENT, 8),
        (delivered.event_id, Status.DELIVERED, 7),
    ]
    assert SmsLatestState.model_validate_json(state.model_dump_json()) == state


@given(told)
def test_the_same_fact_again_changes_nothing_at_all(events: list[SmsStatusEvent]) -> None:
    state = fold(events)

    for each in events:
        again = take_in(state, each, len(events) + 1)
        assert again.transition is None
        assert again.state is state


@given(told)
def test_what_holds_is_what_is_newest_by_the_contracts_comparison(events: list[SmsStatusEvent]) -> None:
    first_offset: dict[str, int] = {}
    for offset, each in enumerate(events):
        first_offset.setdefault(each.event_id, offset)

    newest = max(
        events,
        key=lambda each: (
            each.is_final,
            each.status_rank,
            each.occurred_at is not None and each.occurred_at.timestamp(),
            first_offset[each.event_id],
        ),
    )

    assert fold(events).event_id == newest.event_id


@given(told, st.data())
def test_two_states_of_the_same_records_come_to_what_the_one_knows_that_was_told_more(
    events: list[SmsStatusEvent], data: st.DataObject
) -> None:
    less = fold(events[: data.draw(st.integers(1, len(events)))])
    more = fold(events)

    assert join(more, less) is more
    assert what_holds(join(less, more)) == what_holds(more)
    assert join(join(less, more), more) == join(less, more)


@given(told, told)
def test_any_two_states_come_to_the_same_history_in_either_order(
    events: list[SmsStatusEvent], others: list[SmsStatusEvent]
) -> None:
    one, other = fold(events), fold(others, list(range(len(events), len(events) + len(others))))

    joined = join(one, other)

    assert joined.history == join(other, one).history
    assert joined.event_id in {one.event_id, other.event_id}
    assert join(joined, one) is joined
    assert join(joined, other) is joined


def test_the_history_is_bounded_and_keeps_the_newest() -> None:
    events = [event(Status.SENT, at) for at in range(HISTORY + 5)]
    late = event(Status.PENDING, 0)

    state = fold(events)
    taken = take_in(state, late, 99)

    assert len(state.history) == HISTORY
    assert state.history[-1].event_id == events[-1].event_id
    assert taken.transition is None
    assert join(fold([late]), state).event_id == events[-1].event_id
    assert reduce(join, [state, fold([late])]).history == state.history
