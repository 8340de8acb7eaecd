"""What the Kafka side is made from, by the settings."""

from pydantic import ByteSize, SecretStr

from relay.events.record import Destination
from relay.kafka_settings import connection, destinations, topic_specs
from relay.publishing.connection import KafkaConnection
from relay.settings import HttpSettings, KafkaSettings, Settings, TopicSettings


def test_the_connection_takes_every_setting_of_its_group() -> None:
    kafka = KafkaSettings(
        bootstrap_servers=("a:1", "b:2"),
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-256",
        sasl_username="relay",
        sasl_password=SecretStr("secret"),
        ssl_cafile="/ca",
        ssl_certfile="/cert",
        ssl_keyfile="/key",
        client_id="me",
        compression="gzip",
        linger_ms=5,
        request_timeout_ms=900,
    )

    made = connection(Settings(kafka=kafka))

    expected = kafka.model_dump() | {"sasl_password": "secret"}
    assert made == KafkaConnection(**expected)
    assert "secret" not in repr(made)


def test_the_topics_are_the_four_with_their_retention() -> None:
    settings = Settings(
        kafka=KafkaSettings(bootstrap_servers=("a:1",)),
        topics=TopicSettings(status_retention_h=1, other_retention_h=2, dead_letter_retention_h=3, partitions=6),
        http=HttpSettings(max_body_bytes=ByteSize(4096)),
    )

    specs = topic_specs(settings)

    assert [(spec.name, spec.retention_ms) for spec in specs] == [
        ("sofy.sms.status.v1", 3_600_000),
        ("sofy.webhook.other.v1", 7_200_000),
        ("sofy.webhook.dead-letter.v1", 10_800_000),
        ("sofy.sms.latest.v1", None),
    ]
    assert {(it.partitions, it.replication_factor, it.min_insync_replicas) for it in specs} == {(6, 3, 2)}
    assert {(it.max_message_bytes, it.largest_record_bytes) for it in specs} == {(2 * 1024 * 1024, 4096)}


def test_every_destination_of_a_relay_has_its_topic() -> None:
    named = destinations(Settings(kafka=KafkaSettings(bootstrap_servers=("a:1",))))

    assert set(named) == set(Destination) - {Destination.LATEST}  # the projector's
    assert len(set(named.values())) == len(named)
