"""`relay project` on a real Kafka: what stands on the latest-state topic is what the status topic comes to."""

import asyncio
import random
import signal
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import pytest
from confluent_kafka import Producer

from relay.events.latest import SmsLatestState, take_in
from relay.events.records import status_record
from relay.events.sms_status import SmsStatusEvent, Status
from relay.events.status_event import StatusEvent
from tests.kafka.choice import Kafka
from tests.kafka.reader import StoredRecord, read_topic
from tests.kafka.topics import Topics
from tests.streams.facts import event
from tests.streams.project_process import ProjectProcess

pytestmark = pytest.mark.kafka

PARTITIONS = 6
CATCH_UP_S = 60.0


@dataclass(frozen=True)
class Stage:
    """A status topic and a latest-state topic of one test, and a way to be a member of its group."""

    servers: str
    status: str
    latest: str

    def member(self, **settings: str) -> ProjectProcess:
        return ProjectProcess(
            self.servers,
            {"STATUS": self.status, "LATEST": self.latest},
            **{
                "RELAY_PROJECTOR__GROUP_ID": f"group-of-{self.latest}",
                "RELAY_TOPICS__LATEST_RETENTION_H": "87600",  # the invented facts are of some past day
                **settings,
            },
        )

    def tell(self, events: Sequence[SmsStatusEvent]) -> None:
        """Write events to the status topic, as the relay does; blocks until they are there."""
        producer = Producer({"bootstrap.servers": self.servers, "acks": "all", "partitioner": "murmur2_random"})
        for each in events:
            record = status_record(StatusEvent.of(each))
            producer.produce(self.status, record.value, key=record.key, headers=dict(record.headers))
            producer.poll(0)
        assert producer.flush(30) == 0

    async def recomputed(self) -> dict[bytes, SmsLatestState]:
        """What the status topic comes to, by nothing but the comparison."""
        states: dict[bytes, SmsLatestState] = {}
        for record in await read_topic(self.servers, self.status):
            assert record.key is not None
            told = SmsStatusEvent.model_validate_json(record.value or b"")
            states[record.key] = take_in(states.get(record.key), told, record.offset).state
        return states

    async def standing(self) -> dict[bytes, SmsLatestState]:
        """What stands on the latest-state topic once it is compacted."""
        last = last_of(await read_topic(self.servers, self.latest))
        return {key: SmsLatestState.model_validate_json(value) for key, value in last.items()}

    async def until_complete(self, within_s: float = CATCH_UP_S) -> None:
        """Wait until the two are equal; the difference is shown if they are not in time."""
        end = asyncio.get_running_loop().time() + within_s
        wanted = await self.recomputed()
        while (found := await self.standing()) != wanted:
            assert asyncio.get_running_loop().time() < end, differences(found, wanted)
            await asyncio.sleep(0.25)


def last_of(records: Sequence[StoredRecord]) -> dict[bytes, bytes]:
    last: dict[bytes, bytes | None] = {record.key or b"": record.value for record in records}
    return {key: value for key, value in last.items() if value is not None}


def differences(found: Mapping[bytes, SmsLatestState], wanted: Mapping[bytes, SmsLatestState]) -> str:
    differ = [key for key in wanted if found.get(key) != wanted[key]]
    shown = "\n".join(f"{key!r}: {found.get(key)}\n  wanted {wanted[key]}" for key in differ[:3])
    return f"{len(differ)} of {len(wanted)} states differ, {len(found.keys() - wanted.keys())} too many:\n{shown}"


@pytest.fixture
async def stage(kafka: Kafka, topics: Topics) -> Stage:
    status = await asyncio.to_thread(topics.create, partitions=PARTITIONS)
    latest = await asyncio.to_thread(
        topics.create, partitions=PARTITIONS, settings={"cleanup.policy": "compact", "min.insync.replicas": "1"}
    )
    return Stage(kafka.bootstrap_servers, status, latest)


def lives(rng: random.Random, count: int) -> list[SmsStatusEvent]:
    """The facts of so many SMS, each SMS's shuffled and some told twice; neighbours belong to different SMS."""
    finals = [status for status in Status if status.is_final]
    told: list[SmsStatusEvent] = []
    for number in range(count):
        words = [Status.PENDING, Status.SENT, rng.choice(finals), *rng.choices(list(Status), k=rng.randint(0, 2))]
        facts = [event(word, rng.randint(0, 5), sms_id=f"sms-{number}") for word in words]
        told += [*facts, *rng.choices(facts, k=rng.randint(0, 2))]
    rng.shuffle(told)
    return told


