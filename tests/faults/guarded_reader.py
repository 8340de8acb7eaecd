"""Reads a topic of the guarded broker, as its user `relay`, who gets the right to read for it."""

import logging
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it re-exports them without saying so in __all__
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from tests.kafka.guarded import PASSWORD, USER, WITHIN_S, GuardedKafka
from tests.kafka.reader import StoredRecord


def read_guarded(kafka: GuardedKafka, topic: str) -> list[StoredRecord]:
    """Give what the topic's only partition holds. Blocks; may be called once a topic.

    Raises:
        TimeoutError: its end was not reached in time.
    """
    right = AclBinding(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        f"User:{USER}",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    kafka.admin.create_acls([right])[right].result(WITHIN_S)
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.by_password.bootstrap_servers[0],
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": USER,
            "sasl.password": PASSWORD,
            "ssl.ca.location": str(kafka.folder / "ca.pem"),
            "group.id": "unused",  # assigned by hand, and nothing is committed
            "enable.auto.commit": False,
        },
        logger=logging.getLogger(__name__),
    )
    try:
        return _read(consumer, TopicPartition(topic, 0, OFFSET_BEGINNING))
    finally:
        consumer.close()


def _read(consumer: Consumer, partition: TopicPartition) -> list[StoredRecord]:
    _, end = consumer.get_watermark_offsets(partition, timeout=WITHIN_S)
    consumer.assign([partition])
    records: list[StoredRecord] = []
    deadline = time.monotonic() + WITHIN_S
    while len(records) < end:
        if time.monotonic() > deadline:
            raise TimeoutError
        message = consumer.poll(1.0)
        if message is None or message.error() is not None:
            continue
        records.append(
            StoredRecord(
                partition=0,
                offset=message.offset() or 0,
                key=message.key(),
                value=message.value(),
                headers=[],
                timestamp_ms=message.timestamp()[1],
            )
        )
    return records
