"""Reading a cluster creates nothing; changing it does what the plan says, and no more."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from relay.demo.broker import EmbeddedBroker
from relay.publishing.cluster import ChangeRefusedError, ClusterUnreachableError, apply_changes, read_cluster
from relay.publishing.connection import KafkaConnection
from relay.publishing.plan import Change, Create, Impossible, plan
from relay.publishing.topics import Level, compare
from relay.reasons import Reason
from tests.kafka.broker import RealBroker
from tests.kafka.choice import Kafka, local_broker
from tests.kafka.jars import KafkaUnavailableError
from tests.kafka.topics import Topics
from tests.publishing.stand import connection_to, spec


@pytest.fixture(scope="module")
def eager_kafka(kafka: Kafka) -> Iterator[RealBroker]:
    """A broker that creates topics when somebody asks for them by name."""
    assert kafka.version  # asked for first: where a real Kafka is required but cannot be had, it fails the test
    try:
        with local_broker({"auto.create.topics.enable": "true"}) as broker:
            yield broker
    except KafkaUnavailableError as error:
        pytest.skip(f"no real Kafka: {error}")


async def applied(connection: KafkaConnection, changes: Sequence[Change]) -> list[Change]:
    return [change async for change in apply_changes(connection, changes)]


@pytest.mark.kafka
async def test_a_listing_shows_partitions_replicas_and_configurations(kafka: Kafka, topics: Topics) -> None:
    name = topics.create(partitions=3, settings={"max.message.bytes": "12345"})

    listing = await read_cluster(connection_to(kafka.bootstrap_servers), describe=[name])

    found = listing.topics[name]
    assert (listing.brokers, found.partitions, found.replication_factor) == (1, 3, 1)
    assert found.own_configs == {"max.message.bytes": "12345"}
    assert found.configs is not None
    assert found.configs["cleanup.policy"] == "delete"


@pytest.mark.kafka
async def test_describing_a_topic_that_is_missing_creates_none(eager_kafka: RealBroker) -> None:
    listing = await read_cluster(connection_to(eager_kafka.bootstrap_servers), describe=["missing"])

    assert "missing" not in listing.topics
    assert "missing" not in await asyncio.to_thread(Topics(eager_kafka.bootstrap_servers).names)


async def test_a_broker_that_tells_no_configurations_is_listed_without(embedded: EmbeddedBroker) -> None:
    name = f"listed.{uuid.uuid4().hex}"
    embedded.create_topic(name, partitions=2)

    listing = await read_cluster(connection_to(embedded.bootstrap_servers), describe=[name])

    findings = compare(spec(name), listing.topics[name])
    assert (listing.topics[name].partitions, listing.topics[name].configs) == (2, None)
    assert [(finding.level, finding.check) for finding in findings if finding.level is not Level.OK] == [
        (Level.WARNING, "configuration")
    ]


@pytest.mark.kafka
async def test_a_plan_creates_topics_as_the_settings_ask(kafka: Kafka, topics: Topics) -> None:
    connection = connection_to(kafka.bootstrap_servers)
    events = replace(spec(topics.unused_name()), partitions=3)
    latest = replace(spec(topics.unused_name()), retention_ms=None)
    specs = [events, latest]

    done = await applied(connection, plan(specs, await read_cluster(connection)))

    listing = await read_cluster(connection, describe=[events.name, latest.name])
    assert done == [Create(events), Create(latest)]
    assert plan(specs, listing) == []
    assert listing.topics[latest.name].own_configs == latest.configs


@pytest.mark.kafka
async def test_altering_keeps_what_others_set(kafka: Kafka, topics: Topics) -> None:
    connection = connection_to(kafka.bootstrap_servers)
    name = topics.create(settings={"segment.ms": "600000", "max.message.bytes": "1000"})
    asked = replace(spec(name), partitions=4)

    await applied(connection, plan([asked], await read_cluster(connection, describe=[name])))

    found = (await read_cluster(connection, describe=[name])).topics[name]
    assert found.partitions == 4
    assert found.own_configs is not None
    assert found.own_configs["segment.ms"] == "600000"
    assert found.own_configs["max.message.bytes"] == str(asked.max_message_bytes)


@pytest.mark.kafka
async def test_a_change_that_the_cluster_refuses_names_topic_and_reason(kafka: Kafka, topics: Topics) -> None:
    existing = topics.create()

    with pytest.raises(ChangeRefusedError, match=f"create {existing} .*already exists"):
        await applied(connection_to(kafka.bootstrap_servers), [Create(spec(existing))])


@pytest.mark.kafka
async def test_an_impossible_change_is_left_out(kafka: Kafka) -> None:
    assert await applied(connection_to(kafka.bootstrap_servers), [Impossible("topic", "cannot be")]) == []


async def test_a_cluster_without_a_controller_refuses_changes_in_a_sentence(embedded: EmbeddedBroker) -> None:
    connection = connection_to(embedded.bootstrap_servers)

    with pytest.raises(ChangeRefusedError, match="names no controller"):
        await applied(connection, [Create(spec("never-made"))])

    assert "never-made" not in (await read_cluster(connection)).topics


async def test_nobody_listening_is_told_with_server_setting_and_cause() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{unused.getsockname()[1]}"

        with pytest.raises(ClusterUnreachableError) as unreachable:
            await read_cluster(connection_to(server))

    assert str(unreachable.value) == (
        f"No broker of RELAY_KAFKA__BOOTSTRAP_SERVERS answers ({server}: connection refused)."
    )
    assert unreachable.value.reason is Reason.KAFKA_UNREACHABLE


async def test_changes_without_a_broker_are_told_as_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        with pytest.raises(ClusterUnreachableError, match="The cluster at"):
            await applied(connection_to(f"127.0.0.1:{unused.getsockname()[1]}"), [Create(spec("topic"))])


async def test_a_server_that_never_answers_is_given_up_after_the_request_timeout() -> None:
    async with silent_server() as server:
        impatient = replace(connection_to(server), request_timeout_ms=100)

        with pytest.raises(ClusterUnreachableError, match="no answer within 100 ms"):
            await read_cluster(impatient)


async def test_a_server_without_tls_is_told_with_the_setting_to_look_at() -> None:
    async with silent_server(answer=b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        encrypted = replace(connection_to(server), security_protocol="SSL")

        with pytest.raises(ClusterUnreachableError, match="RELAY_KAFKA__SECURITY_PROTOCOL"):
            await read_cluster(encrypted)


async def test_the_second_server_is_asked_when_the_first_is_silent(embedded: EmbeddedBroker) -> None:
    async with silent_server() as server:
        both = replace(connection_to(f"{server},{embedded.bootstrap_servers}"), request_timeout_ms=500)

        listing = await read_cluster(both)

    assert listing.brokers == 1


@asynccontextmanager
async def silent_server(answer: bytes = b"") -> AsyncIterator[str]:
    """A server that is no Kafka: gives `answer` to the first bytes, then says nothing more."""
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.read(1)
        writer.write(answer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in connections:
            writer.close()
        server.close()
