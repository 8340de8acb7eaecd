"""What is told to the consumers: a case for each thing that a consumer may get wrong, and the lives of many SMS."""

import json
import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from relay.events import Destination, Record, SmsStatusEvent, Status
from relay.events.records import status_record
from relay.events.schemas import example_event
from relay.events.status_event import StatusEvent

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Told:
    """One record on the status topic."""

    record: Record
    event: Mapping[str, Any] | None
    """The event that a consumer of version 1 reads in it; None if it reads none."""


@dataclass(frozen=True)
class Case:
    """What is told of one SMS, in the order of its records, and what it comes to."""

    claim: str
    told: tuple[Told, ...]
    holds: int | None
    """Which of `told` is the newest state at the end; None: nothing is known of the SMS."""
    conflict: bool = False
    changes: int = 1
    """How often the state changes."""

    @property
    def sms_id(self) -> str:
        """The SMS's id: each case has one of its own."""
        return self.claim.replace(" ", "-")


def event(sms_id: str, status: Status, at: float | None, *, telling: str = "") -> SmsStatusEvent:
    """Give an event that occurred `at` seconds after noon; another `telling` makes it another fact."""
    fact = f"{sms_id} {status} {at} {telling}"
    return example_event(status).model_copy(
        update={
            "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, fact)),
            "sms_id": sms_id,
            "occurred_at": None if at is None else NOON + timedelta(seconds=at),
            "received_at": NOON,
        }
    )


def told(event: SmsStatusEvent, changed: Mapping[str, Any] | None = None) -> Told:
    """Give the relay's own record of an event; `changed` are fields that a later minor change gives it."""
    record = status_record(StatusEvent.of(event))
    if changed:
        record = record._replace(value=json.dumps({**json.loads(record.value), **changed}).encode())
    return Told(record, json.loads(record.value))


def unreadable(sms_id: str, value: bytes) -> Told:
    """Give a record that holds no event of version 1; an empty value becomes null."""
    # Only for the latest-state topic does the relay ever write a null: a record for there, on the status topic.
    destination = Destination.STATUS if value else Destination.LATEST
    return Told(Record(destination, str(uuid.uuid4()), sms_id.encode(), value, {}, 1_767_268_800_000), None)


def cases() -> list[Case]:
    """Give the cases. Deterministic but for ids of records that hold no event."""
    return [case for group in (_order(), _finals(), _words(), _shapes()) for case in group]


def lives(seed: int, count: int) -> list[Told]:
    """Give the facts of so many SMS, each SMS's shuffled and some told twice; neighbours belong to different SMS."""
    rng = random.Random(seed)  # noqa: S311 - reproducible, no secret
    finals = [status for status in Status if status.is_final]
    told_of_all: list[Told] = []
    for number in range(count):
        sms_id = f"{rng.choice(['sms', 'SMS', 'zoë', '短信', '✓'])}-{number}"
        words = [Status.PENDING, Status.SENT, rng.choice(finals), *rng.choices(list(Status), k=rng.randint(0, 2))]
        facts = [told(event(sms_id, word, rng.choice([None, 0, 1, 2, 2.5]))) for word in words]
        told_of_all += [*facts, *rng.choices(facts, k=rng.randint(0, 2))]
    rng.shuffle(told_of_all)
    return told_of_all


def _case(
    claim: str, *facts: tuple[Status, float | None], holds: int, conflict: bool = False, changes: int = 1
) -> Case:
    sms_id = claim.replace(" ", "-")
    return Case(claim, tuple(told(event(sms_id, *fact)) for fact in facts), holds, conflict, changes)


def _order() -> Iterator[Case]:
    pending, sent, delivered = (Status.PENDING, 0), (Status.SENT, 1), (Status.DELIVERED, 2)
    yield _case("a life in its order", pending, sent, delivered, holds=2, changes=3)
    yield _case("a life in reverse", delivered, sent, pending, holds=0)
    yield _case("a replay right away", sent, sent, holds=0)
    yield _case("a replay after the final", sent, delivered, sent, holds=1, changes=2)
    yield _case("rank goes before time", sent, (Status.PENDING, 9), holds=0)
    yield _case("a final goes before time", (Status.DELIVERED, None), (Status.SENT, 9), holds=0)
    yield _case(
        "time decides between equal ranks", (Status.SENT, 2), (Status.SENT, 1), (Status.SENT, 3), holds=2, changes=2
    )
    yield _case("null is the lowest time", (Status.SENT, 1), (Status.SENT, None), holds=0)
    yield _case("any time is above null", (Status.SENT, None), (Status.SENT, 1), holds=1, changes=2)
    yield _case(
        "milliseconds count", (Status.SENT, 1.002), (Status.SENT, 1.001), (Status.SENT, 1.01), holds=2, changes=2
    )
    claim = "offset decides last"
    facts = [event("offset-decides-last", Status.SENT, 1, telling=telling) for telling in "ab"]
    yield Case(claim, tuple(map(told, facts)), holds=1, changes=2)
    yield _case("ids are kept to the letter", sent, holds=0)
    yield _case("Ids are kept to the LETTER", delivered, holds=0)


