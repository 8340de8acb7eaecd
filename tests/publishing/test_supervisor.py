"""The supervisor supplies a producer whatever Kafka does, says why while it cannot, and stops in time."""

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from relay.events.record import Destination
from relay.publishing.cluster import ClusterUnreachableError
from relay.publishing.connection import KafkaConnection
from relay.publishing.port import NotPublishedError
from relay.publishing.producer import RunningProducer
from relay.publishing.replacement import Cause
from relay.publishing.topics import Level
from relay.reasons import Reason
from tests.kafka.broker import RealBroker
from tests.kafka.choice import Kafka, local_broker
from tests.kafka.jars import KafkaUnavailableError
from tests.kafka.reader import read_topic
from tests.kafka.topics import Topics
from tests.publishing.stand import (
    PATIENCE_S,
    RECORD,
    Stand,
    connection_to,
    everywhere,
    handed_over,
    outcome,
    publishing_to,
    record,
)

pytestmark = pytest.mark.kafka

RECOVERY_S = 10.0
"""The promise: this long after a fault's end records are acknowledged again."""


@pytest.fixture(scope="module", params=["false", "true"], ids=["auto-create-off", "auto-create-on"])
def either_kafka(request: pytest.FixtureRequest, kafka: Kafka) -> Iterator[RealBroker]:
    """A broker that creates topics when asked for them by name, and one that does not."""
    assert kafka.version  # asked for first: where a real Kafka is required but cannot be had, it fails the test
    try:
        with local_broker({"auto.create.topics.enable": request.param}) as broker:
            yield broker
    except KafkaUnavailableError as error:
        pytest.skip(f"no real Kafka: {error}")


async def published(stand: Stand, value: bytes = b"{}") -> Reason | str:
    """Publish a record and wait for its outcome."""
    try:
        acknowledgement = handed_over(stand.publisher, record(value))
    except NotPublishedError as error:
        return error.reason
    await asyncio.wait({acknowledgement}, timeout=PATIENCE_S)
    return outcome(acknowledgement)


async def until_acknowledged(stand: Stand, within: float) -> None:
    """Publish until one record is acknowledged."""
    async with asyncio.timeout(within):
        while await published(stand, b"after") != "acknowledged":
            await asyncio.sleep(0.05)


@asynccontextmanager
async def paused(broker: RealBroker) -> AsyncIterator[None]:
    broker.pause()
    try:
        yield
    finally:
        broker.resume()


