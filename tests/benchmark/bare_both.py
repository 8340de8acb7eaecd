"""Both floors in one process: the bare ASGI callable, which sends each body's record and waits for Kafka.

No part of the floor as it is defined, but what joins its two halves: a producer that is fed by requests fills its
batches less than one that has nothing else to do.
"""

import asyncio
import sys
from itertools import count

import uvloop
from aiokafka import AIOKafkaProducer
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from relay.publishing.producer import MAX_BATCH_BYTES
from tests.benchmark.bare_asgi import answer, serve


async def main(port: int, servers: str, topic: str, size: int) -> None:
    """Serve until SIGTERM; each request becomes a record of `size` bytes."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", enable_idempotence=False, max_batch_size=MAX_BATCH_BYTES, linger_ms=0
    )
    await producer.start()
    value, keys = b"x" * size, count()

    async def publish(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await producer.send_and_wait(topic, value, key=b"%d" % next(keys))
        await answer(scope, receive, send)

    await serve(publish, port)
    await producer.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