def _finals() -> Iterator[Case]:
    delivered, expired = (Status.DELIVERED, 1), (Status.EXPIRED, 2)
    yield _case("the later of two finals", delivered, expired, holds=1, conflict=True, changes=2)
    yield _case("the later of two finals is told first", expired, delivered, holds=0, conflict=True, changes=2)
    yield _case(
        "two finals without a time", (Status.EXPIRED, None), (Status.DELIVERED, None), holds=1, conflict=True, changes=2
    )
    yield _case("a final without a time", delivered, (Status.FAILED, None), holds=0, conflict=True, changes=2)
    yield _case("the same final twice is no conflict", delivered, (Status.DELIVERED, 2), holds=1, changes=2)
    yield _case(
        "a conflict stays",
        delivered,
        expired,
        (Status.DELIVERED, 3),
        (Status.SENT, 9),
        holds=2,
        conflict=True,
        changes=3,
    )
    yield _case("a replay is no conflict", delivered, delivered, holds=0)


def _words() -> Iterator[Case]:
    unknown = (Status.UNKNOWN, 5)
    yield _case("an unknown word alone", unknown, holds=0)
    yield _case("an unknown word goes under", unknown, (Status.PENDING, 1), holds=1, changes=2)
    yield _case("an unknown word comes late", (Status.SENT, 1), unknown, holds=0)
    yield _case("an unknown word is no final", (Status.DELIVERED, 1), unknown, holds=0)
    sms_id = "a-status-added-later"
    later = told(event(sms_id, Status.SENT, 2), {"status": "routed", "status_rank": 30})
    final = told(event(sms_id, Status.DELIVERED, 3), {"status": "read"})
    yield Case("a status added later", (told(event(sms_id, Status.SENT, 1)), later, final), holds=2, changes=3)
    sms_id = "a-reason-added-later"
    reason = {"category": "number_ported", "permanent": None, "code": "PORTED"}
    yield Case("a reason added later", (told(event(sms_id, Status.FAILED, 1), {"reason": reason}),), holds=0)
    sms_id = "is_final-goes-before-rank"
    final = told(event(sms_id, Status.DELIVERED, 1), {"status": "read", "status_rank": 15})
    yield Case("is_final goes before rank", (final, told(event(sms_id, Status.SENT, 2))), holds=0)


def _shapes() -> Iterator[Case]:
    sms_id = "fields-added-later"
    added = {"carrier": "Orange", "hops": [{"at": None}], "status_history": {"status": "failed"}}
    source = {**told(event(sms_id, Status.SENT, 1)).event["source"], "region": "eu", "extra": {"new": {"deep": [1.5]}}}  # type: ignore[index]  # an event
    both = (
        told(event(sms_id, Status.SENT, 1), {**added, "source": source}),
        told(event(sms_id, Status.DELIVERED, 2), added),
    )
    yield Case("fields added later", both, holds=1, changes=2)

    broken = {
        "a tombstone": b"",
        "no JSON": b"{",
        "JSON but no object": b"[1]",
        "JSON null": b"null",
        "no UTF-8": told(event("no-UTF-8", Status.SENT, 1)).record.value.replace(b"Hello", b"\xff\xfe"),
        "no event id": _without("no-event-id", "event_id"),
        "no SMS id": _without("no-SMS-id", "sms_id"),
        "an SMS id of another type": _with("an-SMS-id-of-another-type", sms_id=5),
        "another version": _with("another-version", schema_version=2),
    }
    for claim, value in broken.items():
        sms_id = claim.replace(" ", "-")
        yield Case(claim, (unreadable(sms_id, value),), holds=None, changes=0)
    sms_id = "what-is-unreadable-stops-nobody"
    facts = (
        unreadable(sms_id, b""),
        unreadable(sms_id, b"{"),
        told(event(sms_id, Status.SENT, 1)),
        unreadable(sms_id, b"\0"),
    )
    yield Case("what is unreadable stops nobody", facts, holds=2)


def _with(sms_id: str, /, **changed: object) -> bytes:
    return told(event(sms_id, Status.SENT, 1), changed).record.value


def _without(sms_id: str, name: str) -> bytes:
    value = dict(told(event(sms_id, Status.SENT, 1)).event or {})
    return json.dumps({other: value[other] for other in value if other != name}).encode()
