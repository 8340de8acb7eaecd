"""The whole document, put together. Pure: no clock, no broker; the same settings give the same bytes.

FastStream's generator writes the frame: `info`, a channel and an operation for each topic that is written to, and the
references between them. What it cannot write is laid over it: a second server for the same channels, an address that is
a variable, partitions and configuration of a topic, headers, keys, examples, schemas in a format of their own (it would
write pydantic's models once more, where what counts is the published files), and an operation that reads a channel
which another writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from relay.asyncapi.channels import CHANNELS, TAGS, Channel
from relay.asyncapi.messages import BINDING_VERSION, messages, payload_schemas
from relay.asyncapi.servers import SECURITY_SCHEMES, servers
from relay.events.record import Destination
from relay.events.schemas import as_json, contracts
from relay.events.sms_status import SCHEMA_VERSION
from relay.publishing.topics import TopicSpec

_ABOUT: Final = (
    "What became of SMS that were sent through Sofy: its webhooks as keyed, versioned, durable Kafka records. "
    "Records are CloudEvents 1.0 in Kafka's binary mode with JSON values. Delivery is at least once, so de-duplicate "
    "on the identity (ce_id, which is event_id); what is new in a version is only added, so ignore what you do not "
    "know. One SMS is one key and so one partition, by the partitioner of Kafka's Java client. Start with smsStatus "
    "for events, or with smsLatest for the state of each SMS."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What a document tells of a relay's settings."""

    topics: Mapping[Destination, TopicSpec]
    """All four."""
    client_id: str
    """The relay's name at the brokers."""
    projector_group: str
    """The consumer group of `relay project`."""


def asyncapi_json(stream: Stream) -> bytes:
    """Give the document as the bytes of a file of `schemas/`."""
    return as_json(asyncapi_document(stream))


def asyncapi_document(stream: Stream) -> dict[str, Any]:
    """Give the AsyncAPI 3.0 document of `stream`, complete in itself: it refers to nothing outside."""
    promised = {contract.name: contract for contract in contracts() if contract.version == SCHEMA_VERSION}
    frame = _frame({destination: spec.name for destination, spec in stream.topics.items()})
    a_message = next(iter(frame["components"]["messages"].values()))
    return {
        "asyncapi": frame["asyncapi"],
        "id": frame["id"],
        "info": frame["info"],
        "defaultContentType": frame["defaultContentType"],
        "servers": servers(),
        "channels": {
            channel.id: _channel(channel, frame["channels"][channel.id], stream.topics[destination])
            for destination, channel in CHANNELS.items()
        },
        "operations": {
            **{
                channel.operation: _sending(channel, frame["operations"][channel.id], stream)
                for channel in CHANNELS.values()
            },
            "receiveSmsStatus": _projecting(CHANNELS[Destination.STATUS], stream),
        },
        "components": {
            "messages": messages(promised, a_message["correlationId"]),
            "schemas": payload_schemas(promised),
            "securitySchemes": dict(SECURITY_SCHEMES),
        },
    }


def _frame(topics: Mapping[Destination, str]) -> dict[str, Any]:
    """Give what FastStream writes of a broker with one publisher a topic, which is never started."""
    broker = KafkaBroker(logger=None)
    for destination, channel in CHANNELS.items():
        broker.publisher(topics[destination], title=channel.id, description=channel.description)
    specification = AsyncAPI(
        broker,
        title="Sofy Relay",
        version=str(SCHEMA_VERSION),
        description=_ABOUT,
        license={"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        identifier=f"urn:sofy-relay:stream:{SCHEMA_VERSION}",
        tags=[{"name": name, "description": says} for name, says in TAGS.items()],
        schema_version="3.0.0",
    ).to_specification()
    frame: dict[str, Any] = specification.to_jsonable()
    return frame


def _channel(channel: Channel, framed: dict[str, Any], spec: TopicSpec) -> dict[str, Any]:
    binding = {
        "topic": framed["bindings"]["kafka"]["topic"],
        "partitions": spec.partitions,
        "replicas": spec.replication_factor,
        "topicConfiguration": _configuration(spec),
        "bindingVersion": BINDING_VERSION,
    }
    return {
        "address": framed["address"],
        "title": channel.title,
        "summary": channel.summary,
        "description": framed["description"],
        "servers": [{"$ref": f"#/servers/{name}"} for name in servers()],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.messages},
        "tags": [{"name": tag} for tag in channel.tags],
        "bindings": {"kafka": binding},
    }


def _configuration(spec: TopicSpec) -> dict[str, Any]:
    """Give the topic's configuration in the types that the binding asks for."""
    return {name: value.split(",") if name == "cleanup.policy" else int(value) for name, value in spec.configs.items()}


def _sending(channel: Channel, framed: dict[str, Any], stream: Stream) -> dict[str, Any]:
    return {
        "action": framed["action"],
        "channel": framed["channel"],
        "title": f"Send: {channel.title.lower()}",
        "summary": channel.writes,
        **_operation(channel, {"clientId": _exactly(stream.client_id)}),
    }


def _projecting(channel: Channel, stream: Stream) -> dict[str, Any]:
    binding = {"groupId": _exactly(stream.projector_group), "clientId": _exactly(stream.client_id)}
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{channel.id}"},
        "title": f"Receive: {channel.title.lower()}",
        "summary": "The projector takes in what became of each SMS. Your consumer takes a group of its own.",
        **_operation(channel, binding),
    }


def _operation(channel: Channel, binding: dict[str, Any]) -> dict[str, Any]:
    return {
        "tags": [{"name": tag} for tag in channel.tags],
        "bindings": {"kafka": {**binding, "bindingVersion": BINDING_VERSION}},
        "messages": [{"$ref": f"#/channels/{channel.id}/messages/{name}"} for name in channel.messages],
    }


def _exactly(value: str) -> dict[str, str]:
    return {"type": "string", "const": value}
