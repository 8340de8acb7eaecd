"""What a projector remembers and what it finds on the topic come together, whoever wrote it."""

from collections import Counter
from collections.abc import Iterator

import pytest

from relay.events.latest import SmsLatestState, take_in
from relay.events.records import latest_record, status_record
from relay.events.sms_status import SmsStatusEvent, Status
from relay.events.status_event import StatusEvent
from relay.events.times import milliseconds
from relay.streams.projection import Projection, StatusRecord
from relay.streams.states import States
from tests.streams.facts import NOON, event

SENT, DELIVERED, EXPIRED = event(Status.SENT), event(Status.DELIVERED, 1), event(Status.EXPIRED, 2)
KEY = b"sms"


class Seen(Counter[str]):
    """Counts what is reported."""

    def taken_in(self, transition: str) -> None:
        self[transition] += 1

    def duplicate(self) -> None:
        self["duplicate"] += 1

    def out_of_order(self, newest: str, late: str) -> None:
        self[f"{newest} then {late}"] += 1

    def unreadable(self) -> None:
        self["unreadable"] += 1


@pytest.fixture
def states() -> Iterator[States]:
    made = States()
    yield made
    made.close()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def projection(states: States, seen: Seen) -> Projection:
    return Projection(states, seen)


def record(told: SmsStatusEvent, offset: int, partition: int = 0) -> StatusRecord:
    return StatusRecord(partition, offset, status_record(StatusEvent.of(told)).value)


def state_of(*told: SmsStatusEvent) -> SmsLatestState:
    state = None
    for offset, each in enumerate(told):
        state = take_in(state, each, offset).state
    assert state is not None
    return state


def value_of(*told: SmsStatusEvent) -> bytes:
    return latest_record(state_of(*told)).value


def test_of_several_facts_at_once_the_last_state_of_each_sms_is_given(projection: Projection, seen: Seen) -> None:
    other = event(Status.SENT, sms_id="other")

    changes = projection.take_in([record(SENT, 0), record(DELIVERED, 1), record(other, 2), record(SENT, 3)])

    assert [change.state for change in changes] == [state_of(SENT, DELIVERED), take_in(None, other, 2).state]
    assert seen == {"first": 2, "advance": 1, "duplicate": 1}


def test_what_is_not_durable_is_taken_in_again(projection: Projection) -> None:
    first = projection.take_in([record(SENT, 0)])

    again = projection.take_in([record(SENT, 0)])
    projection.settle(again)
    settled = projection.take_in([record(SENT, 0)])

    assert first == again
    assert settled == []


def test_the_same_record_after_a_restart_is_no_duplicate_and_another_one_is(projection: Projection, seen: Seen) -> None:
    projection.settle(projection.take_in([record(SENT, 5)]))

    projection.take_in([record(SENT, 5)])
    before = seen["duplicate"]
    projection.take_in([record(SENT, 6)])

    assert (before, seen["duplicate"]) == (0, 1)


def test_a_late_fact_is_told_with_what_it_came_after(projection: Projection, seen: Seen) -> None:
    projection.take_in([record(DELIVERED, 0), record(SENT, 1)])

    assert seen == {"first": 1, "regress": 1, "delivered then sent": 1}


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"schema_version":2}'])
def test_what_is_no_event_is_passed_over(projection: Projection, seen: Seen, value: bytes | None) -> None:
    assert projection.take_in([StatusRecord(0, 0, value)]) == []
    assert seen == {"unreadable": 1}


def test_what_stands_on_the_topic_is_known(projection: Projection) -> None:
    projection.found(0, KEY, value_of(SENT), 0.0)

    [change] = projection.take_in([record(DELIVERED, 1)])

    assert change.state == state_of(SENT, DELIVERED)


def test_our_own_records_come_back_without_consequence(projection: Projection) -> None:
    for facts in ((SENT,), (SENT, DELIVERED)):
        projection.settle(projection.take_in([record(each, at) for at, each in enumerate(facts)]))

    projection.found(0, KEY, value_of(SENT), 1.0)
    meanwhile = projection.overdue(0.5)
    projection.found(0, KEY, value_of(SENT, DELIVERED), 1.1)

    assert meanwhile == []
    assert projection.overdue(100.0) == []


def test_a_state_that_somebody_wrote_over_is_given_again_once_it_is_overdue(projection: Projection) -> None:
    projection.settle(projection.take_in([record(SENT, 0), record(DELIVERED, 1)]))
    projection.found(0, KEY, value_of(SENT, DELIVERED), 1.0)

    projection.found(0, KEY, value_of(SENT), 2.0)

    assert projection.overdue(1.9) == []
    assert [change.state for change in projection.overdue(2.0)] == [state_of(SENT, DELIVERED)]


def test_what_another_member_knew_more_is_joined_and_written(projection: Projection) -> None:
    projection.settle(projection.take_in([record(SENT, 0), record(DELIVERED, 1)]))

    projection.found(0, KEY, latest_record(take_in(None, EXPIRED, 2).state).value, 1.0)

    [change] = projection.overdue(1.0)
    assert change.state.status is Status.EXPIRED
    assert len(change.state.history) == 3


def test_a_tombstone_is_forgotten_and_nothing_is_overdue(projection: Projection, states: States) -> None:
    projection.settle(projection.take_in([record(SENT, 0)]))
    projection.found(0, KEY, value_of(DELIVERED), 1.0)

    projection.found(0, KEY, None, 2.0)

    assert len(states) == 0
    assert projection.overdue(100.0) == []


def test_what_is_no_state_of_ours_is_written_over(projection: Projection) -> None:
    projection.settle(projection.take_in([record(SENT, 0)]))

    projection.found(0, KEY, b"garbage", 1.0)

    assert [change.state for change in projection.overdue(1.0)] == [state_of(SENT)]


def test_other_partitions_are_forgotten_when_they_are_somebody_elses(projection: Projection, states: States) -> None:
    projection.settle(projection.take_in([record(SENT, 0, partition=1), record(DELIVERED, 0, partition=2)]))
    projection.found(2, KEY, value_of(SENT), 1.0)

    projection.keep({1})

    assert (len(states), states.get(2, KEY)) == (1, None)
    assert projection.overdue(100.0) == []


def test_stuck_and_old_sms_are_found_by_their_times(projection: Projection, states: States) -> None:
    waiting = event(Status.SENT, sms_id="waiting", received=10)
    projection.settle(projection.take_in([record(DELIVERED, 0), record(waiting, 1)]))
    noon = milliseconds(NOON)

    assert states.waiting_since(noon + 9_999) == 0
    assert states.waiting_since(noon + 10_000) == 1
    assert states.untouched_since(noon + 1, 10) == [(0, KEY)]
    assert states.untouched_since(noon + 20_000, 1) == [(0, KEY)]
