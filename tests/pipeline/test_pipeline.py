"""A 2xx means durable; duplicates are marked only after the acknowledgement; nothing drops in silence."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from relay.duplicates.memory import MemoryWindow
from relay.events.record import Destination
from relay.pipeline import (
    CHUNK,
    CHUNK_BYTES,
    Accepted,
    Claim,
    DuplicateKind,
    Outcome,
    Pipeline,
    RawDelivery,
    Refused,
    Result,
)
from relay.privacy import Privacy
from relay.reasons import Reason
from relay.sofy.authenticity import Authenticator, Credentials
from relay.sofy.numbers import PhoneNumbers
from tests.pipeline.fakes import Ledger, SteeredPublisher
from tests.sofy.payloads import body, item

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class House:
    """A pipeline with steered parts."""

    publisher: SteeredPublisher = field(default_factory=SteeredPublisher)
    ledger: Ledger = field(default_factory=Ledger)
    window: MemoryWindow = field(
        default_factory=lambda: MemoryWindow(max_entries=10_000, window_s=60, clock=lambda: 0.0)
    )
    pipeline: Pipeline = field(init=False)

    def __post_init__(self) -> None:
        credentials = Credentials(tokens=(b"t",), webhook_ids=frozenset({"xxxxx"}))
        self.pipeline = Pipeline(
            authenticator=Authenticator({"default": credentials}),
            e164=PhoneNumbers().e164,
            privacy=Privacy(),
            window=self.window,
            publisher=self.publisher,
            observer=self.ledger,
        )

    async def post(self, payload: bytes, *, token: bytes = b"t", within: float = 30.0) -> Outcome:
        """Take a delivery to its outcome, within some seconds."""
        deadline = asyncio.get_running_loop().time() + within
        return await self.pipeline.process(RawDelivery(Claim(None, token, []), payload, NOW, deadline, None))

    def destinations(self) -> list[Destination]:
        return [record.destination for record in self.publisher.acknowledged]


BROKEN = item(id="broken", status=None)

DECISIONS = [
    # payload, accepted, duplicates, dead-lettered, destinations
    (body(), 1, 0, 0, [Destination.STATUS]),
    (body(item(id="a"), item(id="b")), 2, 0, 0, [Destination.STATUS] * 2),
    (body(item(), item()), 1, 1, 0, [Destination.STATUS]),  # the same fact twice in one webhook
    (body(BROKEN), 0, 0, 1, [Destination.DEAD_LETTER]),
    (body(item(), BROKEN), 1, 0, 1, [Destination.STATUS, Destination.DEAD_LETTER]),
    (body(BROKEN, BROKEN), 0, 1, 1, [Destination.DEAD_LETTER]),  # the same bytes are the same dead letter
    (body(data=[]), 0, 0, 0, []),
    (b"{", 0, 0, 1, [Destination.DEAD_LETTER]),
    (b"", 0, 0, 1, [Destination.DEAD_LETTER]),
    (body(type="sms.reply"), 1, 0, 0, [Destination.OTHER]),
    (body(item(status="teleported")), 1, 0, 0, [Destination.STATUS]),  # unknown is published, never dropped
]


@pytest.mark.parametrize(("payload", "accepted", "duplicates", "dead_lettered", "destinations"), DECISIONS)
async def test_an_authentic_delivery_is_accepted_and_each_item_goes_where_it_belongs(
    payload: bytes, accepted: int, duplicates: int, dead_lettered: int, destinations: list[Destination]
) -> None:
    house = House()

    outcome = await house.post(payload)

    assert outcome == Accepted("default", accepted, duplicates, dead_lettered)
    assert house.destinations() == destinations
    assert house.ledger.balances


@pytest.mark.parametrize("payload", [each[0] for each in DECISIONS])
async def test_the_same_delivery_again_adds_no_record_and_is_all_duplicates(payload: bytes) -> None:
    house = House()
    first = await house.post(payload)
    records = len(house.publisher.acknowledged)

    again = await house.post(payload)

    assert isinstance(first, Accepted)
    assert again == Accepted("default", 0, first.accepted + first.duplicates + first.dead_lettered, 0)
    assert len(house.publisher.handed_over) == records
    assert house.ledger.balances


@pytest.mark.parametrize(
    ("payload", "token", "reason"),
    [
        (body(), b"wrong", Reason.UNKNOWN_TOKEN),
        (b"{", b"wrong", Reason.UNKNOWN_TOKEN),
        (body(webhookId="another"), b"t", Reason.UNEXPECTED_WEBHOOK_ID),
    ],
)
async def test_what_is_not_authentic_is_refused_and_published_nowhere(
    payload: bytes, token: bytes, reason: Reason
) -> None:
    house = House()

    outcome = await house.post(payload, token=token)

    assert isinstance(outcome, Refused)
    assert outcome.reason is reason
    assert not house.publisher.handed_over
    assert house.ledger.received == 0


@pytest.mark.parametrize("at_hand_over", [True, False])
@pytest.mark.parametrize(
    "reason", [Reason.NO_LEADER, Reason.TOPIC_MISSING, Reason.NOT_ENOUGH_REPLICAS, Reason.NOT_AUTHORIZED]
)
async def test_what_kafka_does_not_take_is_deferred_and_its_replay_is_published(
    reason: Reason, at_hand_over: bool
) -> None:
    house = House()
    house.publisher.refusals, house.publisher.refuse_at_hand_over = {b"zzzzz": reason}, at_hand_over

    outcome = await house.post(body())

    assert outcome == Refused(reason, "default")
    assert house.ledger.results == {Result.DEFERRED: 1}
    house.publisher.refusals = {}
    assert await house.post(body()) == Accepted("default", 1, 0, 0)


async def test_one_item_that_is_not_durable_defers_the_whole_and_the_replay_completes_it() -> None:
    house = House()
    house.publisher.refusals = {b'"sms_id":"b"': Reason.NO_LEADER}
    payload = body(item(id="a"), item(id="b"), item(id="c"))

    first = await house.post(payload)
    house.publisher.refusals = {}
    second = await house.post(payload)

    assert first == Refused(Reason.NO_LEADER, "default")
    assert second == Accepted("default", 1, 2, 0)
    assert sorted(record.key or b"" for record in house.publisher.acknowledged) == [b"a", b"b", b"c"]
    assert house.ledger.balances


async def test_a_timeout_is_neither_yes_nor_no_and_the_late_record_makes_the_replay_a_duplicate() -> None:
    house = House()
    house.publisher.holding = True

    outcome = await house.post(body(), within=0.01)

    assert outcome == Refused(Reason.ACKNOWLEDGEMENT_TIMEOUT, "default")
    assert len(house.window) == 0  # not marked before the acknowledgement
    house.publisher.release()
    await asyncio.sleep(0)
    assert house.ledger.late == 1
    assert house.ledger.results == {Result.DEFERRED: 1}  # it stays deferred
    assert await house.post(body()) == Accepted("default", 0, 1, 0)


async def test_a_timeout_that_ends_in_failure_leaves_the_replay_to_be_published() -> None:
    house = House()
    house.publisher.holding = True
    await house.post(body(), within=0.01)

    house.publisher.release(Reason.NOT_ENOUGH_REPLICAS)
    await asyncio.sleep(0)
    house.publisher.holding = False

    assert house.ledger.late == 0
    assert await house.post(body()) == Accepted("default", 1, 0, 0)


async def test_two_copies_while_kafka_is_slow_are_one_record_and_both_wait_for_it() -> None:
    house = House()
    house.publisher.holding = True
    one, other = asyncio.create_task(house.post(body())), asyncio.create_task(house.post(body(id="replayed")))
    await house.publisher.arrived.wait()

    assert not one.done()
    assert not other.done()
    house.publisher.release()

    assert await one == Accepted("default", 1, 0, 0)
    assert await other == Accepted("default", 0, 1, 0)
    assert len(house.publisher.handed_over) == 1
    assert house.ledger.duplicates == {DuplicateKind.IN_FLIGHT: 1}


async def test_a_copy_that_joined_a_failed_one_is_deferred_too() -> None:
    house = House()
    house.publisher.holding = True
    one, other = asyncio.create_task(house.post(body())), asyncio.create_task(house.post(body()))
    await house.publisher.arrived.wait()

    house.publisher.release(Reason.NO_LEADER)

    assert await one == await other == Refused(Reason.NO_LEADER, "default")
    assert house.ledger.balances


async def test_a_copy_that_joins_a_timed_out_one_shares_its_late_outcome() -> None:
    house = House()
    house.publisher.holding = True
    await house.post(body(), within=0.01)
    replay = asyncio.create_task(house.post(body()))
    await asyncio.sleep(0)

    house.publisher.release()

    assert await replay == Accepted("default", 0, 1, 0)
    assert len(house.publisher.handed_over) == 1


async def test_a_caller_that_goes_away_stops_no_publication_and_strands_no_duplicate() -> None:
    house = House()
    house.publisher.holding = True
    caller = asyncio.create_task(house.post(body()))
    await house.publisher.arrived.wait()

    caller.cancel()
    await asyncio.wait({caller})
    house.publisher.release()

    assert await house.post(body()) == Accepted("default", 0, 1, 0)


@pytest.mark.parametrize("payload", [body(), body(type="sms.reply")])
async def test_a_record_that_kafka_never_takes_is_a_dead_letter_with_size_and_hash(payload: bytes) -> None:
    house = House()
    house.publisher.refusals = {b"Hello world": Reason.RECORD_TOO_LARGE}

    outcome = await house.post(payload)

    assert outcome == Accepted("default", 0, 0, 1)
    (stub,) = house.publisher.acknowledged
    assert stub.destination is Destination.DEAD_LETTER
    assert stub.headers["relay-reason"] == "record_too_large"
    assert set(json.loads(stub.value)) == {"size", "sha256"}
    assert stub.key == b"zzzzz"
    assert await house.post(payload) == Accepted("default", 0, 1, 0)


async def test_a_dead_letter_that_is_too_large_keeps_its_reason_and_loses_its_bytes() -> None:
    house = House()
    house.publisher.refusals = {b"{Hello": Reason.RECORD_TOO_LARGE}

    outcome = await house.post(b"{Hello")

    assert outcome == Accepted("default", 0, 0, 1)
    assert house.publisher.acknowledged[0].headers["relay-reason"] == "invalid_json"


async def test_when_not_even_the_stub_is_taken_nothing_is_promised() -> None:
    house = House()
    house.publisher.refusals = {b"": Reason.RECORD_TOO_LARGE}

    assert await house.post(body()) == Refused(Reason.RECORD_REFUSED, "default")
    assert await house.post(b"{") == Refused(Reason.RECORD_REFUSED, "default")


async def test_a_large_webhook_goes_out_in_chunks_in_its_order() -> None:
    house = House()
    house.publisher.holding = True
    count = 2 * CHUNK + 1
    posting = asyncio.create_task(house.post(body(*(item(id=f"id-{number}") for number in range(count)))))

    seen = []
    while not posting.done():
        if (waiting := len(house.publisher.handed_over) - len(house.publisher.acknowledged)) in {CHUNK, 1}:
            seen.append(waiting)
            house.publisher.release()
        await asyncio.sleep(0)

    assert await posting == Accepted("default", count, 0, 0)
    assert seen == [CHUNK, CHUNK, 1]
    assert [record.key for record in house.publisher.acknowledged] == [f"id-{n}".encode() for n in range(count)]


@pytest.mark.parametrize("status", ["sent", None], ids=["events", "dead letters"])
async def test_however_large_the_records_of_a_webhook_are_together_few_are_in_hand_at_once(status: str | None) -> None:
    """Each repeats what the envelope holds beside the data: 300 items and 100 kB make 30 MB."""
    house = House()
    house.publisher.holding = True
    payload = body(*(item(id=f"sms-{number}", status=status) for number in range(300)), note="n" * 100_000)
    most = 0

    posting = asyncio.create_task(house.post(payload))
    while not posting.done():
        if house.publisher.held_bytes:
            most = max(most, house.publisher.held_bytes)
            house.publisher.release()
        await asyncio.sleep(0)

    outcome = posting.result()
    assert isinstance(outcome, Accepted)
    assert outcome.accepted + outcome.dead_lettered == 300
    assert sum(len(record.value) for record in house.publisher.acknowledged) > 3 * CHUNK_BYTES
    assert CHUNK_BYTES <= most < CHUNK_BYTES + 110_000
    assert house.ledger.balances


async def test_a_webhook_of_duplicates_lets_others_have_their_turns() -> None:
    house = House()
    payload = body(*(item(id=f"sms-{number}") for number in range(3 * CHUNK)))
    await house.post(payload)
    turns = 0

    posting = asyncio.create_task(house.post(payload))
    while not posting.done():
        await asyncio.sleep(0)
        turns += 1

    assert posting.result() == Accepted("default", 0, 3 * CHUNK, 0)
    assert turns >= 3


async def test_a_webhook_of_duplicates_ends_at_its_deadline_too() -> None:
    house = House()
    payload = body(*(item(id=f"sms-{number}") for number in range(3 * CHUNK)))
    await house.post(payload)

    outcome = await house.post(payload, within=-1.0)

    assert outcome == Refused(Reason.ACKNOWLEDGEMENT_TIMEOUT, "default")
    assert house.ledger.results == {Result.PUBLISHED: 3 * CHUNK, Result.DUPLICATE: CHUNK, Result.DEFERRED: 2 * CHUNK}


async def test_after_a_failed_chunk_no_other_is_tried() -> None:
    house = House()
    house.publisher.refusals = {b'"sms_id":"id-3"': Reason.NO_LEADER}

    outcome = await house.post(body(*(item(id=f"id-{number}") for number in range(2 * CHUNK))))

    assert outcome == Refused(Reason.NO_LEADER, "default")
    assert len(house.publisher.handed_over) == CHUNK
    assert house.ledger.results == {Result.PUBLISHED: CHUNK - 1, Result.DEFERRED: CHUNK + 1}
    assert house.ledger.balances


@pytest.mark.parametrize(
    ("token", "unavailable", "draining", "expected"),
    [
        (b"t", None, False, None),
        (b"wrong", None, False, Reason.UNKNOWN_TOKEN),
        (b"wrong", Reason.KAFKA_UNREACHABLE, True, Reason.UNKNOWN_TOKEN),  # strangers learn nothing of our state
        (b"t", None, True, Reason.DRAINING),
        (b"t", Reason.KAFKA_UNREACHABLE, True, Reason.DRAINING),
        (b"t", Reason.KAFKA_UNREACHABLE, False, Reason.KAFKA_UNREACHABLE),
        (b"t", Reason.OVERLOADED, False, Reason.OVERLOADED),
    ],
)
async def test_before_the_body_is_read_the_refusals_stand_in_this_order(
    token: bytes, unavailable: Reason | None, draining: bool, expected: Reason | None
) -> None:
    house = House()
    house.publisher.unavailable = unavailable
    if draining:
        house.pipeline.drain()

    refusal = house.pipeline.screen(Claim(None, token, []))

    assert (None if refusal is None else refusal.reason) is expected


@pytest.mark.parametrize(("behind", "expected"), [(0, None), (2, None), (3, Reason.OVERLOADED), (4, Reason.OVERLOADED)])
async def test_admission_reckons_with_those_that_passed_before(behind: int, expected: Reason | None) -> None:
    house = House()
    house.publisher.room = 3

    refusal = house.pipeline.screen(Claim(None, b"t", []), behind=behind)

    assert (None if refusal is None else refusal.reason) is expected


async def test_a_webhook_that_was_screened_is_refused_unread_when_the_room_was_taken_meanwhile() -> None:
    house = House()
    assert house.pipeline.screen(Claim(None, b"t", [])) is None
    house.publisher.unavailable = Reason.OVERLOADED

    outcome = await house.post(body())

    assert outcome == Refused(Reason.OVERLOADED, "default")
    assert house.ledger.received == 0


async def test_draining_does_not_stop_a_webhook_that_was_screened_before() -> None:
    house = House()

    house.pipeline.drain()

    assert await house.post(body()) == Accepted("default", 1, 0, 0)


async def test_unreadable_fields_and_statuses_are_told() -> None:
    house = House()

    await house.post(body(item(price="cheap"), item(id="b", parts="2", status="teleported"), id=[]))

    assert house.ledger.unreadable == {"price": 1, "parts": 1, "id": 1}
    assert house.ledger.statuses == {"delivered": 1, "unknown": 1}
