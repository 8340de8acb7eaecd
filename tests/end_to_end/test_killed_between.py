"""Killed between hand-over and acknowledgement, and copies that meet there: nothing is marked too early."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.reader import read_topic
from tests.overload.slow_broker import SlowBroker
from tests.overload.watching import total
from tests.redis.server import RedisServer
from tests.sofy.payloads import body, item

pytestmark = pytest.mark.slow
ROUND_TRIP_S = 0.4


@pytest.fixture
def slow() -> Iterator[Cluster]:
    """A Kafka slow enough to be killed in the middle of a request."""
    with SlowBroker(round_trip_s=ROUND_TRIP_S) as broker:
        yield broker.cluster()


async def until_handed_over(relay: RelayProcess) -> None:
    async with asyncio.timeout(10):
        while total(await relay.metrics(), "sofy_relay_oldest_unacknowledged_seconds") == 0:
            await asyncio.sleep(0.01)


async def test_killed_before_the_acknowledgement_it_has_marked_nothing_and_another_replica_publishes_the_replay(
    slow: Cluster, redis_server: RedisServer
) -> None:
    def replica() -> RelayProcess:
        return RelayProcess(slow.bootstrap_servers, slow.topics, RELAY_DUPLICATES__STORE=redis_server.url)

    payload = body(item(id="between"))
    async with replica() as killed, replica() as other:
        for relay in (killed, other):
            await relay.ready()
            await relay.logged("the shared duplicate window answers")
        lost = asyncio.create_task(killed.post(payload))
        await until_handed_over(killed)
        killed.signal(signal.SIGKILL)
        await asyncio.wait({lost})
        replay = await other.post(payload)
        again = await other.post(payload)

        assert lost.exception() is not None  # no answer: no promise
        assert replay.json() == {"accepted": 1, "duplicates": 0, "dead_lettered": 0}
        assert again.json() == {"accepted": 0, "duplicates": 1, "dead_lettered": 0}
        records = await read_topic(slow.bootstrap_servers, slow.topics["STATUS"])
        assert {record.key for record in records} == {b"between"}
        ids = {dict(record.headers)["ce_id"] for record in records}
        assert len(ids) == 1  # the killed one's record may lie there too, under the same event_id


async def test_copies_that_come_while_kafka_is_slow_are_one_record_and_each_200_waits_for_it(slow: Cluster) -> None:
    async with RelayProcess(slow.bootstrap_servers, slow.topics) as relay:
        await relay.ready()

        answers = await asyncio.gather(*(relay.post(body(item(id="copy"))) for _ in range(5)))

        assert sorted(answer.text for answer in answers) == [
            '{"accepted":0,"duplicates":1,"dead_lettered":0}',
        ] * 4 + ['{"accepted":1,"duplicates":0,"dead_lettered":0}']
        assert (
            min(answer.elapsed.total_seconds() for answer in answers) > 0.9 * ROUND_TRIP_S
        )  # no sooner than the acknowledgement
        assert len(await read_topic(slow.bootstrap_servers, slow.topics["STATUS"])) == 1
