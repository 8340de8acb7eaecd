"""`relay simulate` as a process: against the relay itself, against receivers that fail, and by its REST."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from relay.demo.broker import EmbeddedBroker
from tests.cli.processes import relay, start
from tests.end_to_end.relay_process import SECRET, TOKEN, RelayProcess
from tests.kafka.reader import read_topic
from tests.simulator.receiver import HANG, Receiver, answer

_FREE = ("--listen", "127.0.0.1:0")
_QUICK = (*_FREE, "--time-scale", "0.01", "--json")
_LEDGER = ["sms", "webhooks", "acknowledged", "replays", "discarded"]
_LIMIT_S = 60.0


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    ledger: dict[str, int]
    stderr: str


async def _ended(process: subprocess.Popen[str]) -> Ended:
    stdout, stderr = await asyncio.to_thread(process.communicate, timeout=_LIMIT_S)
    return Ended(process.returncode, json.loads(stdout.splitlines()[-1]) if stdout else {}, stderr)


async def _simulate(*arguments: str) -> Ended:
    return await _ended(start("simulate", *arguments, env={}))


@asynccontextmanager
async def _relay(embedded: EmbeddedBroker) -> AsyncIterator[tuple[RelayProcess, dict[str, str]]]:
    unique = uuid.uuid4().hex[:12]
    topics = {name: f"{unique}.{name.lower()}" for name in ("STATUS", "OTHER", "DEAD_LETTER")}
    for topic in topics.values():
        embedded.create_topic(topic, partitions=3)
    async with RelayProcess(embedded.bootstrap_servers, topics) as serving:
        await serving.ready()
        yield serving, topics


async def _values(embedded: EmbeddedBroker, topic: str) -> list[Any]:
    return [json.loads(record.value or b"null") for record in await read_topic(embedded.bootstrap_servers, topic)]


@pytest.mark.parametrize(
    ("path", "options"),
    [(f"/webhooks/sofy/{TOKEN}", ()), ("/webhooks/sofy/accounts/signed", ("--secret", SECRET))],
    ids=["v1", "v2"],
)
async def test_through_the_relay_every_sms_gets_exactly_one_final_event(
    embedded: EmbeddedBroker, path: str, options: tuple[str, ...]
) -> None:
    async with _relay(embedded) as (serving, topics):
        target = f"http://127.0.0.1:{serving.webhook_port}{path}"
        run = await _simulate("--target", target, "--count", "60", "--rate", "200", *options, *_QUICK)

        events = await _values(embedded, topics["STATUS"])
        assert run.code == 0
        assert list(run.ledger)[:5] == _LEDGER
        assert (run.ledger["sms"], run.ledger["discarded"], run.ledger["replays"]) == (60, 0, 0)
        assert run.ledger["acknowledged"] == run.ledger["webhooks"]
        assert Counter(event["sms_id"] for event in events if event["is_final"]).most_common()[0][1] == 1
        assert len({event["sms_id"] for event in events if event["is_final"]}) == 60
        assert await read_topic(embedded.bootstrap_servers, topics["DEAD_LETTER"]) == []


async def test_with_every_fault_at_once_still_every_sms_gets_its_one_final_event(embedded: EmbeddedBroker) -> None:
    faults = "timeout=0.2,5xx=0.2,duplicate=0.2,reorder=0.3,malformed=0.2"
    async with _relay(embedded) as (serving, topics):
        target = f"http://127.0.0.1:{serving.webhook_port}/webhooks/sofy/{TOKEN}"
        run = await _simulate(
            "--target", target, "--count", "60", "--rate", "200", "--retry-schedule", "1", "--fault", faults, *_QUICK
        )

        finals = {
            event["event_id"]: event["sms_id"]
            for event in await _values(embedded, topics["STATUS"])
            if event["is_final"]
        }
        assert run.code == 0
        assert run.ledger["replays"] > 0
        assert run.ledger["discarded"] == 0
        assert len(finals) == len(set(finals.values())) == 60
        assert await read_topic(embedded.bootstrap_servers, topics["DEAD_LETTER"])


async def test_a_webhook_that_is_always_refused_is_replayed_ten_times_discarded_and_the_exit_is_1() -> None:
    async with Receiver(lambda _: answer(401)) as receiver:
        run = await _simulate(
            "--target", receiver.url, "--count", "3", "--rate", "50", "--retry-schedule", "0", *_QUICK
        )

    assert run.code == 1
    assert run.ledger["acknowledged"] == 0
    assert run.ledger["discarded"] == run.ledger["webhooks"] > 0
    assert run.ledger["replays"] == 10 * run.ledger["webhooks"]
    assert set(Counter(request.body for request in receiver.received).values()) == {11}


async def test_the_same_seed_invents_the_same_sms() -> None:
    bodies = []
    for _ in range(2):
        async with Receiver() as receiver:
            options = ("--count", "5", "--rate", "50", "--seed", "7", *_QUICK)
            await _simulate("--target", receiver.url, *options)
            items = [item for request in receiver.received for item in json.loads(request.body)["data"]]
            bodies.append(sorted((item["id"], item["status"], item["statusReason"]) for item in items))

    assert bodies[0] == bodies[1] != []


async def _rest_of(process: subprocess.Popen[str]) -> str:
    """Give the REST's address, which is the first thing that the process says."""
    assert process.stderr is not None
    line = await asyncio.to_thread(process.stderr.readline)
    found = re.fullmatch(r"Sofy's REST: (http://127\.0\.0\.1:[0-9]+)/docs\n", line)
    assert found is not None, line
    return found[1]


