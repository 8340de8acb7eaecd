"""Partitions without a leader, or with too few replicas in sync: only what must wait is refused."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.partitioner import DefaultPartitioner

from tests.end_to_end.conftest import Cluster, names_of_topics
from tests.end_to_end.relay_process import RelayProcess
from tests.faults.history import assert_kept
from tests.faults.traffic import RECOVERED_WITHIN_S, Traffic
from tests.kafka.cluster import RealCluster
from tests.kafka.reader import read_topic
from tests.kafka.topics import Topics
from tests.overload.watching import values
from tests.sofy.payloads import body, item

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PARTITIONS = 3
REQUEST_TIMEOUT_S = 1.5


def place(cluster: RealCluster, *, replicas: int, min_insync: int) -> Cluster:
    """Make the status topic so, and the other two as robust as can be. Blocks."""
    topics, names = Topics(cluster.bootstrap_servers), names_of_topics()
    for setting, name in names.items():
        if setting == "STATUS":
            settings = {"min.insync.replicas": str(min_insync)}
            topics.create(name, partitions=PARTITIONS, replicas=replicas, settings=settings)
        else:
            topics.create(name, replicas=3)
    return Cluster(cluster.bootstrap_servers, names)


def sms_in(partitions: Sequence[int], count: int = 6) -> list[str]:
    """Give SMS ids that lie in these partitions."""
    partitioner, everything = DefaultPartitioner(), list(range(PARTITIONS))
    ids = (f"sms-{number}" for number in range(1000))
    found = [id_ for id_ in ids if partitioner(id_.encode(), everything, everything) in partitions]
    return found[:count]


async def test_partition_without_leader_beyond_the_request_timeout_is_503_no_leader_and_the_others_go_on(
    cluster_of_three: RealCluster,
) -> None:
    cluster = await asyncio.to_thread(place, cluster_of_three, replicas=1, min_insync=1)
    status = cluster.topics["STATUS"]
    # The first partition: whether the topic exists is judged by it.
    stopped = cluster_of_three.node(cluster_of_three.leader_of(status, 0))
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        async with (
            Traffic(relay, sms_in([0]), senders=2) as without_leader,
            Traffic(relay, sms_in([1, 2]), senders=4) as with_leader,
        ):
            for traffic in (without_leader, with_leader):
                await traffic.until_answered(10, 200)

            await asyncio.to_thread(stopped.stop)
            try:
                await asyncio.sleep(2 * REQUEST_TIMEOUT_S)
                await without_leader.until_answered(5, 503)
                await with_leader.until_recovered()
                settled = len(with_leader.attempts)
                await without_leader.until_answered(5, 503)
                during = values(await relay.metrics())
                meanwhile = with_leader.attempts[settled:]
            finally:
                await asyncio.to_thread(stopped.start)
            for traffic in (without_leader, with_leader):
                await traffic.until_recovered()

        for traffic in (without_leader, with_leader):
            await traffic.replay()
        stored = await read_topic(cluster.bootstrap_servers, status)
        for traffic, partitions in ((without_leader, {0}), (with_leader, {1, 2})):
            assert_kept(traffic, [record for record in stored if record.partition in partitions])
        assert without_leader.tally()["no_leader"] >= 5
        assert {attempt.status for attempt in meanwhile} == {200}
        assert during[f'sofy_relay_publish_failures_total{{reason="no_leader",topic="{status}"}}'] >= 5
        assert during["sofy_relay_ready"] == 1
        assert 'sofy_relay_producer_restarts_total{cause="topic_missing"} 0.0' in await relay.metrics()


async def test_started_while_a_partition_has_no_leader_it_serves_the_others_and_that_one_once_it_is_led(
    cluster_of_three: RealCluster,
) -> None:
    cluster = await asyncio.to_thread(place, cluster_of_three, replicas=1, min_insync=1)
    stopped = cluster_of_three.node(cluster_of_three.leader_of(cluster.topics["STATUS"], 0))
    (without_leader,), (with_leader,) = sms_in([0], 1), sms_in([1], 1)
    await asyncio.to_thread(stopped.stop)
    try:
        async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
            await relay.ready()
            led = await relay.post(body(item(id=with_leader)))
            not_led = await relay.post(body(item(id=without_leader)))
            led_again = await relay.post(body(item(id=with_leader, status="sent")))
            await asyncio.to_thread(stopped.start)

            async def accepted() -> bool:
                return (await relay.post(body(item(id=without_leader)))).status_code == 200

            await relay.until(accepted, RECOVERED_WITHIN_S)
    finally:
        if stopped.pid is None:
            await asyncio.to_thread(stopped.start)

    assert (led.status_code, led_again.status_code) == (200, 200)
    assert (not_led.status_code, not_led.json()) == (503, {"error": "no_leader"})


async def test_min_insync_replicas_not_met_is_503_not_enough_replicas_and_it_recovers_without_a_loss(
    cluster_of_three: RealCluster,
) -> None:
    cluster = await asyncio.to_thread(place, cluster_of_three, replicas=2, min_insync=2)
    status = cluster.topics["STATUS"]
    follower = cluster_of_three.node(cluster_of_three.replicas_of(status, 0)[1])
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        async with Traffic(relay, sms_in([0])) as traffic:
            await traffic.until_answered(20, 200)

            await asyncio.to_thread(follower.stop)
            try:
                await traffic.until_answered(20, 503)
                during = values(await relay.metrics())
            finally:
                await asyncio.to_thread(follower.start)
            await asyncio.to_thread(cluster_of_three.until_in_sync, status, 0, replicas=2)
            await traffic.until_recovered()

        await traffic.replay()
        assert_kept(traffic, await read_topic(cluster.bootstrap_servers, status))
        assert traffic.tally()["not_enough_replicas"] > 0
        assert during[f'sofy_relay_publish_failures_total{{reason="not_enough_replicas",topic="{status}"}}'] > 0
        assert during["sofy_relay_topic_min_insync_replicas" + f'{{topic="{status}"}}'] == 2


async def test_partition_without_leader_never_opens_the_breaker_for_the_others_however_many_records_it_holds_up(
    cluster_of_three: RealCluster,
) -> None:
    cluster = await asyncio.to_thread(place, cluster_of_three, replicas=1, min_insync=1)
    stopped = cluster_of_three.node(cluster_of_three.leader_of(cluster.topics["STATUS"], 0))
    [without_leader] = sms_in([0], 1)
    many = body(*(item(id=without_leader, updatedAt=f"2024-01-01T00:00:{second:02}Z") for second in range(30)))
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        async with Traffic(relay, sms_in([1, 2]), senders=3) as with_leader:
            await with_leader.until_answered(10, 200)

            await asyncio.to_thread(stopped.stop)
            try:
                assert (await relay.post(many)).status_code == 503
                await with_leader.until_recovered()
                settled = len(with_leader.attempts)
                answers = [await relay.post(many) for _ in range(3)]
                meanwhile = with_leader.attempts[settled:]
            finally:
                await asyncio.to_thread(stopped.start)

        assert [answer.json() for answer in answers] == [{"error": "no_leader"}] * 3
        assert {attempt.status for attempt in meanwhile} == {200}
