"""`relay serve` as a process: signed webhooks in, records out, as a plain Kafka client reads them."""

import json
import signal
from datetime import datetime
from typing import Any

import pytest
from aiokafka.partitioner import murmur2

from relay.events import Status
from relay.events.schemas import documents
from tests.end_to_end.conftest import PARTITIONS, Cluster
from tests.end_to_end.relay_process import SECRET, TOKEN, RelayProcess
from tests.kafka.reader import StoredRecord, read_topic
from tests.sofy.payloads import SAMPLES, body, item, sample

GOLDEN = {
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "errored-expired": Status.EXPIRED,
    "errored-invalid-phone-number": Status.FAILED,
}
"""The provider's samples whose event stands in `schemas/` as a golden example."""


async def records(cluster: Cluster, name: str = "STATUS") -> list[StoredRecord]:
    return await read_topic(cluster.bootstrap_servers, cluster.topics[name])


def headers_of(record: StoredRecord) -> dict[str, str]:
    assert len({name for name, _ in record.headers}) == len(record.headers)
    return {name: value.decode() for name, value in record.headers}


def shown(record: StoredRecord) -> dict[str, Any]:
    """Give a record as the golden examples show it, without the time of its reception."""
    assert record.key is not None
    assert record.value is not None
    value = json.loads(record.value)
    assert record.timestamp_ms == round(_milliseconds(value.pop("received_at")))
    return {"key": record.key.decode(), "headers": headers_of(record), "value": value}


def _milliseconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000


async def test_each_sample_is_answered_200_and_becomes_the_record_of_the_golden_example(cluster: Cluster) -> None:
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()

        answers = {name: await relay.post(sample(name)) for name in SAMPLES}

        assert {answer.status_code for answer in answers.values()} == {200}
        assert all(answer.json() == {"accepted": 1, "duplicates": 0, "dead_lettered": 0} for answer in answers.values())
        stored = [shown(record) for record in await records(cluster)]
        assert len(stored) == len(SAMPLES)
        for name, status in GOLDEN.items():
            golden = json.loads(documents()[f"sms-status/examples/{status}.json"])
            del golden["timestamp"], golden["value"]["received_at"]
            if name == "errored-invalid-phone-number":
                golden["value"]["price"] = "0"  # Sofy charges nothing for it
            assert golden in stored


async def test_the_same_sample_again_is_a_duplicate_and_adds_no_record(cluster: Cluster) -> None:
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()

        for name in SAMPLES:
            await relay.post(sample(name))
        again = [await relay.post(sample(name)) for name in SAMPLES]

        assert [answer.json() for answer in again] == [{"accepted": 0, "duplicates": 1, "dead_lettered": 0}] * 5
        assert len(await records(cluster)) == len(SAMPLES)


async def test_records_lie_in_the_partition_that_javas_partitioner_gives_their_key(cluster: Cluster) -> None:
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()

        await relay.post(body(*(item(id=f"sms-{number}") for number in range(200))))

        stored = await records(cluster)
        assert len(stored) == 200
        for record in stored:
            assert record.key is not None
            assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS
        assert len({record.partition for record in stored}) == PARTITIONS


async def test_a_signed_webhook_of_another_account_is_published_with_its_name_and_trace(cluster: Cluster) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()

        answer = await relay.post_signed(sample("sent"), traceparent=trace)
        wrong = await relay.post_signed(sample("sent"), secret="not-it")
        unsigned = await relay.post(sample("sent"), "/webhooks/sofy/accounts/signed")

        assert answer.status_code == 200
        assert (wrong.status_code, wrong.json()) == (401, {"error": "invalid_signature"})
        assert (unsigned.status_code, unsigned.json()) == (401, {"error": "missing_signature"})
        (record,) = await records(cluster)
        headers = headers_of(record)
        assert headers["ce_source"] == "/sofy/signed"
        assert headers["traceparent"] == trace
        assert json.loads(record.value or b"")["source"]["account"] == "signed"


