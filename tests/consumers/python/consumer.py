"""Keep the newest state of each SMS, from the relay's status topic.

Arguments: servers, topic, group, how many records to read, and how many event ids to remember (100,000).
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from aiokafka import ConsumerRecord
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage
from pydantic import ValidationError

from relay.events import SmsStatusEvent


class Event(SmsStatusEvent):
    """A status event as the relay ships it, but open to words that are added later: they are no reason to stop."""

    status: str  # type: ignore[assignment]  # wider than in the shipped model, on purpose
    reason: dict[str, Any] | None  # type: ignore[assignment]  # as status


@dataclass(frozen=True)
class State:
    """The newest event of an SMS, and whether two different finals were told of it."""

    event: Event
    offset: int
    conflict: bool = False

    @property
    def order(self) -> tuple[bool, int, datetime, int]:
        """The whole comparison: is_final, then status_rank, then occurred_at (null lowest), then offset."""
        event = self.event
        return event.is_final, event.status_rank, event.occurred_at or datetime.min.replace(tzinfo=UTC), self.offset


servers, topic, group, count, window = (*sys.argv[1:], "100000")[:5]
broker = KafkaBroker(servers, apply_types=False, logger=None)
app = FastStream(broker, logger=None)
latest: dict[str, State] = {}  # stands for a table of your database
seen: dict[str, None] = {}  # the newest event ids, in their order
tally = Counter(read=0, duplicates=0, unreadable=0)


def take(event: Event, offset: int) -> State | None:
    """Take an event in; give the SMS's state if that changed."""
    was = latest.get(event.sms_id)
    if event.event_id in seen or (was and was.event.event_id == event.event_id):
        tally["duplicates"] += 1
        return None
    seen[event.event_id] = None
    if len(seen) > int(window):
        del seen[next(iter(seen))]
    now = State(event, offset)
    if was:
        contradicts = was.event.is_final and event.is_final and was.event.status != event.status
        now = replace(max(was, now, key=lambda state: state.order), conflict=was.conflict or contradicts)
    latest[event.sms_id] = now
    return now if now != was else None


async def untouched(message: KafkaMessage) -> Any:  # noqa: ANN401 - the records of a batch, or one
    """Give the records as they came: for FastStream one value that is no JSON would cost the batch."""
    return message.raw_message


# Committed after the work: what was not is told again, and recognised.
@broker.subscriber(
    topic, group_id=group, auto_offset_reset="earliest", batch=True, decoder=untouched, ack_policy=AckPolicy.ACK
)
async def consume(records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
    """Take a batch in."""
    for record in records:
        tally["read"] += 1
        try:
            event = Event.model_validate_json(record.value or b"")
        except ValidationError:
            tally["unreadable"] += 1
            sys.stderr.write(f"no event of version 1: partition {record.partition}, offset {record.offset}\n")
            continue
        if changed := take(event, record.offset):
            sys.stdout.write(json.dumps(shown(changed)) + "\n")
    if tally["read"] >= int(count):
        app.exit()


def shown(state: State) -> dict[str, Any]:
    """Give a state as it is printed."""
    told = state.event.model_dump(mode="json", include={"sms_id", "status", "occurred_at", "event_id"})
    return {**told, "provider_status": state.event.source.status, "conflict": state.conflict}


if __name__ == "__main__":
    asyncio.run(app.run())
    snapshot = {sms_id: shown(state) for sms_id, state in latest.items()}
    sys.stdout.write(json.dumps({"snapshot": snapshot, **tally}) + "\n")
