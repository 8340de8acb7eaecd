"""Topic deleted, recreated, with fewer partitions: 503 meanwhile, no metadata storm, and its promises forgotten."""

import asyncio
import time

import pytest

from tests.end_to_end.relay_process import RelayProcess
from tests.faults.conftest import Wire
from tests.faults.history import ANSWER_WITHIN_S
from tests.faults.tap import Api
from tests.faults.traffic import Traffic
from tests.kafka.reader import read_topic
from tests.kafka.topics import Topics
from tests.overload.watching import values
from tests.sofy.payloads import body, item

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
SMS = [f"sms-{number}" for number in range(12)]
METADATA_REQUESTS_A_SECOND = 40
"""A producer asks twenty times a second at most, its supervisor a few times; unpaced it was over a thousand."""
NOTICED_WITHIN_S = 10.0
"""The topics' ids are asked for every 5 s."""
ACCEPTED = {"accepted": 1, "duplicates": 0, "dead_lettered": 0}


@pytest.mark.parametrize("pause_s", [0.0, 3.0], ids=["made again at once", "made again after 3 s"])
async def test_topic_deleted_recreated_with_fewer_partitions_is_503_without_a_metadata_storm_and_replays_are_published(
    wire: Wire, pause_s: float
) -> None:
    cluster = await asyncio.to_thread(wire.place, partitions=4)
    topics, status = Topics(wire.direct), cluster.topics["STATUS"]
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        async with Traffic(relay, SMS) as traffic:
            await traffic.until_answered(2 * len(SMS), 200)

            wire.tap.forget()
            start = time.monotonic()
            await asyncio.to_thread(topics.delete, status)
            await asyncio.sleep(pause_s)
            still_gone = status not in topics.names()
            await asyncio.to_thread(topics.create, status, partitions=2)
            made_again = time.monotonic()
            await traffic.until_recovered()
            asked, seconds = wire.tap.requests[Api.METADATA], time.monotonic() - start
        old = sorted(attempt.fact for attempt in traffic.since(0, start) if attempt.status == 200)
        replays = [await relay.post(fact.webhook) for fact in old]
        stored = await read_topic(wire.direct, status)
        metrics = values(await relay.metrics())

        assert still_gone
        assert traffic.longest_s <= ANSWER_WITHIN_S
        assert {attempt.status for attempt in traffic.attempts} <= {200, 503}
        if pause_s:
            assert traffic.tally(start + 1, made_again).keys() <= {"topic_missing", "no_leader", "breaker_open"}
        assert asked <= METADATA_REQUESTS_A_SECOND * (seconds + 1)
        assert [answer.json() for answer in replays] == [ACCEPTED] * len(old)
        assert {fact.sms.encode() for fact in old} <= {record.key for record in stored}
        restarts = "sofy_relay_producer_restarts_total"
        assert metrics[f'{restarts}{{cause="topic_recreated"}}'] + metrics[f'{restarts}{{cause="topic_missing"}}'] >= 1
        assert (await relay.post(body(item(id="after")))).json() == ACCEPTED


async def test_a_topic_made_again_while_nothing_is_published_is_noticed_and_a_replay_is_published_on_the_new_one(
    wire: Wire,
) -> None:
    cluster = await asyncio.to_thread(wire.place, partitions=3)
    topics, status = Topics(wire.direct), cluster.topics["STATUS"]
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        assert (await relay.post(body(item(id="A")))).json() == ACCEPTED

        await asyncio.to_thread(topics.delete, status)
        await asyncio.to_thread(topics.create, status, partitions=1)
        await relay.logged("the Kafka producer is replaced", within_s=NOTICED_WITHIN_S)
        replay = await relay.post(body(item(id="A")))

        assert replay.json() == ACCEPTED
        assert [record.key for record in await read_topic(wire.direct, status)] == [b"A"]
