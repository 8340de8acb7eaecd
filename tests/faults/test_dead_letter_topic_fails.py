"""The dead-letter topic itself fails: what is unreadable gets 503, never a 2xx, until it can be kept again."""

import asyncio

import pytest

from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.faults.traffic import RECOVERED_WITHIN_S
from tests.kafka.guarded import GuardedKafka
from tests.kafka.reader import read_topic
from tests.kafka.topics import Topics
from tests.sofy.payloads import body, item

pytestmark = pytest.mark.kafka
UNREADABLE = b'{"data": '
DEAD_LETTERED = {"accepted": 0, "duplicates": 0, "dead_lettered": 1}


async def test_with_write_on_the_dead_letter_topic_revoked_only_webhooks_that_need_it_are_503(
    guarded_kafka: GuardedKafka, guarded: Cluster, as_relay: dict[str, str]
) -> None:
    letters = guarded.topics["DEAD_LETTER"]
    async with RelayProcess(guarded.bootstrap_servers, guarded.topics, **as_relay) as relay:
        await relay.ready()

        await asyncio.to_thread(guarded_kafka.revoke, letters)
        revoked = [await relay.post(UNREADABLE) for _ in range(3)]
        in_part = await relay.post(body(item(id="good"), item(id=...)))
        readable = await relay.post(body(item(id="meanwhile")))
        metrics = await relay.metrics()
        await asyncio.to_thread(guarded_kafka.grant_write, letters)
        await relay.until(lambda: _is(relay, UNREADABLE, DEAD_LETTERED), RECOVERED_WITHIN_S)
        replayed = await relay.post(body(item(id="good"), item(id=...)))

        assert {(answer.status_code, answer.json()["error"]) for answer in revoked} == {(503, "not_authorized")}
        assert in_part.status_code == 503
        assert readable.json() == {"accepted": 1, "duplicates": 0, "dead_lettered": 0}
        assert f'sofy_relay_publish_failures_total{{reason="not_authorized",topic="{letters}"}} 4.0' in metrics
        # Its readable item was durable before: the replay makes it no second record.
        assert replayed.json() == {"accepted": 0, "duplicates": 1, "dead_lettered": 1}
        assert 'sofy_relay_producer_restarts_total{cause="fatal_error"} 0.0' in await relay.metrics()


async def test_with_the_dead_letter_topic_deleted_nothing_is_2xx_until_it_is_made_again(
    placed: Cluster, topics: Topics
) -> None:
    letters = placed.topics["DEAD_LETTER"]
    async with RelayProcess(placed.bootstrap_servers, placed.topics) as relay:
        await relay.ready()
        assert (await relay.post(UNREADABLE)).json() == DEAD_LETTERED

        await asyncio.to_thread(topics.delete, letters)
        gone = [await relay.post(UNREADABLE + bytes([65 + number])) for number in range(5)]
        still_gone = letters not in topics.names()
        await asyncio.to_thread(topics.create, letters)
        await relay.until(lambda: _is(relay, UNREADABLE + b"after", DEAD_LETTERED), RECOVERED_WITHIN_S)
        replays = [await relay.post(UNREADABLE + bytes([65 + number])) for number in range(5)]
        forgotten = await relay.post(UNREADABLE)

        assert {answer.status_code for answer in gone} == {503}
        assert still_gone
        assert {answer.status_code for answer in replays} == {200}
        assert forgotten.json() == DEAD_LETTERED  # its promise was in the old topic
        stored = await read_topic(placed.bootstrap_servers, letters)
        assert {record.value for record in stored} == {
            UNREADABLE,
            UNREADABLE + b"after",
            *(UNREADABLE + bytes([65 + number]) for number in range(5)),
        }


async def _is(relay: RelayProcess, payload: bytes, answer: dict[str, int]) -> bool:
    """Post it; every answer but a 200 must be a 503."""
    got = await relay.post(payload)
    assert got.status_code in {200, 503}
    return got.status_code == 200 and got.json() == answer
