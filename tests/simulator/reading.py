"""What the relay reads in a webhook, in the simulator's own terms."""

import random
from datetime import UTC, datetime

from relay.events.status_event import StatusEvent
from relay.simulator.courses import Version
from relay.simulator.payloads import Webhook
from relay.simulator.registrations import Registration
from relay.sofy.authenticity import Authenticator, AuthenticDelivery, Claim, Credentials
from relay.sofy.reading import Reading, StatusFact, UnreadableFact, read

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
TOKEN = b"token"
_AUTHENTICATOR = Authenticator({"default": Credentials(tokens=(TOKEN,))})


def dice(seed: int = 0) -> random.Random:
    return random.Random(seed)  # noqa: S311 - reproducible, and nothing secret


def registration(
    name: str = "registration", *, url: str = "http://127.0.0.1:1/webhooks/sofy/token", secret: str | None = None
) -> Registration:
    version = Version.V1 if secret is None else Version.V2
    return Registration(name, account=name, version=version, url=url, created_at=EPOCH, secret=secret)


def reading(webhook: Webhook) -> Reading:
    delivery = _AUTHENTICATOR.authenticate(Claim(None, TOKEN, ()), webhook.body, EPOCH)
    assert isinstance(delivery, AuthenticDelivery)
    found = read(delivery, expects=lambda *_: True, e164=lambda number: number)
    assert isinstance(found, Reading)
    return found


def events(webhook: Webhook) -> list[StatusEvent]:
    return [fact.event for fact in reading(webhook).facts if isinstance(fact, StatusFact)]


def unreadable(webhook: Webhook) -> list[UnreadableFact]:
    return [fact for fact in reading(webhook).facts if isinstance(fact, UnreadableFact)]
