"""The request for every topic that our user may see, with the topics' ids where the broker tells them.

aiokafka speaks the metadata API up to version 5; a topic's id, which a topic made again under the same name
does not share, came with version 10 (KIP-516, Kafka 2.8). Names no topic, so creates none.
"""

from io import BytesIO
from typing import Any, Final
from uuid import UUID

from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v1, MetadataRequest_v4, MetadataRequest_v5
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

_METADATA: Final = 3
_NO_ID: Final = UUID(int=0)
_TEXT: Final = CompactString("utf-8")
_TAGS: Final = ("tags", TaggedFields)


class _Uuid(AbstractType[UUID]):  # type: ignore[misc]  # aiokafka ships no types
    """Sixteen bytes, as they are."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


class _Response(Response):  # type: ignore[misc]  # as above
    API_KEY = _METADATA
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), _TAGS)),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        _TAGS,
                    ),
                ),
                ("authorized_operations", Int32),
                _TAGS,
            ),
        ),
        ("cluster_authorized_operations", Int32),
        _TAGS,
    )


class _Request(RequestStruct):  # type: ignore[misc]  # as above
    API_KEY = _METADATA
    API_VERSION = 10
    RESPONSE_TYPE = _Response
    FLEXIBLE_VERSION = True
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", _TEXT), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _TAGS,
    )


_Versions = MetadataRequest_v1 | MetadataRequest_v4 | MetadataRequest_v5 | _Request


class ListTopics(Request[_Versions]):  # type: ignore[misc]  # as above
    """Ask for every topic; the connection chooses the version that the broker speaks."""

    API_KEY = _METADATA

    def build(self, request_struct_class: type[Any]) -> Any:  # noqa: ANN401 - aiokafka's structs are untyped
        """Make the request of one version; no names at all means all topics."""
        if request_struct_class is _Request:
            return _Request(None, False, False, False, {})  # noqa: FBT003 - positional by aiokafka's structs
        if request_struct_class is MetadataRequest_v1:
            return MetadataRequest_v1(None)
        return request_struct_class(None, False)  # noqa: FBT003 - positional by aiokafka's structs


def topic_id(topic: dict[str, Any]) -> UUID | None:
    """Give the id of a topic of an answer; None from a broker that knows no ids."""
    found = topic.get("topic_id", _NO_ID)
    return None if found == _NO_ID else found
