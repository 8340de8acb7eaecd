"""How the demo's Sofy behaves: every mishap and status occurs, at the rate asked for, known again by the ledger."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from relay.demo.facts import fact_of, fact_of_status_record, letter_fact
from relay.demo.ways import ITEMS_PER_SMS, V1_ACCOUNT, V2_ACCOUNT, demo_registrations, demo_ways
from relay.events.sms_status import Status
from relay.events.status_event import written
from relay.simulator.courses import Version
from relay.simulator.faults import Faults
from relay.simulator.lives import Life, Lives
from relay.simulator.payloads import Webhook, headers_of
from relay.simulator.tellings import Teller
from relay.sofy.authenticity import Authenticator, AuthenticDelivery, Claim, Credentials
from relay.sofy.reading import Reading, StatusFact, UnreadableFact, read

_NOW = datetime(2024, 1, 1, tzinfo=UTC)
_SECRET, _TOKEN = "a-secret-of-this-test", "a-token-of-this-test"
_URL = "http://relay.test/webhooks/sofy"
_SIGNED, _UNSIGNED = demo_registrations(_URL, secret=_SECRET, token=_TOKEN)
_AUTHENTICATOR = Authenticator(
    {V2_ACCOUNT: Credentials(secrets=(_SECRET.encode(),)), V1_ACCOUNT: Credentials(tokens=(_TOKEN.encode(),))}
)


def _told(lives: int) -> Iterator[tuple[Life, list[Webhook]]]:
    ways, rng = demo_ways(1), random.Random(1)  # noqa: S311 - reproducible, and nothing secret
    source = Lives(rng, scale=ways.time_scale, courses=ways.courses)
    teller = Teller(Faults(ways.faults, rng), rng, source.id, scale=ways.time_scale)
    for number in range(lives):
        registration = _SIGNED if number % 5 else _UNSIGNED
        life = source.invent(registration.version, _NOW)
        webhooks: list[Webhook] = []
        for telling in teller.plan(life):
            webhook, beside = teller.webhooks(registration, telling)
            webhooks += [webhook, *(other for _, other in beside)]
        yield life, webhooks


def _reading(webhook: Webhook) -> Reading:
    token = webhook.registration.url.removeprefix(_URL).removeprefix("/").encode() or None
    headers = [(name.encode(), value.encode()) for name, value in headers_of(webhook, int(_NOW.timestamp())).items()]
    delivery = _AUTHENTICATOR.authenticate(Claim(None, token, headers), webhook.body, _NOW)
    assert isinstance(delivery, AuthenticDelivery)
    assert delivery.account == webhook.registration.account
    found = read(delivery, expects=_AUTHENTICATOR.expects, e164=str)
    assert isinstance(found, Reading)
    return found


def test_its_webhooks_are_authentic_and_the_relay_reads_in_each_what_the_ledger_awaits() -> None:
    for _, webhooks in _told(300):
        for webhook in webhooks:
            account = webhook.registration.account
            found = [
                fact_of_status_record(written(fact.event))
                if isinstance(fact, StatusFact)
                else letter_fact(account, fact.payload)
                for fact in _reading(webhook).facts
                if isinstance(fact, StatusFact | UnreadableFact)
            ]
            assert found == [fact_of(account, fact) for fact in webhook.facts]


def test_every_status_of_the_contract_but_pending_occurs() -> None:
    statuses = {
        fact.event.status
        for _, webhooks in _told(1000)
        for webhook in webhooks
        for fact in _reading(webhook).facts
        if isinstance(fact, StatusFact)
    }

    assert statuses == set(Status) - {Status.PENDING}


def test_an_sms_comes_to_so_many_items() -> None:
    told = list(_told(4000))

    sms = sum(len(life.sms) for life, _ in told)
    items = sum(len(webhook.facts) for _, webhooks in told for webhook in webhooks)
    assert items / sms == pytest.approx(ITEMS_PER_SMS, rel=0.05)


def test_every_life_ends_within_ten_seconds() -> None:
    assert max(life.changes[-1].after_s for life, _ in _told(1000)) < 10


def test_signed_webhooks_go_to_the_bare_url_and_the_others_carry_the_token() -> None:
    assert (_SIGNED.version, _SIGNED.url, _SIGNED.secret) == (Version.V2, _URL, _SECRET)
    assert (_UNSIGNED.version, _UNSIGNED.url, _UNSIGNED.secret) == (Version.V1, f"{_URL}/{_TOKEN}", None)
