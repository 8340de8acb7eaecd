"""The latest state of an SMS: what its facts come to, whatever order and how often they arrive.

Pure. A state is a join: taking a fact in twice, or two states of the same SMS together in either order,
gives the same state. So a member of the consumer group may be killed anywhere and read again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from pydantic import Field

from relay.events.sms_status import SmsStatusEvent, Status, _Contract
from relay.events.times import Timestamp

HISTORY: Final = 20
"""How many facts a state remembers: an SMS has two or three, one that is told wrongly some more."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Transition(StrEnum):
    """What the last fact that was taken in did to the state."""

    FIRST = "first"
    """It is the first one known of the SMS."""
    ADVANCE = "advance"
    """It is the newer state."""
    REPEAT = "repeat"
    """It says the same status again, of another time."""
    REGRESS = "regress"
    """It came late: it is older than the state, which stays."""
    FINAL_CONFLICT = "final_conflict"
    """It is another final status than one known before: the later one by the provider's clock holds."""


class PastStatus(_Contract):
    """One fact that was taken in."""

    event_id: str = Field(description="The status event's id.")
    status: Status = Field(description="Its status.")
    occurred_at: Timestamp | None = Field(description="When the SMS came into it, by the provider's clock.")
    offset: int = Field(description="The offset of its first record on the status topic.", ge=0)


class SmsLatestState(SmsStatusEvent):
    """The newest non-regressing state of one SMS: the event that holds, and how the SMS came there.

    The value of a record on the latest-state topic, which is compacted and keyed by SMS id; null once it is erased.
    """

    first_seen_at: Timestamp = Field(description="When the relay first received anything about the SMS.")
    history: tuple[PastStatus, ...] = Field(
        description=f"The facts known of the SMS, the newest state last; at most {HISTORY}.", max_length=HISTORY
    )
    transition: Transition = Field(description="What the last fact that was taken in did to the state.")


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a fact came to."""

    state: SmsLatestState
    """The state from now on."""
    transition: Transition | None
    """None: the fact was known already, or is older than all that is remembered; the state is as it was."""


def take_in(state: SmsLatestState | None, event: SmsStatusEvent, offset: int) -> TakenIn:
    """Take in a fact that stands at `offset` of the status topic; `state` is what was known of its SMS."""
    past = PastStatus(event_id=event.event_id, status=event.status, occurred_at=event.occurred_at, offset=offset)
    if state is None:
        first = _state(event, event.received_at, (past,), Transition.FIRST)
        return TakenIn(first, Transition.FIRST)
    if any(known.event_id == event.event_id for known in state.history):
        return TakenIn(state, None)
    history = _newest((*state.history, past))
    if past not in history:
        return TakenIn(state, None)
    transition = _transition(state.history[-1], past)
    first_seen_at = min(state.first_seen_at, event.received_at)
    holds = event if history[-1] == past else state
    return TakenIn(_state(holds, first_seen_at, history, transition), transition)


def join(mine: SmsLatestState, other: SmsLatestState) -> SmsLatestState:
    """Give what two states of one SMS come to: all that either knows. `mine` is given back if it knows all of it.

    The event that holds is the newer of the two. Of states that were taken in from the same records, one of them from
    more, it is the newest of all.
    """
    first_of: dict[str, PastStatus] = {}
    for past in sorted((*mine.history, *other.history), key=lambda past: past.offset):
        first_of.setdefault(past.event_id, past)
    history = _newest(first_of.values())
    first_seen_at = min(mine.first_seen_at, other.first_seen_at)
    if history == mine.history and first_seen_at == mine.first_seen_at:
        return mine
    holds = max(mine, other, key=lambda state: _order(first_of[state.event_id]))
    return _state(holds, first_seen_at, history, holds.transition)


def _transition(before: PastStatus, now: PastStatus) -> Transition:
    if before.status.is_final and now.status.is_final and before.status is not now.status:
        return Transition.FINAL_CONFLICT
    if before.status is now.status:
        return Transition.REPEAT
    return Transition.ADVANCE if _order(now) > _order(before) else Transition.REGRESS


def _newest(history: Iterable[PastStatus]) -> tuple[PastStatus, ...]:
    return tuple(sorted(history, key=_order)[-HISTORY:])


def _state(
    event: SmsStatusEvent, first_seen_at: datetime, history: tuple[PastStatus, ...], transition: Transition
) -> SmsLatestState:
    known = {name: getattr(event, name) for name in SmsStatusEvent.model_fields}
    return SmsLatestState(**known, first_seen_at=first_seen_at, history=history, transition=transition)


def _order(past: PastStatus) -> tuple[bool, int, datetime, int]:
    """Give what two facts of one SMS are compared by: the greater is the newer state (`docs/event.md`)."""
    return past.status.is_final, past.status.rank, past.occurred_at or _NEVER, past.offset
