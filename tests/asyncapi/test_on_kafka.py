"""Whoever knows nothing but the document finds the topics, and understands every record on them."""

import asyncio
import json
from typing import Any

import pytest

from relay.asyncapi_settings import default_asyncapi_json
from relay.events.record import Destination
from tests.asyncapi.reading import faults
from tests.end_to_end.relay_process import RelayProcess
from tests.events.on_kafka import DEAD_LETTERS, LATEST, OTHERS, STATUSES, TOMBSTONES, Stored, stored
from tests.kafka.choice import Kafka
from tests.kafka.reader import StoredRecord, read_topic
from tests.kafka.topics import Topics
from tests.sofy.payloads import body, item
from tests.streams.project_process import ProjectProcess

pytestmark = pytest.mark.kafka

DOCUMENT: dict[str, Any] = json.loads(default_asyncapi_json())
MESSAGES = {
    Destination.STATUS: "smsStatus",
    Destination.OTHER: "webhookOther",
    Destination.DEAD_LETTER: "deadLetter",
    Destination.LATEST: "smsLatest",
}


def message_of(record: Stored) -> str:
    return "smsErased" if record.written.is_tombstone else MESSAGES[record.written.destination]


def faults_of(document: dict[str, Any], message: str, record: StoredRecord) -> list[str]:
    headers = {name: value.decode() for name, value in record.headers}
    key = None if record.key is None else record.key.decode()
    value = record.value if headers["content-type"] == "application/json" or record.value is None else b"null"
    return faults(document, message, key=key, headers=headers, value=value)


async def test_every_kind_of_record_in_kafka_is_as_the_document_says(kafka: Kafka, topics: Topics) -> None:
    records = await stored(kafka, topics, [*STATUSES, *OTHERS, *LATEST, *TOMBSTONES, *DEAD_LETTERS])

    assert {message_of(record) for record in records} == DOCUMENT["components"]["messages"].keys()
    for record in records:
        assert not faults_of(DOCUMENT, message_of(record), record.read)


async def test_the_admin_ports_of_relay_and_projector_serve_the_document_of_their_topics(
    kafka: Kafka, topics: Topics
) -> None:
    names = {
        name: await asyncio.to_thread(topics.create, topics.unused_name())
        for name in ("STATUS", "OTHER", "DEAD_LETTER", "LATEST")
    }
    async with (
        RelayProcess(kafka.bootstrap_servers, names) as relay,
        ProjectProcess(kafka.bootstrap_servers, names) as projector,
    ):
        await relay.ready()
        await relay.post(body(item(id="sms"), item(id="bad", status=None)))
        await relay.post(body(type="sms.reply", data={"id": "r1"}))

        answer = await relay.admin.get("/asyncapi.json")
        document = answer.json()
        addresses = {name: channel["address"] for name, channel in document["channels"].items()}

        async def projected() -> bool:
            return bool(await read_topic(kafka.bootstrap_servers, addresses["smsLatest"]))

        await projector.until(projected, 60)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.content == (await projector.admin.get("/asyncapi.json")).content
        assert addresses == {
            "smsStatus": names["STATUS"],
            "webhookOther": names["OTHER"],
            "deadLetter": names["DEAD_LETTER"],
            "smsLatest": names["LATEST"],
        }
        for channel, address in addresses.items():
            (record,) = await read_topic(kafka.bootstrap_servers, address)
            assert not faults_of(document, channel, record)
