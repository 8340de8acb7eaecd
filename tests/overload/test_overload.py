"""More webhooks than Kafka takes: most of what it can take is taken, the rest is refused at once, and it ends at once.

Kafka's latency is fixed and few records may wait, so that the capacity is the admission's and not the machine's.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.reader import read_topic
from tests.overload.conftest import ROUND_TRIP_S
from tests.overload.load import Attempt, Load, OwnLateness, accepted, per_second, percentile
from tests.overload.watching import Highest, total, values

pytestmark = pytest.mark.slow
MAX_IN_FLIGHT = 40
CAPACITY = MAX_IN_FLIGHT / (2 * ROUND_TRIP_S)
"""Webhooks a second: a record waits for the request under way and for its own."""
BELOW_SATURATION = (0.4 * CAPACITY, 0.7 * CAPACITY)
STEP_S = 3.0
OVERLOAD_S = 6.0
REFUSED_WITHIN_S = 0.1
MEBIBYTE = 1024 * 1024
IN_FLIGHT = "sofy_relay_webhooks_in_flight"
OLDEST = "sofy_relay_oldest_unacknowledged_seconds"
MEMORY = "process_resident_memory_bytes"
REPLAYS = 10
"""How often Sofy replays."""


@pytest.fixture
async def relay(slow: Cluster) -> AsyncIterator[RelayProcess]:
    async with RelayProcess(slow.bootstrap_servers, slow.topics, RELAY_HTTP__MAX_IN_FLIGHT=str(MAX_IN_FLIGHT)) as relay:
        await relay.ready()
        yield relay


async def stored(cluster: Cluster) -> list[str]:
    records = await read_topic(cluster.bootstrap_servers, cluster.topics["STATUS"])
    return sorted(record.key.decode() for record in records if record.key is not None)


async def test_at_ten_times_the_capacity_the_goodput_stays_refusals_are_fast_and_normal_load_is_normal_at_once(
    relay: RelayProcess, slow: Cluster
) -> None:
    async with Load(relay) as load, OwnLateness() as lateness:
        below = [await load.offer(rate, STEP_S) for rate in BELOW_SATURATION]
        at_capacity = await load.offer(CAPACITY, STEP_S)
        best = max(per_second(attempts) for attempts in (*below, at_capacity))
        before = values(await relay.metrics())

        async with Highest(relay) as highest:
            over = await load.offer(10 * CAPACITY, OVERLOAD_S)
        during = values(await relay.metrics())
        after = await load.offer(BELOW_SATURATION[0], STEP_S)

    refused = [attempt for attempt in over if attempt.status != 200]
    assert all(attempt.status == 200 for attempts in (*below, after) for attempt in attempts)
    assert per_second(over) >= 0.8 * best
    assert len(refused) > len(over) / 2
    assert all(attempt.overloaded for attempt in refused)
    assert percentile(map(lateness.seconds_without, refused), 0.99) <= REFUSED_WITHIN_S
    assert quick_share(during, before) >= 0.99
    assert {attempt.retry_after for attempt in refused} == {"1", "2", "3", "4", "5"}
    assert highest.of(OLDEST) <= 4 * ROUND_TRIP_S
    assert highest.of(IN_FLIGHT) <= 2 * MAX_IN_FLIGHT  # those that wait, and a moment's refusals
    assert during[MEMORY] - before[MEMORY] < 16 * MEBIBYTE
    assert median(after) <= 1.5 * median(below[0])
    everything = [attempt for attempts in (*below, at_capacity, over, after) for attempt in attempts]
    assert await stored(slow) == sorted(attempt.sms_id for attempt in accepted(everything))


def quick_share(after: dict[str, float], before: dict[str, float]) -> float:
    """Give how many of the refusals between two looks the relay itself saw answered within 0.1 s of the first byte."""

    def refused(bucket: str) -> float:
        series = f'sofy_relay_webhook_duration_seconds_bucket{{le="{bucket}",outcome="deferred"}}'
        return after[series] - before[series]

    return refused(str(REFUSED_WITHIN_S)) / refused("+Inf")


def median(attempts: list[Attempt]) -> float:
    return percentile((attempt.ended - attempt.began for attempt in attempts), 0.5)


async def test_a_storm_of_replays_is_spread_by_retry_after_until_all_are_durable_once(
    relay: RelayProcess, slow: Cluster
) -> None:
    sms_ids = [f"storm-{number}" for number in range(10 * MAX_IN_FLIGHT)]

    async def until_accepted(first: Attempt, load: Load) -> list[Attempt]:
        attempts = [first]
        while attempts[-1].status == 503 and len(attempts) <= REPLAYS:
            await asyncio.sleep(float(attempts[-1].retry_after or ""))
            attempts.append(await load.post(first.sms_id))
        return attempts

    async with Load(relay) as load, Highest(relay) as highest:
        storm = await load.at_once(sms_ids)
        normal = await load.post("just after")
        told = await asyncio.gather(*(until_accepted(attempt, load) for attempt in storm))

    assert len(accepted(storm)) >= MAX_IN_FLIGHT
    assert all(attempt.overloaded for attempt in storm if attempt.status != 200)
    assert normal.status == 200
    assert [attempts[-1].status for attempts in told] == [200] * len(sms_ids)
    assert highest.of(OLDEST) <= 4 * ROUND_TRIP_S
    assert total(await relay.metrics(), "sofy_relay_duplicates_total") == 0
    assert await stored(slow) == sorted([*sms_ids, "just after"])
