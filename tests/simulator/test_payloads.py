"""Webhooks look as Sofy's do, and prove themselves as Sofy's do."""

import json

import pytest

from relay.reasons import Reason
from relay.simulator.lives import Lives
from relay.simulator.payloads import headers_of, items_of, status_webhook
from relay.sofy.authenticity import Authenticator, AuthenticDelivery, Claim, Credentials
from tests.simulator.reading import EPOCH, dice, registration
from tests.sofy.payloads import SAMPLE, item

SECRET = "a secret"


def _body_of(recipient: str) -> bytes:
    life = Lives(dice()).send(sender="36789", recipient=recipient, body="Hello world !", now=EPOCH)
    return status_webhook(registration("xxxxx"), "yyyyy", items_of(life, life.changes[-1])).body


def test_a_body_has_the_documented_fields_and_types() -> None:
    documented = {**SAMPLE, "data": [item(to="33199000000")]}  # the example of Sofy's documentation

    body = json.loads(_body_of("33199000000"))

    differing = {"createdAt", "updatedAt", "id"}
    assert list(body) == list(documented)
    assert {name: body[name] for name in ("webhookId", "id", "type")} == {
        name: documented[name] for name in ("webhookId", "id", "type")
    }
    assert list(body["data"][0]) == list(documented["data"][0])
    assert {k: v for k, v in body["data"][0].items() if k not in differing} == {
        k: v for k, v in documented["data"][0].items() if k not in differing
    }
    assert body["data"][0]["createdAt"] == "2024-01-01T00:00:00.000Z"


def _judged(secret: str, headers: dict[str, str], body: bytes) -> AuthenticDelivery | Reason:
    authenticator = Authenticator({"default": Credentials(secrets=(secret.encode(),))})
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return authenticator.authenticate(Claim(None, None, pairs), body, EPOCH)


@pytest.mark.parametrize(
    ("secret", "outcome"), [(SECRET, AuthenticDelivery("default", b"", EPOCH)), ("another", Reason.INVALID_SIGNATURE)]
)
def test_the_relay_believes_a_webhook_signed_with_its_secret(secret: str, outcome: object) -> None:
    webhook = status_webhook(registration(secret=SECRET), "envelope", [])

    judged = _judged(secret, headers_of(webhook, int(EPOCH.timestamp())), webhook.body)

    assert type(judged) is type(outcome)
    assert isinstance(judged, AuthenticDelivery) or judged is outcome


def test_a_replay_is_signed_anew() -> None:
    webhook = status_webhook(registration(secret=SECRET), "envelope", [])

    first, later = (headers_of(webhook, now) for now in (1, 2))

    assert first["x-sofy-timestamp"] != later["x-sofy-timestamp"]
    assert first["x-sofy-signature"] != later["x-sofy-signature"]


def test_v1_signs_nothing() -> None:
    webhook = status_webhook(registration(), "envelope", [])

    assert not [name for name in headers_of(webhook, 1) if name.startswith("x-sofy")]


def test_no_secret_and_no_url_stands_in_what_a_registration_shows_of_itself() -> None:
    shown = repr(registration(secret="pl4nted", url="http://h/pl4nted"))

    assert "pl4nted" not in shown
