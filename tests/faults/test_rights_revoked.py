"""Write ACL revoked while it runs, then granted again: named in answer and metric, and mended without a restart."""

import asyncio

import pytest

from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.faults.guarded_reader import read_guarded
from tests.faults.history import assert_kept
from tests.faults.traffic import Traffic
from tests.kafka.guarded import GuardedKafka
from tests.overload.watching import values

pytestmark = pytest.mark.kafka


async def test_write_acl_revoked_is_503_not_authorized_with_its_metric_and_granted_again_it_recovers_alone(
    guarded_kafka: GuardedKafka, guarded: Cluster, as_relay: dict[str, str]
) -> None:
    status = guarded.topics["STATUS"]
    async with RelayProcess(guarded.bootstrap_servers, guarded.topics, **as_relay) as relay:
        await relay.ready()
        async with Traffic(relay, [f"sms-{number}" for number in range(6)]) as traffic:
            await traffic.until_answered(20, 200)

            await asyncio.to_thread(guarded_kafka.revoke, status)
            await traffic.until_answered(20, 503)
            metrics = values(await relay.metrics())
            await asyncio.to_thread(guarded_kafka.grant_write, status)
            await traffic.until_recovered()

        await traffic.replay()
        stored = await asyncio.to_thread(read_guarded, guarded_kafka, status)

        assert_kept(traffic, stored)
        assert traffic.tally().keys() <= {"200", "not_authorized"}
        assert metrics[f'sofy_relay_publish_failures_total{{reason="not_authorized",topic="{status}"}}'] > 0
        assert values(await relay.metrics())["sofy_relay_ready"] == 1
