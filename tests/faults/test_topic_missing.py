"""Topic missing where brokers create topics by themselves: the whole process neither asks for one nor makes one."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import names_of_topics
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.broker import RealBroker
from tests.kafka.jars import Installation
from tests.kafka.topics import Topics
from tests.sofy.payloads import body

pytestmark = pytest.mark.kafka


@pytest.fixture
def generous_kafka(installation: Installation) -> Iterator[RealBroker]:
    """A broker that makes a topic for whoever asks for it by name."""
    with RealBroker(installation, properties={"auto.create.topics.enable": "true"}) as broker:
        yield broker


async def test_topic_missing_with_auto_create_on_stays_missing_and_is_used_once_it_is_made(
    generous_kafka: RealBroker,
) -> None:
    topics, names = Topics(generous_kafka.bootstrap_servers), names_of_topics()
    async with RelayProcess(generous_kafka.bootstrap_servers, names) as relay:
        await relay.logged("topic_missing")
        refused = await relay.post(body())
        readiness = (await relay.admin.get("/readyz")).json()
        there = await asyncio.to_thread(topics.names)
        for name in names.values():
            await asyncio.to_thread(topics.create, name)
        await relay.ready()
        accepted = await relay.post(body())

    assert (refused.status_code, refused.json()) == (503, {"error": "topic_missing"})
    assert "relay topics apply" in readiness["detail"]
    assert there.isdisjoint(names.values())
    assert accepted.status_code == 200
