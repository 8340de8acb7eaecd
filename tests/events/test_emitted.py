"""The producer emits nothing undeclared: whatever comes in, each record is valid by the strict twin of its schema."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.duplicates.memory import MemoryWindow
from relay.events.latest import SmsLatestState, take_in
from relay.events.publication import revisions
from relay.events.record import Destination, Record
from relay.events.records import latest_record
from relay.events.schemas import contracts
from relay.events.sms_status import SmsStatusEvent
from relay.pipeline import Accepted, Claim, Pipeline, RawDelivery
from relay.privacy import Numbers, Privacy
from relay.sofy.authenticity import Authenticator, Credentials
from relay.sofy.numbers import PhoneNumbers
from tests.events.published import document, files
from tests.events.twins import strict_twin, validator
from tests.pipeline.fakes import Ledger, SteeredPublisher
from tests.sofy.payloads import SAMPLES, body, item, sample

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PRIVACY = {
    "keep": Privacy(),
    "mask": Privacy(keep_body=False, numbers=Numbers.MASK, keep_dead_letter_payload=False),
    "hash": Privacy(keep_body=False, numbers=Numbers.HASH, key=b"k" * 32),
}
NUMBERS = PhoneNumbers()


def emitted(*payloads: bytes, privacy: Privacy = PRIVACY["keep"]) -> list[Record]:
    """Give what the pipeline publishes for these webhooks, and the latest states that its events come to."""
    publisher = SteeredPublisher()

    async def post_all() -> None:
        pipeline = Pipeline(
            authenticator=Authenticator({"default": Credentials(tokens=(b"t",))}),
            e164=NUMBERS.e164,
            privacy=privacy,
            window=MemoryWindow(max_entries=1000, window_s=60, clock=lambda: 0.0),
            publisher=publisher,
            observer=Ledger(),
        )
        for payload in payloads:
            deadline = asyncio.get_running_loop().time() + 30
            raw = RawDelivery(Claim(None, b"t", []), payload, NOW, deadline, "00-0af7651916cd43dd-b7ad6b7169203331-01")
            assert isinstance(await pipeline.process(raw), Accepted)

    asyncio.run(post_all())
    return [*publisher.acknowledged, *latest(publisher.acknowledged)]


def latest(records: Sequence[Record]) -> list[Record]:
    """Give the latest-state records that the projector makes of status records."""
    states: dict[bytes | None, SmsLatestState] = {}
    found: list[Record] = []
    for offset, record in enumerate(record for record in records if record.destination is Destination.STATUS):
        event = SmsStatusEvent.model_validate_json(record.value)
        states[record.key] = take_in(states.get(record.key), event, offset).state
        found.append(latest_record(states[record.key]))
    return found


def newest(contract: str) -> dict[str, Any]:
    (ours,) = (each for each in contracts() if each.name == contract)
    return document(revisions(files(), ours)[-1])


STRICT = {
    Destination.STATUS: validator(strict_twin(newest("sms-status"))),
    Destination.LATEST: validator(strict_twin(newest("sms-latest"))),
    Destination.DEAD_LETTER: validator(strict_twin(newest("dead-letter"))),
    Destination.OTHER: validator(newest("webhook-other")),  # passed on whole: its schema declares one field
}


def undeclared(records: Sequence[Record]) -> list[str]:
    """Give what is wrong with records by the strict twin of what was published first."""
    found: list[str] = []
    for record in records:
        is_letter = record.destination is Destination.DEAD_LETTER
        described = dict(record.headers) if is_letter else json.loads(record.value)
        found += [
            f"{record.destination}: {error.message}" for error in STRICT[record.destination].iter_errors(described)
        ]
    return found


BODIES = [
    body(type="sms.reply"),
    body(type="rcs.reply", data={"id": "r", "text": "STOP"}),
    body(type="credit.low", data=...),
    body(item(status="rejected", isSmsFallback=False), item(id="b", status="teleported", statusReason="BEAM")),
    body(item(id="c", price="0.0800", parts=3, segments=2, updatedAt=None), unknown={"deep": [1, {"er": None}]}),
    body(item(id="d", to="not a number", parts=-1, price=1e400, createdAt="yesterday", body=7)),
    body(item(id="e", updatedAt="2022-12-29T18:24:44", statusReason=["a", "list"]), webhookId=5, id=...),
    body(item(id="f", status=None), item(id=..., status="sent"), 7, None),
    body(data={"id": 123456789012345678901234567890, "status": "SENT "}),
    b"{",
    b"[]",
    b"\xff",
]


@pytest.mark.parametrize("privacy", PRIVACY)
def test_what_the_pipeline_makes_of_the_providers_samples_is_declared(privacy: str) -> None:
    records = emitted(*(sample(name) for name in SAMPLES), privacy=PRIVACY[privacy])

    assert [record.destination for record in records] == [Destination.STATUS] * 5 + [Destination.LATEST] * 5
    assert undeclared(records) == []


@pytest.mark.parametrize("privacy", PRIVACY)
def test_what_the_pipeline_makes_of_unknown_unreadable_and_other_webhooks_is_declared(privacy: str) -> None:
    records = emitted(*BODIES, privacy=PRIVACY[privacy])

    assert {record.destination for record in records} == set(Destination)
    assert undeclared(records) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
fields = st.sampled_from([*item(), "isSmsFallback", "segments", "carrier", "_envelope"])
items = st.dictionaries(fields, json_values, max_size=4).map(lambda changes: item(**changes))


@settings(max_examples=60)
@given(st.lists(items | json_values, min_size=1, max_size=3), st.sampled_from(list(PRIVACY)))
def test_whatever_stands_in_a_webhook_what_is_emitted_is_declared(data: list[Any], privacy: str) -> None:
    assert undeclared(emitted(body(*data), privacy=PRIVACY[privacy])) == []


def test_an_undeclared_field_would_be_seen() -> None:
    (record, state) = emitted(sample("delivered"))
    value = {**json.loads(record.value), "carrier": "x"}
    grown = Record(Destination.STATUS, record.id, record.key, json.dumps(value).encode(), {}, 0)
    inner = json.loads(state.value)
    inner["history"][0]["carrier"] = "x"
    past = Record(Destination.LATEST, state.id, state.key, json.dumps(inner).encode(), {}, 0)

    assert len(undeclared([grown, past])) == 2


def test_each_topic_is_held_to_a_contract() -> None:
    assert set(STRICT) == set(Destination)
    assert len(contracts()) == len(STRICT)