async def test_by_its_rest_a_registration_is_told_of_sms_that_are_sent_until_a_signal_ends_it() -> None:
    process = start("simulate", *_QUICK, env={})
    address = await _rest_of(process)
    keys = {"Authorization": "Bearer sofy_live_1"}
    async with Receiver() as receiver, httpx.AsyncClient(base_url=address, headers=keys, timeout=10) as sofy:
        docs = await sofy.get("/docs")
        await sofy.post("/v2/webhooks", json={"url": receiver.url, "events": ["sms.status"]})
        sms = (await sofy.post("/v2/sms", json={"from": "36789", "to": "33199009902", "body": "Bonjour"})).json()
        async with asyncio.timeout(_LIMIT_S):
            while (await sofy.get(f"/v2/sms/{sms['id']}")).json()["status"] != "errored" or len(receiver.received) < 2:
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        run = await _ended(process)

    assert docs.status_code == 200
    assert (run.code, run.ledger["sms"], run.ledger["webhooks"], run.ledger["acknowledged"]) == (0, 1, 2, 2)
    assert [json.loads(request.body)["data"][0]["statusReason"] for request in receiver.received] == ["", "UNDELIV"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_a_run_without_end_with_its_ledger_in_time(number: signal.Signals) -> None:
    async with Receiver(lambda _: answer(503)) as receiver:
        process = start("simulate", "--target", receiver.url, "--rate", "100", *_QUICK, env={})
        async with asyncio.timeout(_LIMIT_S):
            while not receiver.received:
                await asyncio.sleep(0.02)
        process.send_signal(number)
        run = await _ended(process)

    assert run.code == 0
    assert run.ledger["webhooks"] == run.ledger["abandoned"] > 0


async def test_without_json_the_ledger_is_for_a_person() -> None:
    async with Receiver() as receiver:
        arguments = ("--target", receiver.url, "--count", "3", "--rate", "50", "--time-scale", "0.01", *_FREE)
        done = await asyncio.to_thread(relay, "simulate", *arguments, env={})

    assert [line.split()[0] for line in done.stdout.splitlines()][:5] == _LEDGER
    assert done.stdout.splitlines()[0].split() == ["sms", "3"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--target", "pl4nted"), "--target takes an absolute http or https URL."),
        (("--secret", "pl4nted"), "--secret signs the webhooks to --target"),
        (("--fault", "slow"), "--fault: expected timeout, 5xx, duplicate, reorder, malformed"),
        (("--retry-schedule", "soon"), "--retry-schedule: expected 1 to 10 delays such as 5,10,20"),
        (("--listen", "8090"), "--listen takes HOST:PORT"),
        (("--listen", "127.0.0.1:99999"), "--listen takes HOST:PORT"),
        (("--listen", "192.0.2.1:8090"), "Cannot listen on 192.0.2.1:8090"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_cannot_be_done_is_one_sentence_and_exit_2(arguments: tuple[str, ...], sentence: str) -> None:
    done = relay("simulate", *arguments, env={})

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == 1
    assert "pl4nted" not in done.stderr


def test_an_address_in_use_is_one_sentence_and_exit_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = relay("simulate", "--listen", address, env={})

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"Cannot listen on {address} (address already in use): choose another address with --listen HOST:PORT.\n"
    )


async def test_where_nobody_needs_the_rest_its_usual_address_may_be_in_use() -> None:
    try:
        taken = socket.create_server(("127.0.0.1", 8090))
    except OSError:
        taken = socket.socket()  # somebody else has it, which is as good
    with taken:
        async with Receiver() as receiver:
            run = await _simulate("--target", receiver.url, "--count", "2", "--time-scale", "0", "--json")

    assert run.code == 0
    assert run.stderr.startswith("The REST is not served. Cannot listen on 127.0.0.1:8090")


async def test_neither_token_nor_secret_nor_number_is_ever_shown() -> None:
    async with Receiver(lambda _: answer(503)) as receiver:
        target = receiver.url.replace("/token", "/pl4nted-token").replace("http://", "http://sofy:pl4nted-password@")
        process = start(
            "simulate", "--target", target, "--secret", "pl4nted-secret", "--count", "2", "--retry-schedule", "0",
            "--time-scale", "0", *_FREE, env={},
        )  # fmt: skip
        stdout, stderr = await asyncio.to_thread(process.communicate, timeout=_LIMIT_S)

    numbers = {item["to"] for request in receiver.received for item in json.loads(request.body)["data"]}
    assert process.returncode == 1
    assert not [planted for planted in ("pl4nted", *numbers) if planted in stdout + stderr]


async def test_a_second_signal_skips_the_ledger() -> None:
    async with Receiver(lambda _: HANG) as receiver:
        process = start("simulate", "--target", receiver.url, "--rate", "100", *_QUICK, env={})
        async with asyncio.timeout(_LIMIT_S):
            while not receiver.received:
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        stdout, _ = await asyncio.to_thread(process.communicate, timeout=_LIMIT_S)

    assert (process.returncode, stdout) == (130, "")
