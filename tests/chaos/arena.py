"""One run: three brokers, two replicas, a Sofy that keeps its retry rule, a nemesis; then everything is judged."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from relay.demo.facts import fact_of_status_record, letter_fact
from relay.simulator.courses import Version
from relay.simulator.faults import Fault as SofyFault
from relay.simulator.registrations import Registration
from relay.simulator.schedule import REPLAYS, ReplaySchedule
from relay.simulator.sofy import Sofy, Ways
from tests.chaos.checker import RECOVERED_WITHIN_S, Process, Run, Stored, Verdict, check
from tests.chaos.history import History
from tests.chaos.ledger import Circumstances, Ledger, settle
from tests.chaos.nemesis import Nemesis
from tests.chaos.replicas import Replica, Service, replicas, service_url
from tests.chaos.script import QUIET_S, Fault, Strike, mixed, repeated
from tests.chaos.watch import Machine, OwnDelay, Seen, Watch, lag_p99_s
from tests.end_to_end.relay_process import SECRET, RelayProcess
from tests.kafka.broker import QUICK_FAULTS
from tests.kafka.cluster import RealCluster, local_cluster
from tests.kafka.reader import StoredRecord, read_topic
from tests.kafka.topics import Topics

_ACCOUNT: Final = "signed"
_PARTITIONS: Final = 6
_TOPICS: Final = {"STATUS": "chaos.status", "OTHER": "chaos.other", "DEAD_LETTER": "chaos.dead-letter"}
_REPLICAS: Final = 2
_CONNECTIONS: Final = 1_000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0
_LAST_LOOK_S: Final = RECOVERED_WITHIN_S + 3.0
"""For so long SMS are still sent after the last fault, to see that it is recovered from."""
_END_WITHIN_S: Final = 120.0
_READ_WITHIN_S: Final = 120.0
_MISHAPS: Final = {
    SofyFault.DUPLICATE: 0.03,
    SofyFault.REORDER: 0.02,
    SofyFault.MALFORMED: 0.02,
    SofyFault.TIMEOUT: 0.01,
    SofyFault.SERVER_ERROR: 0.01,
}


class Scenario(StrEnum):
    """What the nemesis does."""

    MIXED = "mixed"
    KILLS = "kills"
    ROLLING = "rolling"


class Timeouts(StrEnum):
    """After how long the brokers take one of them for dead, or for lagging."""

    QUICK = "quick"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks of a run."""

    seed: int = 1
    minutes: float = 1.0
    """Of faults; of a scenario other than `mixed` it is not asked for."""
    rate: float = 60.0
    """SMS a second, of about two webhooks each."""
    scenario: Scenario = Scenario.MIXED
    times: int = 100
    """How often `kills` or `rolling` strikes."""
    timeouts: Timeouts = Timeouts.QUICK
    history: Path | None = None

    @property
    def script(self) -> list[Strike]:
        """What is broken when."""
        if self.scenario is Scenario.KILLS:
            return repeated(Fault.RELAY_KILLED, self.times)
        if self.scenario is Scenario.ROLLING:
            return repeated(Fault.RELAY_ROLLED, self.times)
        return mixed(self.seed, self.minutes * 60)


@dataclass(frozen=True, slots=True)
class Result:
    """How it ended."""

    ledger: Ledger
    verdicts: Sequence[Verdict] = field(default=())


async def run(order: Order, say: Callable[[str], None]) -> Result:
    """Carry out an order to its end and judge it; `say` is given a line about whatever happens.

    Raises:
        KafkaUnavailableError: no Kafka can be had.
    """
    say("starting three brokers")
    with local_cluster(properties=QUICK_FAULTS if order.timeouts is Timeouts.QUICK else {}) as cluster:
        topics = Topics(cluster.bootstrap_servers)
        for name in _TOPICS.values():
            await asyncio.to_thread(
                topics.create, name, partitions=_PARTITIONS, replicas=3, settings={"min.insync.replicas": "2"}
            )
        return await _Arena(order, cluster, say).play()


