"""Traffic without any acknowledgement while the bootstrap servers answer: the supervisor changes the producer."""

import asyncio

import pytest

from tests.end_to_end.relay_process import RelayProcess
from tests.faults.conftest import Wire
from tests.faults.history import assert_kept
from tests.faults.tap import Api
from tests.faults.traffic import Traffic
from tests.kafka.reader import read_topic
from tests.overload.watching import values

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
REPLACED = 'sofy_relay_producer_restarts_total{cause="unacknowledged"}'


async def test_after_30_s_of_traffic_without_an_acknowledgement_the_producer_is_replaced_and_it_recovers_alone(
    wire: Wire,
) -> None:
    cluster = await asyncio.to_thread(wire.place)
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()

        async def replaced() -> bool:
            return values(await relay.metrics())[REPLACED] >= 1

        async with Traffic(relay, [f"sms-{number}" for number in range(6)]) as traffic:
            await traffic.until_answered(10, 200)
            wire.tap.taken_away = {Api.PRODUCE}
            await relay.until(replaced, 60)
            wire.tap.taken_away = set()
            await traffic.until_recovered()

        await traffic.replay()
        assert_kept(traffic, await read_topic(wire.direct, cluster.topics["STATUS"]))
        assert values(await relay.metrics())["sofy_relay_ready"] == 1
