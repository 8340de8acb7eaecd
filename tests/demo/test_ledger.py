"""The ledger: nothing answered 2xx may be missing from the topics, and a replay is no second fact."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from relay.demo.facts import Fact
from relay.demo.ledger import Books, Ledger

_NOTHING = Ledger(
    sent=0,
    received=0,
    published=0,
    duplicates=0,
    dead_lettered=0,
    lost=0,
    unpromised=0,
    repeated_records=0,
    foreign_records=0,
)

_facts = st.lists(st.integers(0, 9).map(lambda number: Fact(bytes([number]))), max_size=8)
_webhooks = st.lists(st.tuples(_facts, st.booleans()), max_size=8)
"""What each webhook holds, and whether it was answered 2xx."""


def test_nothing_posted_is_nothing_lost() -> None:
    assert Books().settle() == _NOTHING


def test_each_item_has_its_place() -> None:
    books = Books()
    status, letter, gone, late = (Fact(name) for name in (b"status", b"letter", b"gone", b"late"))
    books.posted([status, letter])
    books.acknowledged([status, letter])
    books.posted([status, gone])
    books.acknowledged([status, gone])
    books.posted([late])  # answered 503, and not replayed before the end

    books.on_status_topic(status)
    books.on_status_topic(late)
    books.on_status_topic(late)
    books.on_dead_letter_topic(letter)
    books.on_dead_letter_topic(Fact(b"somebody else's"))
    books.unreadable_record()

    assert books.settle() == Ledger(
        sent=5,
        received=4,
        published=2,
        duplicates=1,
        dead_lettered=1,
        lost=1,
        unpromised=1,
        repeated_records=1,
        foreign_records=2,
    )


@given(_webhooks, _facts, _facts)
def test_an_acknowledged_fact_that_is_on_no_topic_is_lost(
    webhooks: Sequence[tuple[list[Fact], bool]], statuses: list[Fact], letters: list[Fact]
) -> None:
    ledger = _run(webhooks, statuses, letters).settle()

    acknowledged = {fact for facts, answered in webhooks for fact in facts if answered}
    assert ledger.lost == len(acknowledged - set(statuses) - set(letters))


@given(_webhooks, _facts, _facts)
def test_every_item_has_exactly_one_place(
    webhooks: Sequence[tuple[list[Fact], bool]], statuses: list[Fact], letters: list[Fact]
) -> None:
    ledger = _run(webhooks, statuses, letters).settle()

    assert ledger.balanced
    assert all(count >= 0 for count in (ledger.unpromised, ledger.repeated_records, ledger.foreign_records))
    assert ledger.sent == sum(len(facts) for facts, _ in webhooks)
    assert ledger.received == sum(len(facts) for facts, answered in webhooks if answered)


@given(_webhooks, _facts, st.data())
def test_a_replay_is_a_duplicate_and_nothing_else(
    webhooks: Sequence[tuple[list[Fact], bool]], statuses: list[Fact], data: st.DataObject
) -> None:
    answered = [webhook for webhook in webhooks if webhook[1]]
    replays = data.draw(st.lists(st.sampled_from(answered), max_size=4)) if answered else []
    items = sum(len(facts) for facts, _ in replays)

    before = _run(webhooks, statuses, []).settle()
    after = _run([*webhooks, *replays], statuses, []).settle()

    assert after == replace(
        before, sent=before.sent + items, received=before.received + items, duplicates=before.duplicates + items
    )


@given(_webhooks, st.data())
def test_a_second_record_of_a_fact_is_not_a_second_fact(
    webhooks: Sequence[tuple[list[Fact], bool]], data: st.DataObject
) -> None:
    facts = sorted({fact for facts, _ in webhooks for fact in facts})
    again = data.draw(st.lists(st.sampled_from(facts), max_size=4)) if facts else []

    once = _run(webhooks, facts, []).settle()
    twice = _run(webhooks, [*facts, *again], []).settle()

    assert twice == replace(once, repeated_records=len(again))


def _run(webhooks: Sequence[tuple[list[Fact], bool]], statuses: list[Fact], letters: list[Fact]) -> Books:
    books = Books()
    for facts, answered in webhooks:
        books.posted(facts)
        if answered:
            books.acknowledged(facts)
    for fact in statuses:
        books.on_status_topic(fact)
    for fact in letters:
        books.on_dead_letter_topic(fact)
    return books
