"""Which partition a key belongs to: as Kafka's own Java client has it, and after it every other one.

The hash is 32-bit MurmurHash2. aiokafka has it byte by byte in Python, which was a tenth of what an SMS costs in a
webhook of 1,000; word by word it takes half of that. A test compares the two, and the partitions with those of Java.
"""

from struct import unpack_from
from typing import Final

_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = 0x5BD1E995
_32_BITS: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """Give the number of the partition that `key` belongs to, of so many."""
    return (_murmur2(key) & _POSITIVE) % partitions


def _murmur2(data: bytes) -> int:
    length = len(data)
    mixed = _SEED ^ length
    for word in unpack_from(f"<{length >> 2}I", data):
        scrambled = word * _MULTIPLIER & _32_BITS
        scrambled = (scrambled ^ scrambled >> 24) * _MULTIPLIER & _32_BITS
        mixed = mixed * _MULTIPLIER & _32_BITS ^ scrambled
    rest = length & 3
    if rest:
        mixed = (mixed ^ int.from_bytes(data[-rest:], "little")) * _MULTIPLIER & _32_BITS
    mixed = (mixed ^ mixed >> 13) * _MULTIPLIER & _32_BITS
    return mixed ^ mixed >> 15
