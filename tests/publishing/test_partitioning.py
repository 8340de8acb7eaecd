"""A key's partition is the one that Kafka's Java client and aiokafka choose."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from relay.publishing.partitioning import partition_of

# Key, partition of 12: computed with org.apache.kafka.common.utils.Utils of kafka-clients 4.3.1.
JAVA = [
    ("zzzzz", 5),
    ("yyyyy", 8),
    ("0", 8),
    ("1", 3),
    ("12", 10),
    ("123", 5),
    ("1234", 0),
    ("12345678901234567890123", 6),
    ("6f1c2e0a-9d4b-4f7e-8a55-0c1d2e3f4a5b", 10),
    ("sms-é-ü", 7),
    ("😀", 9),
    ("a/b c", 0),
    (" ", 9),
    ("KQ2xJ8", 1),
]


@pytest.mark.parametrize(("key", "partition"), JAVA)
def test_a_key_belongs_where_a_java_client_puts_it(key: str, partition: int) -> None:
    assert partition_of(key.encode(), 12) == partition


@given(st.binary(max_size=300), st.integers(1, 1000))
def test_every_key_belongs_where_aiokafka_puts_it(key: bytes, partitions: int) -> None:
    theirs = DefaultPartitioner()

    assert partition_of(key, partitions) == theirs(key, range(partitions), [])