async def test_what_cannot_be_read_lies_on_the_dead_letter_topic_with_its_bytes_and_reason(cluster: Cluster) -> None:
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()

        whole = await relay.post(b"\xff not JSON")
        again = await relay.post(b"\xff not JSON")
        part = await relay.post(body(item(id="good"), item(id="bad", status=None)))

        assert whole.json() == {"accepted": 0, "duplicates": 0, "dead_lettered": 1}
        assert again.json() == {"accepted": 0, "duplicates": 1, "dead_lettered": 0}
        assert part.json() == {"accepted": 1, "duplicates": 0, "dead_lettered": 1}
        letters = {headers_of(record)["relay-reason"]: record for record in await records(cluster, "DEAD_LETTER")}
        assert set(letters) == {"invalid_json", "missing_status"}
        assert letters["invalid_json"].value == b"\xff not JSON"
        assert letters["invalid_json"].key is None
        assert letters["missing_status"].key == b"bad"
        assert json.loads(letters["missing_status"].value or b"")["data"] == [item(id="bad", status=None)]
        assert {
            "relay-id",
            "relay-detail",
            "relay-account",
            "relay-received-at",
            "relay-schema",
            "content-type",
        } <= set(headers_of(letters["invalid_json"]))


async def test_another_event_type_lies_on_the_other_topic_as_received(cluster: Cluster) -> None:
    payload = body(type="sms.reply", data={"id": "r1", "text": "STOP"})
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()

        answer = await relay.post(payload)

        assert answer.json() == {"accepted": 1, "duplicates": 0, "dead_lettered": 0}
        (record,) = await records(cluster, "OTHER")
        assert (record.key, record.value) == (b"r1", payload)
        assert headers_of(record)["ce_type"] == "fr.sofy.sms.reply"


PLANTED = {
    "number": "590690112233",
    "text": "Planted one-time code 271828",
    "sender": "33612345678",
}


async def test_no_number_text_token_or_secret_reaches_logs_metrics_or_answers(cluster: Cluster) -> None:
    personal = item(to=PLANTED["number"], body=PLANTED["text"], **{"from": PLANTED["sender"]})
    payloads = [
        body(personal),
        body(personal, {**personal, "status": None}),
        body({**personal, "price": PLANTED["number"], "parts": PLANTED["text"]}),
        body(personal, type="sms.reply"),
        body(personal)[:-9],
        body(personal, id=PLANTED["number"], type=PLANTED["text"]),
    ]
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics, RELAY_LOG__LEVEL="debug") as relay:
        await relay.ready()

        answers = [await relay.post(payload) for payload in payloads]
        answers += [await relay.post_signed(payload) for payload in payloads]
        answers += [await relay.post(payloads[0], f"/webhooks/sofy/{PLANTED['number']}")]
        answers += [await relay.post_signed(payloads[0], secret="planted-wrong-secret")]
        shown_to_others = "".join(answer.text for answer in answers) + await relay.metrics()
        shown_to_others += (await relay.admin.get("/readyz")).text
        relay.signal(signal.SIGTERM)
        assert await relay.exit_status(20) == 0

        for planted in (*PLANTED.values(), TOKEN, SECRET, "planted-wrong-secret"):
            assert planted not in shown_to_others
            assert planted not in relay.log()


async def test_what_was_received_is_accounted_for(cluster: Cluster) -> None:
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()
        for payload in (body(item(), item(), item(id="b")), body(), b"{", body(type="x"), body(item(status="new?"))):
            await relay.post(payload)

        metrics = await relay.metrics()

        def total(name: str) -> float:
            lines = [line for line in metrics.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
            return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

        assert total("sofy_relay_events_received_total") == total("sofy_relay_events_total") == 7
        assert total("sofy_relay_events_published_total") == 5
        assert total("sofy_relay_duplicates_total") == 2
        assert total("sofy_relay_unknown_statuses_total") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_status_0(cluster: Cluster, number: signal.Signals) -> None:
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics) as relay:
        await relay.ready()

        relay.signal(number)

        assert await relay.exit_status(20) == 0
        assert "Traceback" not in relay.log()
