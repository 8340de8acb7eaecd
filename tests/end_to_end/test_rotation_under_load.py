"""`relay webhooks rotate` while Sofy posts: no webhook is refused, no fact lost, the old secret of no more use."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from relay.simulator.poster import Poster
from relay.simulator.rest import Rest
from relay.simulator.server import listen, serving
from relay.simulator.sofy import Sofy, Ways
from relay.sofy.api.keys import ApiVersion
from tests.cli.processes import environment
from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.reader import read_topic
from tests.simulator.watching import Memory

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.parametrize("cluster", ["real"], indirect=True)]

RATE = 60.0
OVERLAP_S = 2.0
"""Longer than any life here: the simulator tells an SMS to those alone who were registered when it was sent."""
TIME_SCALE = 0.01
OLD, NEW = "tok-of-before-4711", "tok-of-after-0815"
KEYS = {
    ApiVersion.V1: {"RELAY_SOFY__API_KEY_ID": "a-location", "RELAY_SOFY__API_KEY_SECRET": "key-4711"},
    ApiVersion.V2: {"RELAY_SOFY__API_TOKEN": "sofy_live_4711"},
}
HEADERS = {
    ApiVersion.V1: {"X-API-KEY-ID": "a-location", "X-API-KEY-SECRET": "key-4711"},
    ApiVersion.V2: {"Authorization": "Bearer sofy_live_4711"},
}


@dataclass
class Simulated:
    """A Sofy that posts without a pause, and everything that came of it."""

    sofy: Sofy
    memory: Memory
    address: str

    async def register(self, version: ApiVersion, url: str) -> dict[str, str]:
        async with (
            aiohttp.ClientSession(headers=HEADERS[version]) as session,
            session.post(f"{self.address}/{version}/webhooks", json={"url": url, "events": ["sms.status"]}) as made,
        ):
            found: dict[str, str] = await made.json()
        return found

    async def registered(self, version: ApiVersion) -> list[str]:
        async with (
            aiohttp.ClientSession(headers=HEADERS[version]) as session,
            session.get(f"{self.address}/{version}/webhooks") as listed,
        ):
            return [each["id"] for each in await listed.json()]

    async def told(self, more: int) -> None:
        """Wait until so many more webhooks were posted."""
        wanted = len(self.memory.attempts) + more
        async with asyncio.timeout(60):
            while len(self.memory.attempts) < wanted:
                await asyncio.sleep(0.05)

    def not_believed(self) -> list[int | None]:
        return [each.status for each in self.memory.attempts if not each.acknowledged]

    def facts(self) -> set[tuple[str, str, str]]:
        """Everything that happened to every SMS."""
        return {
            (sms.id, change.status, change.reason)
            for life in self.memory.lives
            for sms in life.sms
            for change in life.changes
        }


@asynccontextmanager
async def simulated() -> AsyncIterator[Simulated]:
    listener = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    memory = Memory()
    async with Poster() as poster:
        sofy = Sofy(poster, memory, Ways(time_scale=TIME_SCALE), clock=time.time)
        async with sofy.running(), serving(Rest(sofy).app(), listener):
            yield Simulated(sofy, memory, address)


@asynccontextmanager
async def under_load(it: Simulated) -> AsyncIterator[None]:
    """Send SMS while the context is entered; every webhook has ended when it is left."""
    sending = asyncio.create_task(it.sofy.invent_at(RATE))
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        async with asyncio.timeout(30):
            await it.sofy.engine.idle()


async def rotated(*arguments: str, env: dict[str, str]) -> tuple[int | None, str]:
    """Run the command to its end beside all else; give its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "relay",
        "webhooks",
        "rotate",
        *arguments,
        f"--overlap={OVERLAP_S}",
        env=environment(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(), 90)
    assert stdout == b""
    return process.returncode, stderr.decode()


async def published(cluster: Cluster) -> set[tuple[str, str, str]]:
    values = [
        json.loads(it.value or b"") for it in await read_topic(cluster.bootstrap_servers, cluster.topics["STATUS"])
    ]
    return {(it["sms_id"], it["source"]["status"], it["source"]["status_reason"]) for it in values}


async def refused(relay: RelayProcess) -> float:
    found = re.findall(r'^sofy_relay_webhooks_total{.*outcome="refused".*} (\S+)$', await relay.metrics(), re.MULTILINE)
    return sum(map(float, found))


def following(cluster: Cluster, credentials: Path, setting: str) -> RelayProcess:
    relay = RelayProcess(cluster.bootstrap_servers, cluster.topics, **{f"{setting}_FILE": str(credentials)})
    for name in ("RELAY_SOFY__TOKENS", "RELAY_SOFY__ACCOUNTS"):
        del relay.environment[name]
    return relay


async def test_a_secret_of_v2_is_rotated_without_a_refusal_or_a_loss(cluster: Cluster, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text('["none yet"]')
    secrets.chmod(0o640)
    async with simulated() as it, following(cluster, secrets, "RELAY_SOFY__SECRETS") as relay:
        await relay.ready()
        url = f"http://127.0.0.1:{relay.webhook_port}/webhooks/sofy"
        before = await it.register(ApiVersion.V2, url)
        secrets.write_text(json.dumps([before["secret"]]))
        await relay.logged("were read again")
        env = {**KEYS[ApiVersion.V2], "RELAY_SOFY__API_URL": it.address}

        async with under_load(it):
            await it.told(100)
            status, said = await rotated(url, f"--add-to={secrets}", env=env)
            await it.told(100)
            kept = json.loads(secrets.read_text())
            secrets.write_text(json.dumps(kept[1:]))
            await relay.logged("were read again", times=3)
            await it.told(100)

        assert (status, kept[0], len(kept)) == (0, before["secret"], 2), said
        assert secrets.stat().st_mode & 0o777 == 0o640
        assert (it.not_believed(), await refused(relay)) == ([], 0)
        assert it.facts() - await published(cluster) == set()
        assert before["id"] not in (now := await it.registered(ApiVersion.V2))
        assert len(now) == 1
        assert not any(secret in said + relay.log() for secret in kept)


async def test_a_token_of_v1_is_rotated_without_a_refusal_or_a_loss(cluster: Cluster, tmp_path: Path) -> None:
    tokens, token = tmp_path / "tokens", tmp_path / "token"
    tokens.write_text(json.dumps([OLD]))
    token.write_text(f"{NEW}\n")
    async with simulated() as it, following(cluster, tokens, "RELAY_SOFY__TOKENS") as relay:
        await relay.ready()
        url = f"http://127.0.0.1:{relay.webhook_port}/webhooks/sofy"
        before = await it.register(ApiVersion.V1, f"{url}/{OLD}")
        env = {**KEYS[ApiVersion.V1], "RELAY_SOFY__API_URL": it.address}

        async with under_load(it):
            await it.told(100)
            status, said = await rotated(url, f"--token-file={token}", f"--add-to={tokens}", env=env)
            await it.told(100)
            kept = json.loads(tokens.read_text())
            tokens.write_text(json.dumps([NEW]))
            await relay.logged("were read again", times=2)
            await it.told(100)

        assert (status, kept) == (0, [OLD, NEW]), said
        assert (it.not_believed(), await refused(relay)) == ([], 0)
        assert it.facts() - await published(cluster) == set()
        assert before["id"] not in (now := await it.registered(ApiVersion.V1))
        assert len(now) == 1
        assert not any(secret in said + relay.log() for secret in kept)
