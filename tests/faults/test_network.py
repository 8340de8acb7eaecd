"""A slow network, a half-open one, one that swallows answers or cuts connections: truthful answers in time."""

import asyncio
import time

import pytest

from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.faults.conftest import Wire
from tests.faults.history import ANSWER_WITHIN_S, Fact, assert_kept
from tests.faults.traffic import RECOVERED_WITHIN_S, Traffic
from tests.kafka.proxy import Network
from tests.kafka.reader import read_topic
from tests.overload.watching import total
from tests.sofy.payloads import body, item

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
SMS = [f"sms-{number}" for number in range(6)]


async def placed_on(wire: Wire) -> Cluster:
    return await asyncio.to_thread(wire.place)


@pytest.mark.parametrize("round_trip_s", [0.2, 1.0])
async def test_slow_network_below_the_deadline_is_2xx(wire: Wire, round_trip_s: float) -> None:
    cluster = await placed_on(wire)
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()

        wire.proxy.delay_s = round_trip_s / 2
        answers = await asyncio.gather(*(relay.post(body(item(id=sms))) for sms in SMS))

        assert {answer.status_code for answer in answers} == {200}
        assert min(answer.elapsed.total_seconds() for answer in answers) >= round_trip_s
        assert total(await relay.metrics(), "sofy_relay_late_acknowledgements_total") == 0


async def test_slow_network_of_2_9_s_is_503_in_time_its_records_count_late_and_none_is_lost(wire: Wire) -> None:
    cluster = await placed_on(wire)
    # The client's patience with a request is longer than an answer's here, so that its acknowledgement comes late.
    patient = {"RELAY_KAFKA__REQUEST_TIMEOUT_MS": "10000", "RELAY_HTTP__ANSWER_WITHIN_S": "2"}
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics, **patient) as relay:
        await relay.ready()
        assert (await relay.post(body(item(id="before")))).status_code == 200

        wire.proxy.delay_s = 2.9 / 2
        late = await asyncio.gather(*(relay.post(body(item(id=sms))) for sms in SMS))
        await relay.until(lambda: counted_late(relay, len(SMS)))
        wire.proxy.delay_s = 0.0
        replays = [await relay.post(body(item(id=sms))) for sms in SMS]

        assert {(answer.status_code, answer.json()["error"]) for answer in late} == {(503, "acknowledgement_timeout")}
        assert max(answer.elapsed.total_seconds() for answer in late) <= ANSWER_WITHIN_S
        # Late or not: what Kafka acknowledged is known, so its replay is a duplicate.
        assert {answer.text for answer in replays} == {'{"accepted":0,"duplicates":1,"dead_lettered":0}'}
        stored = await read_topic(wire.direct, cluster.topics["STATUS"])
        assert sorted(record.key or b"" for record in stored) == sorted([b"before", *(sms.encode() for sms in SMS)])


async def counted_late(relay: RelayProcess, count: int) -> bool:
    return total(await relay.metrics(), "sofy_relay_late_acknowledgements_total") == count


@pytest.mark.slow
async def test_slow_network_of_2_9_s_with_the_default_patience_loses_nothing_and_it_recovers_alone(wire: Wire) -> None:
    cluster = await placed_on(wire)
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        async with Traffic(relay, SMS) as traffic:
            await traffic.until_answered(10, 200)
            wire.proxy.delay_s = 2.9 / 2
            await traffic.until_answered(10, 503)
            wire.proxy.delay_s = 0.0
            await traffic.until_recovered()

        await traffic.replay()
        assert_kept(traffic, await read_topic(wire.direct, cluster.topics["STATUS"]))


async def test_half_open_is_503_in_time_and_it_recovers_alone_when_the_network_forwards_again(wire: Wire) -> None:
    cluster = await placed_on(wire)
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        async with Traffic(relay, SMS) as traffic:
            await traffic.until_answered(10, 200)
            wire.proxy.network = Network.HALF_OPEN
            await traffic.until_answered(20, 503)
            wire.proxy.network = Network.FORWARD
            await traffic.until_recovered()

        await traffic.replay()
        assert_kept(traffic, await read_topic(wire.direct, cluster.topics["STATUS"]))


async def test_answers_swallowed_are_503_though_stored_and_a_replay_is_at_most_a_duplicate_of_the_same_event_id(
    wire: Wire,
) -> None:
    cluster = await placed_on(wire)
    fact = Fact("ambiguous", 0)
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()

        wire.proxy.network = Network.SWALLOW_ANSWERS
        start = time.monotonic()
        answer = await relay.post(fact.webhook)
        seconds = time.monotonic() - start
        before_the_replay = await read_topic(wire.direct, cluster.topics["STATUS"])
        wire.proxy.network = Network.FORWARD
        await relay.until(lambda: is_200(relay, fact.webhook), RECOVERED_WITHIN_S)
        after = await read_topic(wire.direct, cluster.topics["STATUS"])

        assert answer.status_code == 503
        assert seconds <= ANSWER_WITHIN_S
        assert before_the_replay  # stored, and nobody was told
        assert {record.key for record in after} == {b"ambiguous"}
        assert len({dict(record.headers)["ce_id"] for record in after}) == 1


async def is_200(relay: RelayProcess, payload: bytes) -> bool:
    return (await relay.post(payload)).status_code == 200


@pytest.mark.slow
async def test_connections_reset_while_records_wait_lose_nothing_and_are_made_again(wire: Wire) -> None:
    cluster = await placed_on(wire)
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        async with Traffic(relay, SMS, every_s=0.01) as traffic:
            await traffic.until_answered(10, 200)
            wire.proxy.delay_s = 0.1  # so that records wait for their acknowledgement when it is cut
            for _ in range(5):
                await traffic.until_answered(5, 200)
                wire.proxy.cut()
            wire.proxy.delay_s = 0.0
            await traffic.until_recovered()

        await traffic.replay()
        assert_kept(traffic, await read_topic(wire.direct, cluster.topics["STATUS"]))
