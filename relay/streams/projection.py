"""What a status record does to the latest state of its SMS. No Kafka and no clock in here; the caller brings both."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from relay.events.latest import SmsLatestState, Transition, join, take_in
from relay.events.sms_status import SmsStatusEvent, Status
from relay.events.times import milliseconds
from relay.streams.states import States, StoredState


@dataclass(frozen=True, slots=True)
class StatusRecord:
    """One record of the status topic."""

    partition: int
    offset: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Change:
    """A state that is to stand on the latest-state topic, in the partition that its status record came from."""

    partition: int
    state: SmsLatestState


class ProjectionObserver(Protocol):
    """What the projection reports. Calls must not block."""

    def taken_in(self, transition: Transition) -> None:
        """A fact was new, and did this to the state of its SMS."""

    def duplicate(self) -> None:
        """A fact came a second time, in a record of its own."""

    def out_of_order(self, newest: Status, late: Status) -> None:
        """A fact came after a newer one of the same SMS."""

    def unreadable(self) -> None:
        """A record of the status topic is no status event of version 1; it was passed over."""


class Projection:
    """The latest states of the partitions that this process owns. Blocks for microseconds a record; for one thread.

    What `take_in` gives must be made durable and then be told to `settle`; until then it is as if it had not been taken
    in. So after any failure the same records may simply be taken in again.
    """

    def __init__(self, states: States, observer: ProjectionObserver) -> None:
        self._states = states
        self._observer = observer
        self._differing: dict[tuple[int, bytes], float] = {}

    def take_in(self, records: Iterable[StatusRecord]) -> list[Change]:
        """Take in records of one or more partitions, each partition's in its order; give the last state of each SMS."""
        changed: dict[tuple[int, bytes], SmsLatestState] = {}
        for record in records:
            event = _event(record.value)
            if event is None:
                self._observer.unreadable()
                continue
            place = (record.partition, event.sms_id.encode())
            before = changed.get(place) or self._state(*place)
            taken = take_in(before, event, record.offset)
            self._report(before, event, record.offset, taken.transition)
            if taken.transition is not None:
                changed[place] = taken.state
        return [Change(partition, state) for (partition, _), state in changed.items()]

    def settle(self, changes: Iterable[Change]) -> None:
        """Remember states that are durable on the latest-state topic."""
        for change in changes:
            self._remember(change.partition, change.state)

    def found(self, partition: int, sms_id: bytes, value: bytes | None, now: float) -> None:
        """Take in a record as it stands on the latest-state topic, at the monotonic time `now`.

        Ours and everybody's, in their order: a member of the group that does not know yet that the partition is ours
        now may write a state after us, and so may a producer of ours that was replaced. What is then not there any
        more is `overdue` in the end.
        """
        place = (partition, sms_id)
        if value is None:
            self._states.forget(partition, sms_id)
            self._differing.pop(place, None)
            return
        remembered = self._states.get(partition, sms_id)
        # Mostly it is our own record that comes back, and says what is remembered.
        if remembered != value and (other := _latest(value)) is not None:
            remembered = self._remember(partition, other)
        if remembered == value or remembered is None:
            self._differing.pop(place, None)
        else:
            self._differing.setdefault(place, now)

    def overdue(self, before: float) -> list[Change]:
        """Give the states that differ from what stands on the latest-state topic since `before` or longer.

        Our own newest record is found there within moments, so what differs for longer was written over.
        """
        places = [place for place, since in self._differing.items() if since <= before]
        found = [(partition, self._state(partition, sms_id)) for partition, sms_id in places]
        return [Change(partition, state) for partition, state in found if state is not None]

    def keep(self, partitions: AbstractSet[int]) -> None:
        """Forget all partitions but these: the others belong to somebody else now."""
        self._states.keep(partitions)
        for place in [place for place in self._differing if place[0] not in partitions]:
            del self._differing[place]

    def _remember(self, partition: int, state: SmsLatestState) -> bytes:
        """Remember a state together with what was known; give the value that is remembered now."""
        known = self._state(partition, state.sms_id.encode())
        row = stored(state if known is None else join(state, known))
        self._states.put(partition, row)
        return row.value

    def _report(
        self, before: SmsLatestState | None, event: SmsStatusEvent, offset: int, transition: Transition | None
    ) -> None:
        if transition is not None:
            self._observer.taken_in(transition)
        elif before is not None and _came_before(before, event, offset):
            self._observer.duplicate()
        if transition is Transition.REGRESS and before is not None:
            self._observer.out_of_order(before.status, event.status)

    def _state(self, partition: int, sms_id: bytes) -> SmsLatestState | None:
        value = self._states.get(partition, sms_id)
        return None if value is None else _latest(value)


def stored(state: SmsLatestState) -> StoredState:
    """Give the row that a state is remembered as."""
    return StoredState(
        sms_id=state.sms_id.encode(),
        value=state.model_dump_json().encode(),
        touched_ms=milliseconds(state.received_at),
        open_since_ms=None if state.is_final else milliseconds(state.first_seen_at),
    )


def _event(value: bytes | None) -> SmsStatusEvent | None:
    try:
        return SmsStatusEvent.model_validate_json(value or b"")
    except ValidationError:
        return None


def _latest(value: bytes) -> SmsLatestState | None:
    try:
        return SmsLatestState.model_validate_json(value)
    except ValidationError:
        return None  # not ours: the next fact of the SMS writes over it


def _came_before(state: SmsLatestState, event: SmsStatusEvent, offset: int) -> bool:
    """Whether the fact was taken in from another record; from this very one after a restart, it is no duplicate."""
    return any(past.event_id == event.event_id and past.offset < offset for past in state.history)
