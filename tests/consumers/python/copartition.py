"""Write each record of a topic to another one under its own key, by the client's own partitioner.

Arguments: servers, topic to read, topic to write, how many records. With as many partitions in both topics, each
record comes into the partition of the same number: what belongs to one SMS can be joined.
"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def copy(servers: str, read: str, written: str, count: int) -> None:
    """Copy `count` records from the topic `read` to the topic `written`."""
    consumer = AIOKafkaConsumer(read, bootstrap_servers=servers, auto_offset_reset="earliest")
    async with consumer, AIOKafkaProducer(bootstrap_servers=servers) as producer:
        copies = []
        for _ in range(count):
            record = await consumer.getone()
            copies.append((record, await producer.send(written, record.value, key=record.key)))
        for record, acknowledgement in copies:
            copied = await acknowledgement
            told = {"key": record.key.decode(), "read": record.partition, "written": copied.partition}
            sys.stdout.write(json.dumps(told) + "\n")


asyncio.run(copy(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