async def test_it_keeps_the_latest_state_and_says_what_it_saw(stage: Stage) -> None:
    sent, delivered = event(Status.SENT), event(Status.DELIVERED, 2)
    stage.tell([sent, delivered, sent, event(Status.PENDING, -1), event(Status.SENT, sms_id="other")])

    async with stage.member() as member:
        await member.ready()
        await stage.until_complete()
        await member.until(lambda: nothing_left(member))
        metrics = await member.metrics()
        member.signal(signal.SIGTERM)
        status = await member.exit_status(20)

    found = await stage.standing()
    assert found[b"sms"].event_id == delivered.event_id
    assert found[b"sms"].transition == "regress"
    assert "sofy_relay_projector_duplicates_total 1.0" in metrics
    assert 'sofy_relay_projector_events_total{transition="first"} 2.0' in metrics
    assert 'sofy_relay_projector_out_of_order_total{from="delivered",to="pending"} 1.0' in metrics
    assert f"sofy_relay_projector_partitions {PARTITIONS}.0" in metrics
    assert status == 0


async def nothing_left(member: ProjectProcess) -> bool:
    return await member.taken_in() >= 5 and await member.lag() == 0


async def test_a_record_that_is_no_event_is_passed_over_and_counted(stage: Stage) -> None:
    producer = Producer({"bootstrap.servers": stage.servers, "partitioner": "murmur2_random"})
    producer.produce(stage.status, b"{", key=b"sms")
    producer.produce(stage.status, None, key=b"sms")
    producer.flush(20)
    stage.tell([event(Status.SENT)])

    async with stage.member() as member:
        await member.until(lambda: stands(stage, b"sms"))
        metrics = await member.metrics()

    assert "sofy_relay_projector_unreadable_total 2.0" in metrics


async def stands(stage: Stage, key: bytes) -> bool:
    return key in await stage.standing()


async def test_an_sms_of_which_nothing_was_heard_for_its_retention_is_erased(stage: Stage) -> None:
    stage.tell([event(Status.DELIVERED)])  # of last January

    async with stage.member(RELAY_TOPICS__LATEST_RETENTION_H="1") as member:
        await member.until(lambda: erased(stage), 30)
        # The record may be read before its acknowledgement is.
        await member.until(lambda: says(member, "sofy_relay_projector_erased_total 1.0"), 30)


async def erased(stage: Stage) -> bool:
    records = await read_topic(stage.servers, stage.latest)
    return [record.value is None for record in records] == [False, True]


async def test_an_sms_without_a_final_status_is_stuck_after_its_time(stage: Stage) -> None:
    stage.tell([event(Status.SENT), event(Status.DELIVERED, sms_id="other")])

    async with stage.member() as member:
        await member.until(lambda: says(member, "sofy_relay_stuck_sms 1.0"), 30)


async def says(member: ProjectProcess, line: str) -> bool:
    return line in await member.metrics()


async def test_it_needs_nothing_of_sofys_neither_tokens_nor_keys(stage: Stage) -> None:
    async with stage.member(RELAY_SOFY__SECRETS_FILE="/nonexistent", RELAY_PRIVACY__NUMBERS="hash") as member:
        await member.ready()


async def test_without_the_latest_topic_it_waits_says_so_and_creates_nothing(stage: Stage, topics: Topics) -> None:
    missing = topics.unused_name()

    async with ProjectProcess(stage.servers, {"STATUS": stage.status, "LATEST": missing}) as member:
        await member.logged(f"Topic {missing} is missing")
        ready = (await member.admin.get("/readyz")).status_code
        await asyncio.to_thread(topics.create, missing, partitions=PARTITIONS)
        await member.ready()

    assert ready == 503


async def test_topics_of_unequal_partitions_are_refused_in_a_sentence(stage: Stage, topics: Topics) -> None:
    narrow = await asyncio.to_thread(topics.create, partitions=1)

    async with ProjectProcess(stage.servers, {"STATUS": stage.status, "LATEST": narrow}) as member:
        await member.logged(f"{narrow} has 1 partitions and {stage.status} has {PARTITIONS}")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_two_members_that_are_killed_and_frozen_in_turn_leave_what_the_status_topic_comes_to(
    stage: Stage, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - reproducible, no secret
    told = lives(rng, 3000)
    parts = [told[start::8] for start in range(8)]

    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(stage.member()) for _ in range(2)]
        for number, part in enumerate(parts):
            await asyncio.to_thread(stage.tell, part)
            victim = members[number % 2]
            if number % 4 == 2:
                # Longer than its session: the other one owns its partitions when it wakes, and it does not know.
                victim.signal(signal.SIGSTOP)
                await asyncio.sleep(rng.uniform(12, 14))
                victim.signal(signal.SIGCONT)
            else:
                await asyncio.sleep(rng.uniform(0, 0.5))
                victim.signal(signal.SIGKILL)
                await victim.exit_status(20)
                victim.spawn()
                await victim.until(partial(answers, victim))
        await stage.until_complete()
        owned = [await partitions(member) for member in members]

    assert sum(owned) == PARTITIONS


async def answers(member: ProjectProcess) -> bool:
    return await member._answers("/startupz", 200)  # noqa: SLF001 - a process that was started again


async def partitions(member: ProjectProcess) -> float:
    [line] = [
        line for line in (await member.metrics()).splitlines() if line.startswith("sofy_relay_projector_partitions ")
    ]
    return float(line.rpartition(" ")[2])
