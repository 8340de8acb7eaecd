"""From settings to what the Kafka side is made from; the composition root and the commands share it. Pure."""

from relay.events.record import Destination
from relay.publishing.connection import KafkaConnection
from relay.publishing.topics import TopicSpec
from relay.settings import Settings

_HOUR_MS = 3_600_000


def connection(settings: Settings) -> KafkaConnection:
    """Give the way to the brokers. Reads no certificate file; `KafkaConnection.check` does."""
    kafka = settings.kafka
    return KafkaConnection(
        bootstrap_servers=kafka.bootstrap_servers,
        security_protocol=kafka.security_protocol,
        sasl_mechanism=kafka.sasl_mechanism,
        sasl_username=kafka.sasl_username,
        sasl_password=None if kafka.sasl_password is None else kafka.sasl_password.get_secret_value(),
        ssl_cafile=kafka.ssl_cafile,
        ssl_certfile=kafka.ssl_certfile,
        ssl_keyfile=kafka.ssl_keyfile,
        client_id=kafka.client_id,
        compression=kafka.compression,
        linger_ms=kafka.linger_ms,
        request_timeout_ms=kafka.request_timeout_ms,
    )


def destinations(settings: Settings) -> dict[Destination, str]:
    """Give the topic of each destination: those that `relay serve` writes to."""
    topics = settings.topics
    return {
        Destination.STATUS: topics.status,
        Destination.OTHER: topics.other,
        Destination.DEAD_LETTER: topics.dead_letter,
    }


def topic_specs(settings: Settings) -> tuple[TopicSpec, ...]:
    """Give the four topics as the settings ask for them: status, other, dead letter, latest."""
    topics = settings.topics
    retention_h = {
        topics.status: topics.status_retention_h,
        topics.other: topics.other_retention_h,
        topics.dead_letter: topics.dead_letter_retention_h,
        topics.latest: None,
    }
    return tuple(
        TopicSpec(
            name=name,
            partitions=topics.partitions,
            replication_factor=topics.replication_factor,
            min_insync_replicas=topics.min_insync_replicas,
            max_message_bytes=topics.max_message_bytes,
            largest_record_bytes=settings.http.max_body_bytes,
            retention_ms=None if hours is None else hours * _HOUR_MS,
        )
        for name, hours in retention_h.items()
    )
