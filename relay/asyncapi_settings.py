"""From settings to what the AsyncAPI document tells of them; the composition roots and the commands share it. Pure."""

from relay.asyncapi import Stream, asyncapi_json
from relay.events.record import Destination
from relay.kafka_settings import topic_specs
from relay.settings import KafkaSettings, Settings


def stream_of(settings: Settings) -> Stream:
    """Give the topics of `settings` by destination, and by which names the relay is known at the brokers."""
    specs = {spec.name: spec for spec in topic_specs(settings)}
    return Stream(
        topics={destination: specs[getattr(settings.topics, destination)] for destination in Destination},
        client_id=settings.kafka.client_id,
        projector_group=settings.projector.group_id,
    )


def default_asyncapi_json() -> bytes:
    """Give `schemas/asyncapi.json`: the document of a relay with every setting at its default. Deterministic."""
    return asyncapi_json(stream_of(Settings(kafka=KafkaSettings(bootstrap_servers=("localhost:9092",)))))
