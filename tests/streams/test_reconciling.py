"""The promise: whatever the simulated Sofy discarded, and tells later all the same, no fact has two ids."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relay.events.latest import SmsLatestState
from relay.events.sms_status import SmsStatusEvent
from relay.simulator.attempts import End
from relay.simulator.courses import Version
from relay.simulator.payloads import StatusFact, Webhook
from relay.simulator.poster import Poster
from relay.simulator.registrations import Registration
from relay.simulator.rest import Rest
from relay.simulator.schedule import REPLAYS, ReplaySchedule
from relay.simulator.server import listen, serving
from relay.simulator.sofy import Sofy, Ways
from tests.cli.processes import start
from tests.end_to_end.relay_process import SECRET, TOKEN, RelayProcess
from tests.kafka.choice import Kafka
from tests.kafka.ports import free_ports
from tests.kafka.reader import read_topic
from tests.kafka.topics import Topics
from tests.simulator.watching import Memory
from tests.streams.project_process import ProjectProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PARTITIONS = 3
SMS = 40
IN_V2_ALONE = {"undelivered", "rejected", "failed"}


@dataclass(frozen=True)
class Stage:
    """A Kafka, a Sofy, and the webhooks that it has discarded."""

    servers: str
    topics: dict[str, str]
    sofy_url: str
    version: Version
    discarded: tuple[Webhook, ...]
    folder: Path

    @property
    def account(self) -> str:
        return "default" if self.version is Version.V1 else "signed"

    def relay(self) -> RelayProcess:
        return RelayProcess(self.servers, self.topics)

    def project(self) -> ProjectProcess:
        return ProjectProcess(self.servers, self.topics, RELAY_PROJECTOR__GROUP_ID=f"group-of-{self.topics['LATEST']}")

    async def post(self, relay: RelayProcess, webhooks: Iterable[Webhook]) -> None:
        """Post webhooks as Sofy would have."""
        for webhook in webhooks:
            post = relay.post if self.version is Version.V1 else relay.post_signed
            assert (await post(webhook.body)).status_code == 200

    async def reconcile(self, *options: str) -> list[dict[str, Any]]:
        """Run the command to its end; give what it said of each SMS."""
        settings = {
            "RELAY_KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "RELAY_SOFY__API_URL": self.sofy_url,
            "RELAY_SOFY__API_TOKEN": "sofy_live_anything",
            "RELAY_SOFY__TOKENS": f'["{TOKEN}"]',
            "RELAY_SOFY__ACCOUNTS": f'{{"signed": {{"secrets": ["{SECRET}"]}}}}',
            **{f"RELAY_TOPICS__{name}": topic for name, topic in self.topics.items()},
        }
        process = start("reconcile", "--json", "--rate=1000", f"--account={self.account}", *options, env=settings)
        out, err = await asyncio.to_thread(process.communicate, timeout=60)
        assert process.returncode in {0, 1}, err
        return [json.loads(line) for line in out.splitlines()]

    async def reconcile_all(self) -> list[dict[str, Any]]:
        """Reconcile every SMS of which a webhook was discarded."""
        file = self.folder / "ids"
        file.write_text("\n".join({fact.sms_id for fact in facts_of(self.discarded)}))
        return await self.reconcile("--sms-ids", str(file))

    async def events(self) -> list[SmsStatusEvent]:
        stored = await read_topic(self.servers, self.topics["STATUS"])
        return [SmsStatusEvent.model_validate_json(it.value or b"") for it in stored]

    async def states(self) -> dict[str, SmsLatestState]:
        stored = await read_topic(self.servers, self.topics["LATEST"])
        found = [SmsLatestState.model_validate_json(it.value) for it in stored if it.value is not None]
        return {state.sms_id: state for state in found}


@pytest.fixture(params=Version)
async def stage(request: pytest.FixtureRequest, kafka: Kafka, topics: Topics, tmp_path: Path) -> AsyncIterator[Stage]:
    names = {name: await asyncio.to_thread(topics.create, partitions=PARTITIONS) for name in ("STATUS", "OTHER")}
    names["DEAD_LETTER"] = await asyncio.to_thread(topics.create, partitions=PARTITIONS)
    names["LATEST"] = await asyncio.to_thread(
        topics.create, partitions=PARTITIONS, settings={"cleanup.policy": "compact"}
    )
    ways = Ways(seed=7, time_scale=0.001, schedule=ReplaySchedule((0.0,) * REPLAYS))
    memory, listener = Memory(), listen("127.0.0.1", 0)
    async with AsyncExitStack() as stack:
        sofy = Sofy(await stack.enter_async_context(Poster()), memory, ways, clock=time.time)
        [nobody] = free_ports(1)
        sofy.registrations.add(
            Registration(
                id="a-registration",
                account="target",
                version=request.param,
                url=f"http://127.0.0.1:{nobody}/",
                created_at=sofy.now(),
                secret=None if request.param is Version.V1 else SECRET,
            )
        )
        await stack.enter_async_context(sofy.running())
        await stack.enter_async_context(serving(Rest(sofy).app(), listener))
        await sofy.invent_at(2000, SMS)
        await sofy.engine.idle()
        assert {end for _, end in memory.ends} == {End.DISCARDED}
        yield Stage(
            kafka.bootstrap_servers,
            names,
            f"http://127.0.0.1:{listener.getsockname()[1]}",
            request.param,
            tuple(webhook for webhook, _ in memory.ends),
            tmp_path,
        )


def facts_of(webhooks: Iterable[Webhook]) -> set[StatusFact]:
    return {fact for webhook in webhooks for fact in webhook.facts if isinstance(fact, StatusFact)}


def ids_by_fact(events: Iterable[SmsStatusEvent]) -> dict[tuple[str, str, str], set[str]]:
    """Event ids by SMS, Sofy's word and reason: no simulated SMS comes into a status twice."""
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for event in events:
        found[event.sms_id, event.source.status, event.source.status_reason or ""].add(event.event_id)
    return found


