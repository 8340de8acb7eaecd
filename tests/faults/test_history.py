"""The checker finds what it is there to find."""

import json

import pytest

from tests.faults.history import Attempt, Fact, History, assert_kept, balance
from tests.kafka.reader import StoredRecord

FIRST, SECOND, THIRD = (Fact("sms", number) for number in range(3))


def posted(*answers: tuple[Fact, int], seconds: float = 0.1) -> History:
    return History(
        Attempt(fact, at=float(place), seconds=seconds, status=status, error="" if status == 200 else "no_leader")
        for place, (fact, status) in enumerate(answers)
    )


def stored(*facts: Fact, event_id: str = "id") -> list[StoredRecord]:
    return [
        StoredRecord(
            partition=0,
            offset=offset,
            key=fact.sms.encode(),
            value=json.dumps(
                {"sms_id": fact.sms, "occurred_at": fact.occurred_at, "event_id": f"{event_id}-{fact.number}"}
            ).encode(),
            headers=[],
            timestamp_ms=0,
        )
        for offset, fact in enumerate(facts)
    ]


def test_what_was_answered_200_and_is_not_stored_is_missing() -> None:
    ledger = balance(posted((FIRST, 200), (SECOND, 503)), stored())

    assert ledger.missing == {FIRST}


def test_what_is_stored_and_was_never_posted_is_invented() -> None:
    ledger = balance(posted((FIRST, 200)), stored(FIRST, SECOND))

    assert len(ledger.invented) == 1


def test_a_status_behind_a_later_one_is_out_of_order_unless_it_was_refused_at_first() -> None:
    assert balance(posted((FIRST, 200), (SECOND, 200)), stored(SECOND, FIRST)).disordered == [SECOND]
    assert balance(posted((FIRST, 503), (SECOND, 200), (FIRST, 200)), stored(SECOND, FIRST)).disordered == []
    assert balance(posted((FIRST, 200), (SECOND, 200)), stored(FIRST, SECOND, FIRST)).disordered == []


def test_a_second_record_is_a_duplicate_and_the_clients_own_where_no_refusal_explains_it() -> None:
    explained = balance(posted((FIRST, 503), (FIRST, 200)), stored(FIRST, FIRST))
    by_the_client = balance(posted((FIRST, 200)), stored(FIRST, FIRST))

    assert (explained.duplicates, explained.retried) == (1, set())
    assert (by_the_client.duplicates, by_the_client.retried) == (1, {FIRST})


@pytest.mark.parametrize(
    ("history", "records"),
    [
        (posted((FIRST, 200)), stored()),
        (posted((FIRST, 200)), stored(FIRST, SECOND)),
        (posted((FIRST, 200), (SECOND, 200)), stored(SECOND, FIRST)),
        (posted((FIRST, 200)), stored(FIRST) + stored(FIRST, event_id="another")),
        (posted((FIRST, 500)), stored()),
        (posted((FIRST, 200), seconds=4.0), stored(FIRST)),
    ],
    ids=["lost", "invented", "out of order", "two ids", "another answer", "late"],
)
def test_a_broken_promise_is_no_passed_test(history: History, records: list[StoredRecord]) -> None:
    with pytest.raises(AssertionError):
        assert_kept(history, records)
