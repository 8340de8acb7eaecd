"""A record over the topic's `max.message.bytes`, or over the client's limit: a dead letter, and no harm to the next."""

import hashlib
import json

import pytest

from relay.publishing.producer import MAX_RECORD_BYTES
from tests.end_to_end.conftest import Cluster, names_of_topics
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.choice import Kafka
from tests.kafka.reader import StoredRecord, read_topic
from tests.kafka.topics import Topics
from tests.sofy.payloads import body, item

pytestmark = pytest.mark.kafka
DEAD_LETTERED = {"accepted": 0, "duplicates": 0, "dead_lettered": 1}


@pytest.fixture
def narrow(kafka: Kafka, topics: Topics) -> Cluster:
    """The three topics, none of which takes a record above 10 kB."""
    names = names_of_topics()
    for name in names.values():
        topics.create(name, settings={"max.message.bytes": "10000"})
    return Cluster(kafka.bootstrap_servers, names)


def assert_stub(stored: StoredRecord, *, at_least: int) -> None:
    headers = {name: value.decode() for name, value in stored.headers}
    stub = json.loads(stored.value or b"")
    assert headers["relay-reason"] == "record_too_large"
    assert stub.keys() == {"size", "sha256"}
    assert stub["size"] >= at_least
    assert len(bytes.fromhex(stub["sha256"])) == hashlib.sha256().digest_size


async def test_a_record_over_the_topics_max_message_bytes_is_a_dead_letter_stub_and_the_next_event_works(
    narrow: Cluster,
) -> None:
    async with RelayProcess(narrow.bootstrap_servers, narrow.topics) as relay:
        await relay.ready()

        large = await relay.post(body(item(id="large", body="x" * 20_000)))
        batch = await relay.post(body(item(id="small"), item(id="large-too", body="x" * 20_000), item(id="other")))
        after = await relay.post(body(item(id="after")))
        metrics = await relay.metrics()

        assert (large.status_code, large.json()) == (200, DEAD_LETTERED)
        assert (batch.status_code, batch.json()) == (200, {"accepted": 2, "duplicates": 0, "dead_lettered": 1})
        assert after.json()["accepted"] == 1
        stubs = await read_topic(narrow.bootstrap_servers, narrow.topics["DEAD_LETTER"])
        assert [stub.key for stub in stubs] == [b"large", b"large-too"]
        for stub in stubs:
            assert_stub(stub, at_least=20_000)
        stored = await read_topic(narrow.bootstrap_servers, narrow.topics["STATUS"])
        assert {record.key for record in stored} == {b"small", b"other", b"after"}
        assert 'sofy_relay_dead_letters_total{reason="record_too_large"} 2.0' in metrics


async def test_what_cannot_be_read_and_is_over_the_dead_letter_topics_limit_is_a_stub_of_what_was_received(
    narrow: Cluster,
) -> None:
    received = b"{" + b"x" * 20_000
    async with RelayProcess(narrow.bootstrap_servers, narrow.topics) as relay:
        await relay.ready()

        answer = await relay.post(received)
        after = await relay.post(body(item(id="after")))

        assert (answer.status_code, answer.json()) == (200, DEAD_LETTERED)
        assert after.json()["accepted"] == 1
        (stored,) = await read_topic(narrow.bootstrap_servers, narrow.topics["DEAD_LETTER"])
        assert json.loads(stored.value or b"") == {
            "size": len(received),
            "sha256": hashlib.sha256(received).hexdigest(),
        }
        assert dict(stored.headers)["relay-reason"] == b"invalid_json"


@pytest.fixture
def wide(kafka: Kafka, topics: Topics) -> Cluster:
    """The three topics, which take more than the relay's client may send."""
    names = names_of_topics()
    for name in names.values():
        topics.create(name, settings={"max.message.bytes": str(16 * MAX_RECORD_BYTES)})
    return Cluster(kafka.bootstrap_servers, names)


async def test_a_record_over_the_clients_limit_is_a_dead_letter_stub_and_the_next_event_works(wide: Cluster) -> None:
    # Within the limit of a body, but its record has the id as its key, and in its value and two headers.
    endless = "i" * 900_000
    async with RelayProcess(wide.bootstrap_servers, wide.topics) as relay:
        await relay.ready()

        large = await relay.post(body(item(id=endless)))
        after = await relay.post(body(item(id="after")))

        assert 4 * len(endless) > MAX_RECORD_BYTES
        assert (large.status_code, large.json()) == (200, DEAD_LETTERED)
        assert after.json()["accepted"] == 1
        (stub,) = await read_topic(wide.bootstrap_servers, wide.topics["DEAD_LETTER"])
        assert_stub(stub, at_least=900_000)
        (stored,) = await read_topic(wide.bootstrap_servers, wide.topics["STATUS"])
        assert stored.key == b"after"
