"""What registrations are told of lives: everything once and readable, but for the faults that were asked for."""

import json
from collections import Counter
from collections.abc import Mapping
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from relay.simulator.courses import Version
from relay.simulator.faults import Fault, Faults
from relay.simulator.lives import Life, Lives
from relay.simulator.payloads import StatusFact, UnreadableFact, Webhook
from relay.simulator.tellings import Teller
from tests.simulator.reading import EPOCH, dice, events, reading, registration, unreadable

_shares = st.dictionaries(st.sampled_from(Fault), st.floats(0.05, 1))


def _told(seed: int, faults: Mapping[Fault, float], lives: int = 5) -> list[tuple[Life, list[Webhook]]]:
    """Lives, and the webhooks of each: in order of telling, a copy after its original."""
    rng = dice(seed)
    source, ids = Lives(rng), count()
    teller = Teller(Faults(faults, rng), rng, lambda: f"envelope-{next(ids)}")
    told = []
    for _ in range(lives):
        life = source.invent(rng.choice(list(Version)), EPOCH)
        webhooks: list[Webhook] = []
        for telling in teller.plan(life):
            webhook, beside = teller.webhooks(registration(), telling)
            webhooks += [webhook, *(other for _, other in beside)]
        told.append((life, webhooks))
    return told


@given(st.integers())
def test_without_a_fault_each_change_of_each_sms_is_told_once_readable_and_in_order(seed: int) -> None:
    for life, webhooks in _told(seed, {}):
        assert len(webhooks) == len(life.changes)
        for change, webhook in zip(life.changes, webhooks, strict=True):
            assert not unreadable(webhook)
            assert not reading(webhook).unreadable_fields
            assert [(event.sms_id, event.provider_status) for event in events(webhook)] == [
                (sms.id, change.status) for sms in life.sms
            ]


@given(st.integers(), _shares)
def test_whatever_the_faults_each_sms_has_exactly_one_final_event(seed: int, faults: Mapping[Fault, float]) -> None:
    for life, webhooks in _told(seed, faults):
        finals: dict[str, set[str]] = {}
        for event in (event for webhook in webhooks for event in events(webhook) if event.is_final):
            finals.setdefault(event.sms_id, set()).add(event.event_id)
        assert {sms_id: len(ids) for sms_id, ids in finals.items()} == {sms.id: 1 for sms in life.sms}


@given(st.integers(), _shares)
def test_a_webhook_holds_the_facts_that_it_is_said_to_hold(seed: int, faults: Mapping[Fault, float]) -> None:
    for webhook in (webhook for _, webhooks in _told(seed, faults) for webhook in webhooks):
        stated = [fact for fact in webhook.facts if isinstance(fact, StatusFact)]
        broken = [fact for fact in webhook.facts if isinstance(fact, UnreadableFact)]
        assert stated == [
            StatusFact(
                event.sms_id,
                event.provider_status,
                event.provider_reason or "",
                event.occurred.text if event.occurred else "",
            )
            for event in events(webhook)
        ]
        assert [_content(fact.payload) for fact in broken] == [_content(fact.payload) for fact in unreadable(webhook)]


def test_malformed_webhooks_are_unreadable_in_several_ways_wholly_and_in_part() -> None:
    webhooks = [webhook for _, told in _told(1, {Fault.MALFORMED: 1.0}, 200) for webhook in told]

    reasons = Counter(str(fact.reason) for webhook in webhooks for fact in unreadable(webhook))
    assert set(reasons) == {"invalid_json", "wrong_shape", "missing_sms_id", "missing_status", "item_not_an_object"}
    assert any(events(webhook) and unreadable(webhook) for webhook in webhooks)


def test_reordered_lives_tell_the_end_before_what_it_overtook() -> None:
    for life, webhooks in _told(1, {Fault.REORDER: 1.0}, 50):
        told = [events(webhook)[0].provider_status for webhook in webhooks]
        if len(life.changes) > 1:
            assert told == [life.changes[-1].status, "sent"]


def test_a_duplicate_says_the_same_under_the_same_or_another_envelope_or_twice_in_one() -> None:
    webhooks = [webhook for _, told in _told(1, {Fault.DUPLICATE: 1.0}, 50) for webhook in told]

    times = Counter(fact for webhook in webhooks for fact in webhook.facts)
    bodies = Counter(webhook.body for webhook in webhooks)
    within = [webhook for webhook in webhooks if len(set(webhook.facts)) < len(webhook.facts)]
    assert set(times.values()) == {2}
    assert set(bodies.values()) == {1, 2}
    assert 0 < len(within) < len(webhooks) / 2


def test_the_same_seed_tells_the_same() -> None:
    one, same, other = (
        [webhook.body for _, told in _told(seed, {Fault.DUPLICATE: 0.2}) for webhook in told] for seed in (1, 1, 2)
    )

    assert one == same
    assert set(one).isdisjoint(other)


def test_a_timeout_is_given_up_early_and_a_proxy_answers_5xx() -> None:
    rng = dice()
    timeouts = Teller(Faults({Fault.TIMEOUT: 1.0}, rng), rng, str)
    proxies = Teller(Faults({Fault.SERVER_ERROR: 1.0}, rng), rng, str)

    assert all(0 < (found.within_s or 0) <= 0.05 for _ in range(50) if (found := timeouts.disguise()))
    assert {found.status for _ in range(50) if (found := proxies.disguise())} == {502, 503, 504}
    assert Teller(Faults({}, rng), rng, str).disguise() is None


def _content(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except ValueError:
        return payload