async def test_a_missing_topic_is_reported_once_refused_at_once_and_never_created(either_kafka: RealBroker) -> None:
    topics = Topics(either_kafka.bootstrap_servers, prefix="missing")
    name = topics.unused_name()

    async with publishing_to(either_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until(bool)
        refused = await published(stand)
        before = await asyncio.to_thread(topics.names)
        await asyncio.to_thread(topics.create, name)
        await stand.supervised.until_verified()
        after = await published(stand)

    assert (stand.supervised.reports[:-1], refused) == ([Reason.TOPIC_MISSING], Reason.TOPIC_MISSING)
    assert name in stand.supervised.details[0]
    assert "relay topics apply" in stand.supervised.details[0]
    assert name not in before
    assert after == "acknowledged"


async def test_a_topic_deleted_under_the_producer_is_not_created_again(either_kafka: RealBroker) -> None:
    topics = Topics(either_kafka.bootstrap_servers, prefix="deleted")
    name = await asyncio.to_thread(topics.create)

    async with publishing_to(either_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        assert await published(stand) == "acknowledged"
        await asyncio.to_thread(topics.delete, name)
        while await published(stand) != Reason.TOPIC_MISSING:
            await asyncio.sleep(0.01)
        await stand.supervised.until(lambda reports: Cause.TOPIC_MISSING in reports)
        after_deletion = await asyncio.to_thread(topics.names)
        await asyncio.to_thread(topics.create, name)
        await stand.supervised.until_verified(times=2)
        again = await published(stand)

    assert name not in after_deletion
    assert again == "acknowledged"


async def test_a_topic_made_again_before_its_deletion_was_noticed_is_known_by_its_offsets(
    either_kafka: RealBroker,
) -> None:
    topics = Topics(either_kafka.bootstrap_servers, prefix="recreated")
    name = await asyncio.to_thread(topics.create)

    async with publishing_to(either_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        assert await published(stand) == "acknowledged"
        await asyncio.to_thread(topics.delete, name)
        await asyncio.to_thread(topics.create, name)
        await until_acknowledged(stand, RECOVERY_S)
        await stand.supervised.until_verified(times=2)
        again = await published(stand)

    # The first record on the new topic may have met its birth, which shows as a missing topic.
    assert {Cause.TOPIC_RECREATED, Cause.TOPIC_MISSING}.intersection(stand.supervised.reports)
    assert again == "acknowledged"
    [before, after] = stand.supervised.topic_ids
    assert before[name] != after[name]


async def test_a_topic_made_again_while_no_producer_ran_has_another_id(either_kafka: RealBroker) -> None:
    topics = Topics(either_kafka.bootstrap_servers, prefix="swapped")
    name = await asyncio.to_thread(topics.create)

    async with publishing_to(either_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        [sender] = [task for task in asyncio.all_tasks() if "Sender._sender_routine" in repr(task)]
        await asyncio.to_thread(topics.delete, name)
        sender.cancel()
        await asyncio.wait({sender})
        await asyncio.to_thread(topics.create, name)
        await stand.supervised.until_verified(times=2)

    [before, after] = stand.supervised.topic_ids
    assert before[name] != after[name]


async def test_less_than_the_settings_ask_is_a_warning_only(either_kafka: RealBroker) -> None:
    topics = Topics(either_kafka.bootstrap_servers, prefix="modest")
    name = await asyncio.to_thread(topics.create, settings={"max.message.bytes": "1000"})

    async with publishing_to(either_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()

    assert {finding.check for finding in stand.supervised.findings} == {"min.insync.replicas", "max.message.bytes"}
    assert all(finding.level is not Level.OK for finding in stand.supervised.findings)


async def test_a_record_that_the_topic_refuses_fails_alone(either_kafka: RealBroker) -> None:
    topics = Topics(either_kafka.bootstrap_servers, prefix="small")
    name = await asyncio.to_thread(topics.create, settings={"max.message.bytes": "5000"})

    async with publishing_to(either_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        acknowledgements = [handed_over(stand.publisher, record(bytes(size))) for size in [100] * 60 + [6000] + [100]]
        await asyncio.wait(acknowledgements, timeout=PATIENCE_S)

    outcomes = [outcome(acknowledgement) for acknowledgement in acknowledgements]
    assert outcomes == ["acknowledged"] * 60 + [Reason.RECORD_TOO_LARGE, "acknowledged"]


async def test_records_that_are_too_large_only_in_company_are_not_blamed(either_kafka: RealBroker) -> None:
    topics = Topics(either_kafka.bootstrap_servers, prefix="company")
    name = await asyncio.to_thread(topics.create, settings={"max.message.bytes": "5000"})

    async with publishing_to(either_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        # As where the topic's limit cannot be read: a batch larger than that.
        before = stand.publisher.use(await RunningProducer.start(stand.connection, max_batch_bytes=100_000))
        acknowledgements = [handed_over(stand.publisher, record(bytes(1000))) for _ in range(9)]
        await asyncio.wait(acknowledgements, timeout=PATIENCE_S)
        assert before is not None
        await before.stop(limit=5.0)

    assert {outcome(acknowledgement) for acknowledgement in acknowledgements} == {Reason.RECORD_REFUSED}


async def test_a_producer_whose_sender_died_is_replaced_and_its_records_are_told(either_kafka: RealBroker) -> None:
    topics = Topics(either_kafka.bootstrap_servers, prefix="dead")
    name = await asyncio.to_thread(topics.create)

    async with publishing_to(either_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        acknowledgement = handed_over(stand.publisher, RECORD)
        [sender] = [task for task in asyncio.all_tasks() if "Sender._sender_routine" in repr(task)]
        sender.cancel()
        await asyncio.wait({sender})
        at_once = stand.publisher.unavailable
        await stand.supervised.until_verified(times=2)
        await asyncio.wait({acknowledgement}, timeout=PATIENCE_S)
        again = await published(stand)

    assert at_once is Reason.PRODUCER_FAILED
    assert stand.supervised.reports == [
        "verified",
        Cause.SENDER_STOPPED,
        Reason.PRODUCER_FAILED,
        "verified",
    ]
    assert outcome(acknowledgement) == Reason.PRODUCER_FAILED
    assert stand.admission.in_flight_records == 0
    assert again == "acknowledged"


async def test_kafka_away_at_the_start_is_reported_once_and_publishing_begins_when_it_comes(
    private_kafka: RealBroker, private_topics: Topics
) -> None:
    name = await asyncio.to_thread(private_topics.create)
    await asyncio.to_thread(private_kafka.stop)

    async with publishing_to(private_kafka.bootstrap_servers, everywhere(name)) as stand:
        try:
            await stand.supervised.until(bool)
            refused = await published(stand)
        finally:
            await asyncio.to_thread(private_kafka.start)
        await until_acknowledged(stand, RECOVERY_S)

    assert refused is Reason.KAFKA_UNREACHABLE
    assert stand.supervised.reports == [Reason.KAFKA_UNREACHABLE, "verified"]
    assert private_kafka.bootstrap_servers in stand.supervised.details[0]
    assert "RELAY_KAFKA__BOOTSTRAP_SERVERS" in stand.supervised.details[0]


async def test_after_a_pause_of_two_seconds_the_same_producer_works(
    private_kafka: RealBroker, private_topics: Topics
) -> None:
    name = await asyncio.to_thread(private_topics.create)

    async with publishing_to(private_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        async with paused(private_kafka):
            during = await published(stand, b"during")
            await asyncio.sleep(0.5)  # the pause itself: 1.5 s went by until the record failed
        await until_acknowledged(stand, RECOVERY_S)

    assert during is Reason.ACKNOWLEDGEMENT_TIMEOUT
    assert stand.supervised.reports == ["verified"]
    assert stand.admission.in_flight_records == 0


async def test_after_a_crash_the_same_producer_works_and_nothing_acknowledged_is_lost(
    private_kafka: RealBroker, private_topics: Topics
) -> None:
    name = await asyncio.to_thread(private_topics.create)

    async with publishing_to(private_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        before = await published(stand, b"before")
        await asyncio.to_thread(private_kafka.kill)
        try:
            during = await published(stand, b"during")
        finally:
            await asyncio.to_thread(private_kafka.start)
        await until_acknowledged(stand, RECOVERY_S)

    stored = {stored.value for stored in await read_topic(private_kafka.bootstrap_servers, name)}
    assert (before, during) == ("acknowledged", Reason.KAFKA_UNREACHABLE)
    assert stand.supervised.reports == ["verified"]
    assert {b"before", b"after"} <= stored


async def test_what_waits_behind_a_batch_that_fails_is_told_too_and_the_partition_goes_on(
    private_kafka: RealBroker, private_topics: Topics
) -> None:
    name = await asyncio.to_thread(private_topics.create)

    async with publishing_to(private_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        async with paused(private_kafka):
            acknowledgements = [handed_over(stand.publisher, record(bytes(50_000))) for _ in range(100)]
            waiting = stand.admission.in_flight_records
            await asyncio.wait({acknowledgements[0]}, timeout=PATIENCE_S)
        await asyncio.wait(acknowledgements, timeout=PATIENCE_S)
        await until_acknowledged(stand, RECOVERY_S)

    assert waiting == 100
    assert outcome(acknowledgements[0]) is Reason.ACKNOWLEDGEMENT_TIMEOUT
    assert "waiting" not in {outcome(acknowledgement) for acknowledgement in acknowledgements}
    assert stand.admission.in_flight_records == 0


@pytest.mark.parametrize("limit", [0.5, 5.0])
async def test_stopping_ends_at_its_limit_while_kafka_is_paused_and_makes_no_noise(
    private_kafka: RealBroker, private_topics: Topics, caplog: pytest.LogCaptureFixture, limit: float
) -> None:
    name = await asyncio.to_thread(private_topics.create)
    noise = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: noise.append(context))

    async with publishing_to(private_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        await published(stand)
        async with paused(private_kafka):
            acknowledgements = [handed_over(stand.publisher, RECORD) for _ in range(20)]
            started = loop.time()
            await stand.supervisor.stop(limit)
            took = loop.time() - started
        refused = await published(stand)

    gc.collect()
    assert took < limit + 0.5
    assert "waiting" not in {outcome(acknowledgement) for acknowledgement in acknowledgements}
    assert refused is Reason.DRAINING
    assert stand.admission.in_flight_records == 0
    assert noise == []
    assert [entry for entry in caplog.records if entry.name == "asyncio" and entry.levelno >= logging.WARNING] == []


async def test_stopping_brings_home_what_is_on_its_way(private_kafka: RealBroker, private_topics: Topics) -> None:
    name = await asyncio.to_thread(private_topics.create, partitions=4)

    async with publishing_to(private_kafka.bootstrap_servers, everywhere(name)) as stand:
        await stand.supervised.until_verified()
        acknowledgements = [
            handed_over(stand.publisher, record(b"%d" % number, key=b"%d" % number)) for number in range(500)
        ]
        await stand.supervisor.stop()

    assert {outcome(acknowledgement) for acknowledgement in acknowledgements} == {"acknowledged"}
    assert len(await read_topic(private_kafka.bootstrap_servers, name)) == 500


async def test_webhooks_beyond_the_cap_are_refused_at_once_and_all_others_are_acknowledged(
    private_kafka: RealBroker, private_topics: Topics
) -> None:
    name = await asyncio.to_thread(private_topics.create, partitions=4)
    results: list[Reason | str] = []

    async with publishing_to(private_kafka.bootstrap_servers, everywhere(name), max_records=100) as stand:
        await stand.supervised.until_verified()

        async def webhook() -> None:
            results.append(stand.publisher.unavailable or await published(stand))

        await asyncio.gather(*(webhook() for _ in range(1000)))

    assert results.count("acknowledged") >= 100
    assert set(results) == {"acknowledged", Reason.OVERLOADED}
    assert stand.published.published_to == [Destination.STATUS] * results.count("acknowledged")
    # Who was refused did not wait for those who were not.
    assert results.index(Reason.OVERLOADED) < results.index("acknowledged")


async def test_stopping_while_kafka_is_away_returns_at_once(private_topics: Topics) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{unused.getsockname()[1]}"

        async with publishing_to(server, everywhere(private_topics.unused_name())) as stand:
            await stand.supervised.until(bool)

            async with asyncio.timeout(2.0):
                await stand.supervisor.stop(5.0)

    assert await published(stand) is Reason.DRAINING


async def test_an_unusable_certificate_file_is_reported_with_its_setting(private_topics: Topics) -> None:
    connection = KafkaConnection(bootstrap_servers=("127.0.0.1:1",), security_protocol="SSL", ssl_cafile="missing.pem")

    async with publishing_to(connection, everywhere(private_topics.unused_name())) as stand:
        await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.KAFKA_UNREACHABLE]
    assert "RELAY_KAFKA__SSL_CAFILE=missing.pem" in stand.supervised.details[0]


async def test_a_producer_that_cannot_start_leaves_nothing_open() -> None:
    noise = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        with pytest.raises(ClusterUnreachableError):
            await RunningProducer.start(connection_to(f"127.0.0.1:{unused.getsockname()[1]}"))

    gc.collect()
    assert noise == []
