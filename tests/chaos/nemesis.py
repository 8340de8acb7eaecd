"""Carries out a script: breaks brokers, replicas and registrations, one thing at a time, and mends each."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from relay.simulator.sofy import Sofy
from tests.chaos.history import Broken, History
from tests.chaos.replicas import Replica
from tests.chaos.script import Fault, Strike
from tests.kafka.broker import RealBroker
from tests.kafka.cluster import RealCluster


class Nemesis:
    """For one run. Every fault is over when `run` returns, however it ends."""

    def __init__(  # noqa: PLR0913 - what may be broken, each by name
        self,
        *,
        cluster: RealCluster,
        topic: str,
        partitions: int,
        replicas: Sequence[Replica],
        sofy: Sofy,
        history: History,
        say: Callable[[str], None],
    ) -> None:
        """Take what may be broken; `topic` is the one that tells whether every broker is in step again."""
        self._cluster = cluster
        self._topic = topic
        self._partitions = partitions
        self._replicas = replicas
        self._sofy = sofy
        self._history = history
        self._say = say
        self.restarts = {"brokers": 0, "replicas": 0}
        self._ways: dict[Fault, Callable[[Strike], Awaitable[tuple[str, float]]]] = {
            Fault.BROKER_PAUSED: self._pause_broker,
            Fault.BROKER_KILLED: self._kill_broker,
            Fault.BROKERS_ROLLED: self._roll_brokers,
            Fault.LEADERS_MOVED: self._move_leaders,
            Fault.RELAY_KILLED: self._kill_replica,
            Fault.RELAY_ROLLED: self._roll_replicas,
            Fault.RELAY_PAUSED: self._pause_replica,
            Fault.REPLAY_STORM: self._stop_all_replicas,
            Fault.REGISTERED_TWICE: self._register_twice,
        }

    async def run(self, strikes: Sequence[Strike], quiet_s: float) -> None:
        """Strike as the script says, each fault `quiet_s` after the end of the one before at the earliest."""
        start, free = time.monotonic(), 0.0
        for strike in strikes:
            await asyncio.sleep(max(0.0, max(start + strike.at_s, free) - time.monotonic()))
            began = time.monotonic()
            self._say(f"{began - start:6.1f} s  {strike.fault.value} for {strike.for_s:g} s")
            what, mended = await self._ways[strike.fault](strike)
            free = time.monotonic() + quiet_s
            self._history.broken.append(Broken(strike.fault, what, began, mended))

    # Kafka

    async def _pause_broker(self, strike: Strike) -> tuple[str, float]:
        broker = self._broker(strike)
        await asyncio.to_thread(broker.pause)
        try:
            await asyncio.sleep(strike.for_s)
        finally:
            await asyncio.to_thread(broker.resume)
        mended = time.monotonic()  # that Kafka then brings its replicas into step is its own affair
        await self._in_step()
        return self._named(broker), mended

    async def _kill_broker(self, strike: Strike) -> tuple[str, float]:
        broker = self._broker(strike)
        await asyncio.to_thread(broker.kill)
        try:
            await asyncio.sleep(strike.for_s)
        finally:
            await asyncio.to_thread(broker.start)
        self.restarts["brokers"] += 1
        mended = time.monotonic()  # that Kafka then brings its replicas into step is its own affair
        await self._in_step()
        return self._named(broker), mended

    async def _roll_brokers(self, strike: Strike) -> tuple[str, float]:
        del strike
        for broker in self._cluster.nodes:
            await asyncio.to_thread(broker.restart)
            self.restarts["brokers"] += 1
            await self._in_step()
        await self._prefer()
        return "all brokers", time.monotonic()

    async def _move_leaders(self, strike: Strike) -> tuple[str, float]:
        """In order, by stopping and starting their broker, and back again."""
        broker = self._broker(strike)
        await asyncio.to_thread(broker.restart)
        self.restarts["brokers"] += 1
        await self._in_step()
        await self._prefer()
        return self._named(broker), time.monotonic()

    async def _in_step(self) -> None:
        """Wait until every replica of every partition is in sync: the next broker may then fail."""
        nodes = len(self._cluster.nodes)
        for partition in range(self._partitions):
            await asyncio.to_thread(self._cluster.until_in_sync, self._topic, partition, replicas=nodes)

    async def _prefer(self) -> None:
        for partition in range(self._partitions):
            await asyncio.to_thread(self._cluster.elect_preferred, self._topic, partition)

    def _broker(self, strike: Strike) -> RealBroker:
        return self._cluster.nodes[strike.target % len(self._cluster.nodes)]

    def _named(self, broker: RealBroker) -> str:
        return f"broker {self._cluster.nodes.index(broker) + 1}"

    # Replicas

    async def _kill_replica(self, strike: Strike) -> tuple[str, float]:
        replica = self._replica(strike)
        what = replica.place
        await replica.kill()
        self.restarts["replicas"] += 1
        return what, time.monotonic()

    async def _roll_replicas(self, strike: Strike) -> tuple[str, float]:
        del strike
        for replica in self._replicas:
            await replica.roll()
            self.restarts["replicas"] += 1
        return "all replicas", time.monotonic()

    async def _pause_replica(self, strike: Strike) -> tuple[str, float]:
        replica = self._replica(strike)
        async with replica.paused():
            await asyncio.sleep(strike.for_s)
        return replica.place, time.monotonic()

    async def _stop_all_replicas(self, strike: Strike) -> tuple[str, float]:
        async with AsyncExitStack() as stack:
            for replica in self._replicas:
                await stack.enter_async_context(replica.paused())
            await asyncio.sleep(strike.for_s)
        return "all replicas", time.monotonic()

    def _replica(self, strike: Strike) -> Replica:
        return self._replicas[strike.target % len(self._replicas)]

    # Sofy

    async def _register_twice(self, strike: Strike) -> tuple[str, float]:
        async with self._another_registration():
            await asyncio.sleep(strike.for_s)
        return "a registration", time.monotonic()

    @asynccontextmanager
    async def _another_registration(self) -> AsyncIterator[None]:
        registrations = self._sofy.registrations
        [first, *_] = next(iter(registrations.listening().values()))
        second = dataclasses.replace(first, id=self._sofy.new_id())
        registrations.add(second)
        try:
            yield
        finally:
            registrations.remove(second)
