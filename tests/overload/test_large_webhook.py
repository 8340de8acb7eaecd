"""A webhook at the body limit under steady half load: admitted, read, published and answered 200."""

import asyncio

import pytest

from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.reader import read_topic
from tests.overload.load import Load, accepted
from tests.overload.slow_broker import SlowBroker
from tests.sofy.payloads import body, item

pytestmark = pytest.mark.slow
BODY_LIMIT = 1024 * 1024
ROUND_TRIP_S = 0.05
MAX_IN_FLIGHT = 40
HALF_LOAD = MAX_IN_FLIGHT / (2 * ROUND_TRIP_S) / 2
"""Webhooks a second, of one SMS each."""
ANSWER_WITHIN_S = 3.5
LARGE_ONES = 3
"""Their records stay under what the embedded broker keeps: 5 MiB a partition."""


def at_the_limit(name: str) -> tuple[bytes, int]:
    """Give a body of exactly the limit, and how many items it holds."""
    one = len(body(item(id=f"{name}-0000"), item(id=f"{name}-0001"))) - len(body(item(id=f"{name}-0000")))
    count = (BODY_LIMIT - len(body(item(id=f"{name}-0000")))) // one + 1
    payload = body(*(item(id=f"{name}-{number:04}") for number in range(count)))
    return payload + b" " * (BODY_LIMIT - len(payload)), count


async def test_a_webhook_at_the_body_limit_is_not_starved_by_small_ones_nor_are_they_by_it() -> None:
    with SlowBroker(round_trip_s=ROUND_TRIP_S) as broker:
        kafka = broker.cluster()
        settings = {"RELAY_HTTP__MAX_IN_FLIGHT": str(MAX_IN_FLIGHT)}
        async with RelayProcess(kafka.bootstrap_servers, kafka.topics, **settings) as relay, Load(relay) as load:
            await relay.ready()
            end = asyncio.Event()
            offering = asyncio.create_task(load.offer_until(HALF_LOAD, end))
            answers = []
            for number in range(LARGE_ONES):
                payload, count = at_the_limit(f"large-{number}")
                answers.append((await relay.post(payload), count))
                await asyncio.sleep(1.0)  # half load for a while, as it was before
            end.set()
            small = await offering
            after = await load.offer(HALF_LOAD, 1.0)
            stored = await read_topic(kafka.bootstrap_servers, kafka.topics["STATUS"])

    for answer, count in answers:
        assert count > 4000
        assert answer.json() == {"accepted": count, "duplicates": 0, "dead_lettered": 0}
        assert answer.elapsed.total_seconds() <= ANSWER_WITHIN_S
    assert all(attempt.status == 200 or attempt.overloaded for attempt in small)
    assert all(attempt.status == 200 for attempt in after)
    assert len(stored) == sum(count for _, count in answers) + len(accepted([*small, *after]))
