"""What a consumer's output must be, by the words of the contract and nothing else: slow, pure, without a state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Stored:
    """A record as it stands in Kafka."""

    partition: int
    offset: int
    event: Event | None
    """None: it holds no event of version 1."""


@dataclass(frozen=True)
class Expected:
    """What is printed."""

    changes: Mapping[str, Sequence[Mapping[str, Any]]]
    """By SMS: its state after each change."""
    snapshot: Mapping[str, Mapping[str, Any]]
    read: int
    duplicates: int
    unreadable: int


def expected(records: Iterable[Stored]) -> Expected:
    """Give what a consumer must print that reads all of `records` and forgets no id."""
    in_order = sorted(records, key=lambda record: (record.partition, record.offset))
    by_sms: dict[str, dict[str, tuple[Event, int]]] = {}
    readable = 0
    for record in in_order:
        if record.event is not None:
            readable += 1
            facts = by_sms.setdefault(record.event["sms_id"], {})
            facts.setdefault(record.event["event_id"], (record.event, record.offset))
    changes = {sms_id: _changes(list(facts.values())) for sms_id, facts in by_sms.items()}
    return Expected(
        changes=changes,
        snapshot={sms_id: states[-1] for sms_id, states in changes.items()},
        read=len(in_order),
        duplicates=readable - sum(map(len, by_sms.values())),
        unreadable=len(in_order) - readable,
    )


def _changes(facts: Sequence[tuple[Event, int]]) -> list[Mapping[str, Any]]:
    """Give the states that the facts come to, one after the other; those that equal the one before left out."""
    states: list[Mapping[str, Any]] = []
    for told in range(1, len(facts) + 1):
        state = _state(facts[:told])
        if not states or state != states[-1]:
            states.append(state)
    return states


def _state(facts: Sequence[tuple[Event, int]]) -> Mapping[str, Any]:
    newest, _ = max(facts, key=_order)
    finals = {event["status"] for event, _ in facts if event["is_final"]}
    return {
        "sms_id": newest["sms_id"],
        "status": newest["status"],
        "provider_status": newest["source"]["status"],
        "occurred_at": newest["occurred_at"],
        "event_id": newest["event_id"],
        "conflict": len(finals) > 1,
    }


def _order(fact: tuple[Event, int]) -> tuple[bool, int, bool, str, int]:
    event, offset = fact
    time = event["occurred_at"]
    return event["is_final"], event["status_rank"], time is not None, time or "", offset
