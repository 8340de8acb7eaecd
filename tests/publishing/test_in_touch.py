"""Whether a broker answers is known within seconds though nobody publishes: the console page says so while idle."""

import asyncio
import time
from collections.abc import Callable

import pytest

from relay.publishing.producer import RunningProducer
from relay.publishing.supervisor import Pace
from tests.kafka.broker import RealBroker
from tests.kafka.cluster import RealCluster
from tests.kafka.ports import free_ports
from tests.kafka.topics import Topics
from tests.publishing.stand import PATIENCE_S, Stand, connection_to, everywhere, publishing_to

pytestmark = pytest.mark.kafka

NOTICED_WITHIN_S = 4.5
"""The page has half a second of the five that it promises for itself; a slow machine's time is in it."""


async def until_in_touch(stand: Stand, expected: bool) -> float:
    """Wait until it is so; give how long that took."""
    begun = time.monotonic()
    async with asyncio.timeout(PATIENCE_S):
        while stand.supervisor.in_touch is not expected:
            await asyncio.sleep(0.02)
    return time.monotonic() - begun


async def test_a_supervisor_that_found_no_broker_is_not_in_touch() -> None:
    [port] = free_ports(1)

    async with publishing_to(f"127.0.0.1:{port}", everywhere("any")) as stand:
        before = stand.supervisor.in_touch
        await stand.supervised.until(bool)

        assert (before, stand.supervisor.in_touch) == (False, False)


async def test_a_missing_topic_does_not_mean_that_no_broker_answers(
    private_kafka: RealBroker, private_topics: Topics
) -> None:
    async with publishing_to(private_kafka.bootstrap_servers, everywhere(private_topics.unused_name())) as stand:
        await stand.supervised.until(bool)

        assert stand.supervisor.in_touch


@pytest.mark.parametrize(
    ("away", "back"),
    [(RealBroker.pause, RealBroker.resume), (RealBroker.kill, RealBroker.start)],
    ids=["frozen", "killed"],
)
async def test_an_idle_supervisor_notices_that_the_broker_went_and_that_it_is_back(
    private_kafka: RealBroker,
    private_topics: Topics,
    away: Callable[[RealBroker], None],
    back: Callable[[RealBroker], None],
) -> None:
    topic = await asyncio.to_thread(private_topics.create)

    async with publishing_to(private_kafka.bootstrap_servers, everywhere(topic)) as stand:
        await stand.supervised.until_verified()
        at_first = stand.supervisor.in_touch
        await asyncio.to_thread(away, private_kafka)
        try:
            took = await until_in_touch(stand, expected=False)
        finally:
            await asyncio.to_thread(back, private_kafka)
        await until_in_touch(stand, expected=True)

    assert at_first
    assert took <= NOTICED_WITHIN_S


@pytest.mark.slow
async def test_one_broker_of_three_that_does_not_answer_is_not_all_of_them(cluster_of_three: RealCluster) -> None:
    topic = await asyncio.to_thread(Topics(cluster_of_three.bootstrap_servers).create, partitions=3, replicas=3)
    producer = await RunningProducer.start(connection_to(cluster_of_three.bootstrap_servers))
    try:
        await asyncio.to_thread(cluster_of_three.node(1).pause)
        try:
            found = [topic in await producer.topic_ids() for _ in range(6)]
        finally:
            await asyncio.to_thread(cluster_of_three.node(1).resume)
    finally:
        await producer.stop(limit=5.0)

    assert found == [True] * 6


@pytest.mark.slow
async def test_three_brokers_that_do_not_answer_are_noticed_as_soon_as_one(cluster_of_three: RealCluster) -> None:
    topic = await asyncio.to_thread(Topics(cluster_of_three.bootstrap_servers).create, partitions=3, replicas=3)

    async with publishing_to(cluster_of_three.bootstrap_servers, everywhere(topic)) as stand:
        await stand.supervised.until_verified()
        await asyncio.sleep(Pace().look + 1)  # by its first look it has a connection to each: it is no newcomer
        for node in cluster_of_three.nodes:
            await asyncio.to_thread(node.pause)
        try:
            took = await until_in_touch(stand, expected=False)
        finally:
            for node in cluster_of_three.nodes:
                await asyncio.to_thread(node.resume)
        await until_in_touch(stand, expected=True)

    assert took <= NOTICED_WITHIN_S
