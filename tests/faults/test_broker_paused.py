"""A broker paused for 2 and for 30 s: 503 in time, then refusals in milliseconds, and it recovers alone."""

import asyncio
import statistics
import time

import pytest

from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.faults.history import assert_kept
from tests.faults.traffic import Traffic
from tests.kafka.broker import RealBroker
from tests.kafka.reader import read_topic
from tests.overload.watching import values

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
SMS = [f"sms-{number}" for number in range(12)]
REFUSED_WITHIN_S = 0.25
"""Milliseconds, with room for a slow machine."""


@pytest.mark.parametrize("pause_s", [2.0, 30.0])
async def test_broker_paused_opens_the_breaker_recovers_alone_and_late_records_are_duplicates_never_losses(
    private_kafka: RealBroker, fragile: Cluster, pause_s: float
) -> None:
    async with RelayProcess(fragile.bootstrap_servers, fragile.topics) as relay:
        await relay.ready()
        async with Traffic(relay, SMS) as traffic:
            await traffic.until_answered(20, 200)

            await asyncio.to_thread(private_kafka.pause)
            paused = time.monotonic()
            await asyncio.sleep(pause_s)
            during = values(await relay.metrics())
            alive = await relay.admin.get("/livez")
            private_kafka.resume()
            resumed = time.monotonic()
            await traffic.until_recovered()

        await traffic.replay()
        ledger = assert_kept(traffic, await read_topic(fragile.bootstrap_servers, fragile.topics["STATUS"]))
        refusals = [a.seconds for a in traffic.since(paused, resumed) if a.error == "breaker_open"]

        assert alive.status_code == 200
        assert ledger.duplicates <= len(traffic.attempts) - len(traffic.acknowledged)  # each behind a 503 of its own
        if pause_s > 10:
            assert during["sofy_relay_breaker_state"] > 0
            assert len(refusals) > 0.8 * len(traffic.since(paused, resumed))
            assert statistics.median(refusals) < REFUSED_WITHIN_S
        assert values(await relay.metrics())["sofy_relay_breaker_state"] == 0
        assert relay.log().count("not ready") == 0
