"""The floor of publishing: a bare aiokafka producer, acks=all, with the relay's batches; prints what a record cost."""

import asyncio
import json
import os
import statistics
import sys
import time

import uvloop
from aiokafka import AIOKafkaProducer

from relay.publishing.producer import MAX_BATCH_BYTES
from tests.benchmark.machine import resident_mib

_WARM_UP_S = 2.0


async def main(servers: str, topic: str, size: int, at_once: int, seconds: float) -> None:
    """Let `at_once` tasks send records of `size` bytes one by one for `seconds`, after a warm-up."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", enable_idempotence=False, max_batch_size=MAX_BATCH_BYTES, linger_ms=0
    )
    await producer.start()
    value = b"x" * size
    took: list[float] = []

    async def send(number: int, until: float) -> None:
        count = 0
        while (began := time.monotonic()) < until:
            await producer.send_and_wait(topic, value, key=b"%d-%d" % (number, count))
            took.append(time.monotonic() - began)
            count += 1

    async def send_for(length: float) -> None:
        until = time.monotonic() + length
        await asyncio.gather(*(send(number, until) for number in range(at_once)))

    await send_for(_WARM_UP_S)
    took.clear()
    began, cpu = time.monotonic(), time.process_time()
    await send_for(seconds)
    used, passed = time.process_time() - cpu, time.monotonic() - began
    quantiles = statistics.quantiles(took, n=1000)
    figures = {
        "records": len(took),
        "cpu_s": used,
        "seconds": passed,
        "p50_ms": quantiles[499] * 1e3,
        "p99_ms": quantiles[989] * 1e3,
        "p999_ms": quantiles[998] * 1e3,
        "resident_mib": resident_mib(os.getpid()),
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    await producer.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
