"""The witness: what was answered 2xx is a promise, everything else is none."""

from relay.demo.board import Board
from relay.demo.facts import fact_of
from relay.demo.ledger import Books
from relay.demo.witness import Witness
from relay.simulator.attempts import Attempt, Observer
from relay.simulator.payloads import UnreadableFact
from tests.demo.attempts import fact, webhook


def _told(*statuses: int | None) -> Books:
    books, posted = Books(), webhook(fact(1), UnreadableFact(b"x"))
    witness: Observer = Witness(books, Board(lambda: 0.0))
    for number, status in enumerate(statuses):
        witness.starts(posted, number)
        witness.attempted(Attempt(posted, number, due=0.0, started=0.0, ended=0.0, status=status))
    return books


def test_what_was_not_answered_2xx_is_sent_and_neither_received_nor_lost() -> None:
    ledger = _told(503, None, 302).settle()

    assert (ledger.sent, ledger.received, ledger.lost) == (6, 0, 0)


def test_what_was_answered_2xx_must_be_found() -> None:
    books = _told(503, 200, 200)
    books.on_status_topic(fact_of("default", fact(1)))

    ledger = books.settle()

    assert (ledger.sent, ledger.received, ledger.published, ledger.duplicates, ledger.lost) == (6, 4, 1, 2, 1)
