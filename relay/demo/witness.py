"""Tells the ledger and the board what Sofy did: the simulator's `Observer` of a demo run."""

from relay.demo.board import Board
from relay.demo.facts import Fact, fact_of
from relay.demo.ledger import Books
from relay.simulator.attempts import Attempt, End
from relay.simulator.lives import Life
from relay.simulator.payloads import Webhook


class Witness:
    """Writes every post and every 2xx into `books`, and shows every attempt on `board`."""

    def __init__(self, books: Books, board: Board) -> None:
        self._books = books
        self._board = board

    def born(self, life: Life) -> None:
        """Nothing to write: what was never posted was never promised."""

    def made(self, webhook: Webhook) -> None:
        """Nothing to write."""

    def starts(self, webhook: Webhook, number: int) -> None:
        """Write that its facts are being posted, before anything can come of it."""
        del number
        self._books.posted(_facts(webhook))

    def attempted(self, attempt: Attempt) -> None:
        """Write what was promised."""
        if attempt.acknowledged:
            self._books.acknowledged(_facts(attempt.webhook))
        self._board.attempted(attempt)

    def settled(self, webhook: Webhook, end: End) -> None:
        """Nothing to write."""


def _facts(webhook: Webhook) -> list[Fact]:
    # The demo's registrations have the names of the relay's accounts.
    return [fact_of(webhook.registration.account, fact) for fact in webhook.facts]
