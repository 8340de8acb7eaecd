"""All broker addresses change behind the bootstrap name: the relay recovers by its supervisor."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import names_of_topics
from tests.end_to_end.relay_process import RelayProcess
from tests.faults.history import assert_kept
from tests.faults.moving import MovingBroker
from tests.faults.traffic import Traffic
from tests.kafka.jars import Installation
from tests.kafka.proxy import Proxy
from tests.kafka.reader import read_topic
from tests.kafka.topics import Topics
from tests.overload.watching import values
from tests.sofy.payloads import body, item

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
IDLE_RECOVERY_S = 75.0
"""Without traffic nobody fails, until the client looks at the cluster once a minute."""


@pytest.fixture
def moving(installation: Installation) -> Iterator[MovingBroker]:
    with MovingBroker(installation) as broker:
        yield broker


async def test_all_broker_addresses_change_behind_the_bootstrap_name_and_it_recovers_by_the_supervisor(
    moving: MovingBroker,
) -> None:
    names = names_of_topics()
    for name in names.values():
        await asyncio.to_thread(Topics(moving.bootstrap_servers).create, name, partitions=3)
    async with Proxy(moving.port) as bootstrap, RelayProcess(bootstrap.address, names) as relay:
        await relay.ready()
        async with Traffic(relay, [f"sms-{number}" for number in range(6)]) as traffic:
            await traffic.until_answered(10, 200)
            await asyncio.to_thread(moving.move)
            bootstrap.target = moving.port
            await traffic.until_recovered()

        await traffic.replay()
        assert_kept(traffic, await read_topic(moving.bootstrap_servers, names["STATUS"]))
        restarts = values(await relay.metrics())
        assert restarts['sofy_relay_producer_restarts_total{cause="addresses_changed"}'] == 1


async def test_all_broker_addresses_change_while_there_is_no_traffic_and_it_is_ready_for_the_next_webhook(
    moving: MovingBroker,
) -> None:
    names = names_of_topics()
    for name in names.values():
        await asyncio.to_thread(Topics(moving.bootstrap_servers).create, name)
    async with Proxy(moving.port) as bootstrap, RelayProcess(bootstrap.address, names) as relay:
        await relay.ready()

        async def replaced() -> bool:
            found = values(await relay.metrics())
            return found['sofy_relay_producer_restarts_total{cause="addresses_changed"}'] == 1

        await asyncio.to_thread(moving.move)
        bootstrap.target = moving.port
        await relay.until(replaced, IDLE_RECOVERY_S)

        assert (await relay.post(body(item(id="first")))).status_code == 200
