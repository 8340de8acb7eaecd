"""Attempts of a Sofy, made by hand."""

from datetime import UTC, datetime

from relay.simulator.attempts import Attempt
from relay.simulator.courses import Version
from relay.simulator.payloads import Fact, StatusFact, Webhook
from relay.simulator.registrations import Registration


def webhook(*facts: Fact, account: str = "default") -> Webhook:
    """A webhook of the relay's `account`."""
    registration = Registration("wh", account, Version.V1, "http://relay.test/", datetime(2024, 1, 1, tzinfo=UTC))
    return Webhook(registration, b"{}", facts)


def fact(number: int = 1) -> StatusFact:
    return StatusFact(f"sms-{number}", "sent", "", "2024-01-01T00:00:00.000Z")


def attempt(*, items: int = 1, status: int | None = 200, seconds: float = 0.001, answer: bytes = b"") -> Attempt:
    """An attempt at a webhook of so many items."""
    posted = webhook(*(fact(number) for number in range(items)))
    return Attempt(posted, 0, due=0.0, started=0.0, ended=seconds, status=status, answer=answer)