class _Arena:
    def __init__(self, order: Order, cluster: RealCluster, say: Callable[[str], None]) -> None:
        self._order = order
        self._cluster = cluster
        self._say = say
        self._own = OwnDelay()
        self._machine = Machine()

    async def play(self) -> Result:
        members: list[Replica] = []
        service = Service(members, connections=_CONNECTIONS)
        history = History(
            clock=time.monotonic,
            place=lambda: service.place,
            answer=lambda: service.answer,
            own=self._own.between,
        )
        async with replicas(_REPLICAS, self._process, history) as made, service:
            members += made
            watch = Watch(members)
            sofy = Sofy(service, history, self._ways(), clock=time.time)
            sofy.registrations.add(_registration(sofy))
            async with sofy.running(), _background(self._own.watch()), _background(watch.watch()):
                nemesis = self._nemesis(members, sofy, history)
                async with _background(sofy.invent_at(self._order.rate)):
                    await nemesis.run(self._order.script, QUIET_S if self._order.scenario is Scenario.MIXED else 0.0)
                    await asyncio.sleep(_LAST_LOOK_S)
                self._say("nothing is broken any more: waiting for the last replay")
                await sofy.engine.finish(_END_WITHIN_S)
                await watch.look()
            history.close()
            for replica in members:
                await replica.end()
            return await self._judge(history, members, watch, nemesis)

    def _process(self) -> RelayProcess:
        return RelayProcess(
            self._cluster.bootstrap_servers,
            _TOPICS,
            RELAY_TOPICS__PARTITIONS=str(_PARTITIONS),
            RELAY_LOG__LEVEL="warning",
        )

    def _ways(self) -> Ways:
        pauses = tuple(min(_FIRST_PAUSE_S * 2**number, _LONGEST_PAUSE_S) for number in range(REPLAYS))
        return Ways(
            seed=self._order.seed,
            time_scale=0.05,
            schedule=ReplaySchedule(pauses),
            faults=_MISHAPS,
            most_outstanding=100_000,
        )

    def _nemesis(self, members: Sequence[Replica], sofy: Sofy, history: History) -> Nemesis:
        return Nemesis(
            cluster=self._cluster,
            topic=_TOPICS["STATUS"],
            partitions=_PARTITIONS,
            replicas=members,
            sofy=sofy,
            history=history,
            say=self._say,
        )

    async def _judge(self, history: History, members: Sequence[Replica], watch: Watch, nemesis: Nemesis) -> Result:
        self._say("reading the topics to their end")
        records = {
            name: await read_topic(self._cluster.bootstrap_servers, topic, within_s=_READ_WITHIN_S)
            for name, topic in _TOPICS.items()
        }
        if self._order.history is not None:
            history.dump(self._order.history)
        last = {replica.place for replica in members}
        tracebacks = {replica.place: replica.process.log().count("Traceback") for replica in members}
        processes = [
            _process(place, seen, place in last, tracebacks.get(place, 0)) for place, seen in watch.seen.items()
        ]
        judged = Run(
            tried=history.tried,
            broken=history.broken,
            out=history.out,
            inputs=history.inputs,
            stored=_stored(records),
            processes=processes,
            replicas=_REPLICAS,
            exits=[one for replica in members for one in replica.exits],
            cut_off=history.unended,
            loop_lag_p99_s=lag_p99_s(watch.seen.values(), [(it.since, it.until) for it in history.broken]),
        )
        verdicts = check(judged)
        told = Circumstances(
            seed=self._order.seed,
            minutes=self._order.minutes if self._order.scenario is Scenario.MIXED else 0.0,
            scenario=self._order.scenario,
            timeouts=self._order.timeouts,
            discarded=history.discarded,
            late=int(sum(seen.last.get("sofy_relay_late_acknowledgements_total", 0.0) for seen in watch.seen.values())),
            broker_restarts=nemesis.restarts["brokers"],
            replica_restarts=nemesis.restarts["replicas"],
            machine=self._machine.report(),
        )
        return Result(settle(judged, verdicts, told), verdicts)


def _registration(sofy: Sofy) -> Registration:
    """Signed webhooks: their account tells the records' facts from anything else's."""
    return Registration(
        id=sofy.new_id(),
        account=_ACCOUNT,
        version=Version.V2,
        url=service_url(f"/webhooks/sofy/accounts/{_ACCOUNT}"),
        created_at=datetime.now(UTC),
        secret=SECRET,
    )


def _stored(records: dict[str, list[StoredRecord]]) -> list[Stored]:
    found = []
    for name, of_topic in records.items():
        for record in of_topic:
            headers = {key: value.decode(errors="replace") for key, value in record.headers}
            if name == "STATUS":
                fact = fact_of_status_record(record.value or b"")
            else:
                fact = letter_fact(headers.get("relay-account", ""), record.value or b"")
            id_ = headers.get("ce_id") or headers.get("relay-id", "")
            found.append(
                Stored(fact, id_, record.partition, record.offset, record.timestamp_ms, is_status=name == "STATUS")
            )
    return found


def _process(place: str, seen: Seen, is_last: bool, tracebacks: int) -> Process:
    def total(name: str) -> float:
        return sum(value for series, value in seen.last.items() if series.startswith(name))

    return Process(
        place=place,
        memory=seen.highest_memory,
        open_files=seen.highest_open_files,
        new_series=frozenset(seen.last) - seen.first,
        received=total("sofy_relay_events_received_total"),
        settled=total("sofy_relay_events_total"),
        accepted=sum(
            value
            for series, value in seen.last.items()
            if series.startswith("sofy_relay_webhooks_total") and 'outcome="accepted"' in series
        ),
        complete=is_last,
        tracebacks=tracebacks,
    )


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
