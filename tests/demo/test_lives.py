"""The invented lives: the same for the same seed, at the rate asked for, with every mishap, read as intended."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.demo.facts import fact_of_status_record, letter_fact
from relay.demo.lives import V1_ACCOUNT, V2_ACCOUNT, Lives, Webhook
from relay.events.sms_status import SmsStatusEvent, Status
from relay.sofy.authenticity import Authenticator, AuthenticDelivery, Claim, Credentials
from relay.sofy.reading import Reading, StatusFact, UnreadableFact, read

_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_AUTHENTICATOR = Authenticator(
    {name: Credentials(tokens=(name.encode(),)) for name in (V2_ACCOUNT, V1_ACCOUNT)}, allow_unauthenticated=True
)


@pytest.fixture(scope="module")
def minute() -> list[Webhook]:
    return _during(60, Lives(seed=1, rate=150, epoch=_EPOCH))


def test_the_same_seed_gives_the_same_lives() -> None:
    one, same, other = (list(islice(Lives(seed=seed, rate=150, epoch=_EPOCH), 300)) for seed in (1, 1, 2))

    assert one == same
    assert {webhook.body for webhook in one}.isdisjoint(webhook.body for webhook in other)


@given(st.integers(), st.floats(0.1, 10_000))
@settings(max_examples=20)
def test_webhooks_come_in_the_order_in_which_they_are_due(seed: int, rate: float) -> None:
    due = [webhook.due for webhook in islice(Lives(seed=seed, rate=rate, epoch=_EPOCH), 200)]

    assert due == sorted(due)
    assert due[0] >= 0


@pytest.mark.parametrize("rate", [20, 150])
def test_the_rate_is_the_one_asked_for(rate: int) -> None:
    webhooks = _during(70, Lives(seed=3, rate=rate, epoch=_EPOCH))

    settled = [webhook for webhook in webhooks if webhook.due > 20]  # the first final statuses take a while
    assert sum(len(webhook.facts) for webhook in settled) == pytest.approx(50 * rate, rel=0.15)


@given(st.integers())
@settings(max_examples=10)
def test_the_relay_reads_in_each_webhook_the_facts_that_it_is_said_to_hold(seed: int) -> None:
    for webhook in islice(Lives(seed=seed, rate=150, epoch=_EPOCH), 250):
        assert tuple(_facts(webhook)) == webhook.facts


def test_every_status_of_the_contract_but_pending_occurs(minute: list[Webhook]) -> None:
    assert {event.status for event in _events(minute)} == set(Status) - {Status.PENDING}


def test_an_sms_has_one_final_status(minute: list[Webhook]) -> None:
    finals: dict[str, set[str]] = {}
    for event in _events(minute):
        if event.is_final:
            finals.setdefault(event.sms_id, set()).add(event.event_id)

    assert {len(ids) for ids in finals.values()} == {1}


def test_a_final_status_now_and_then_overtakes_sent(minute: list[Webhook]) -> None:
    ended: set[str] = set()
    overtaken: set[str] = set()
    for event in _events(minute):
        if event.is_final:
            ended.add(event.sms_id)
        elif event.status is Status.SENT and event.sms_id in ended:
            overtaken.add(event.sms_id)

    assert 0 < len(overtaken) < len(ended) / 10


def test_some_webhooks_are_replays_with_the_same_or_another_envelope(minute: list[Webhook]) -> None:
    bodies = Counter(webhook.body for webhook in minute)
    facts = Counter(webhook.facts for webhook in minute)

    same_body = sum(times - 1 for times in bodies.values())
    same_facts = sum(times - 1 for times in facts.values())
    assert 0 < same_body < same_facts < len(minute) / 10


def test_a_short_and_slow_run_shows_a_replay_and_a_dead_letter() -> None:
    webhooks = _during(10, Lives(seed=5, rate=5, epoch=_EPOCH))

    facts = [fact for webhook in webhooks for fact in webhook.facts]
    assert len(set(facts)) < len(facts)
    assert any(isinstance(fact, UnreadableFact) for webhook in webhooks for fact in _reading(webhook).facts)


def test_bodies_and_items_are_unreadable_in_several_ways(minute: list[Webhook]) -> None:
    reasons = {
        fact.reason.value
        for seed in range(3)
        for webhook in _during(60, Lives(seed=seed, rate=150, epoch=_EPOCH))
        for fact in _reading(webhook).facts
        if isinstance(fact, UnreadableFact)
    }

    assert {"invalid_json", "wrong_shape", "missing_sms_id"} <= reasons
    assert any(len(webhook.facts) > 3 for webhook in minute)


def test_numbers_are_of_the_ranges_reserved_for_fiction(minute: list[Webhook]) -> None:
    recipients = {event.recipient for event in _events(minute) if event.recipient}

    fiction = ("+3319900", "+3326191", "+3335301", "+3346571", "+3353649")
    assert all(recipient.startswith(fiction) for recipient in recipients if recipient.startswith("+"))
    assert all(len(recipient) <= 6 for recipient in recipients if not recipient.startswith("+"))


def test_a_webhook_tells_of_what_happened_a_moment_ago(minute: list[Webhook]) -> None:
    for webhook in minute:
        for fact in _reading(webhook).facts:
            if isinstance(fact, StatusFact) and fact.event.occurred_at is not None:
                occurred = (fact.event.occurred_at - _EPOCH).total_seconds()
                assert 0 <= webhook.due - occurred < 15


def _during(seconds: float, lives: Lives) -> list[Webhook]:
    return list(takewhile(lambda webhook: webhook.due < seconds, lives))


def _events(webhooks: list[Webhook]) -> Iterator[SmsStatusEvent]:
    for webhook in webhooks:
        for fact in _reading(webhook).facts:
            if isinstance(fact, StatusFact):
                yield fact.event


def _facts(webhook: Webhook) -> Iterator[bytes | None]:
    for fact in _reading(webhook).facts:
        if isinstance(fact, StatusFact):
            yield fact_of_status_record(fact.event.model_dump_json().encode())
        elif isinstance(fact, UnreadableFact):
            yield letter_fact(webhook.account, fact.payload)


def _reading(webhook: Webhook) -> Reading:
    claim = Claim(None, webhook.account.encode(), ())
    delivery = _AUTHENTICATOR.authenticate(claim, webhook.body, _EPOCH)
    assert isinstance(delivery, AuthenticDelivery)
    reading = read(
        delivery, expects=_AUTHENTICATOR.expects, e164=lambda number: f"+{number}" if len(number) > 6 else number
    )
    assert isinstance(reading, Reading)
    return reading