async def test_what_was_discarded_is_published_and_told_later_has_the_same_id(stage: Stage) -> None:
    told = await stage.reconcile_all()
    reconciled = await stage.events()
    async with stage.relay() as relay:
        await relay.ready()
        await stage.post(relay, stage.discarded)
    found = ids_by_fact(await stage.events())
    again = await stage.reconcile_all()

    facts = facts_of(stage.discarded)
    v2_alone = {fact.sms_id for fact in facts if fact.status in IN_V2_ALONE}
    assert {it["sms_id"] for it in told if it["verdict"] == "other_words"} == v2_alone
    assert {it["sms_id"] for it in told if it["verdict"] == "published"} == {fact.sms_id for fact in facts} - v2_alone
    assert len(reconciled) == len({fact.sms_id for fact in facts} - v2_alone) > SMS / 2
    assert found.keys() == {(fact.sms_id, fact.status, fact.reason) for fact in facts}
    assert {len(ids) for ids in found.values()} == {1}
    assert {it["verdict"] for it in again} == {"known"}
    assert len(await stage.events()) == len(reconciled) + sum(len(webhook.facts) for webhook in stage.discarded)


async def test_stuck_sms_become_final_and_a_second_run_finds_none(stage: Stage) -> None:
    sent = [it for it in stage.discarded if {fact.status for fact in facts_of([it])} == {"sent"}]
    stuck = {fact.sms_id for fact in facts_of(sent)}
    async with stage.relay() as relay, stage.project() as projector:
        await relay.ready()
        await projector.ready()
        await stage.post(relay, sent)

        async def all_stand() -> bool:
            return (await stage.states()).keys() == stuck

        await projector.until(all_stand)
        too_young = await stage.reconcile()
        told = await stage.reconcile("--older-than=0")
        published = {it["sms_id"] for it in told if it["verdict"] == "published"}

        async def all_final() -> bool:
            return {state.sms_id for state in (await stage.states()).values() if state.is_final} == published

        await projector.until(all_final)
        again = await stage.reconcile("--older-than=0")
        await stage.post(relay, stage.discarded)

    assert too_young == []
    assert {it["sms_id"] for it in told} == stuck
    assert {it["sms_id"] for it in again} == stuck - published
    assert not any(it["verdict"] == "published" for it in again)
    assert {it["verdict"] for it in told} <= {"published", "other_words"}
    assert len(published) > len(stuck) / 2
    assert {len(ids) for ids in ids_by_fact(await stage.events()).values()} == {1}
