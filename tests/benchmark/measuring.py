"""One measurement: contestants under a load, turn and turn about; what each cost and how it answered."""

import json
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final, Protocol

from tests.benchmark import load as loads
from tests.benchmark.load import Load
from tests.benchmark.machine import Cores
from tests.benchmark.server import Server, python

PER: Final = 10_000
"""CPU is told for so many webhooks."""
_WARM_UP_S: Final = 2.0
_RECIPIENTS_A_RUN: Final = 700_000
"""New recipients of a run are counted from here on: a run sends fewer."""


class NothingAcceptedError(Exception):
    """A server refused everything: a figure of that would say nothing. The text ends with the last that it said."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run showed, or the median of several."""

    cpu_s_per_10k: float
    """CPU seconds of the server's process for 10,000 webhooks that it accepted: the stable figure."""
    webhooks_per_s: float
    """Answered, with whatever status."""
    accepted_per_s: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    not_2xx: float
    """Webhooks refused, timed out or cut off."""
    resident_mib: float

    @property
    def us_per_webhook(self) -> float:
        """CPU microseconds for one accepted webhook."""
        return self.cpu_s_per_10k * 1e6 / PER


class Contestant(Protocol):
    """Something that is measured again and again."""

    @property
    def name(self) -> str:
        """What it is called in tables."""

    def warm_up(self) -> None:
        """Run once, uncounted."""

    def run(self) -> Figures:
        """Run once."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server under one load."""

    name: str
    server: Server
    load: Load
    paths: Sequence[str]
    source: "Source"
    warm_up_s: float = _WARM_UP_S

    def warm_up(self) -> None:
        self._send(self.load.lasting(self.warm_up_s))

    def run(self) -> Figures:
        self.server.rest()
        before = self.server.cpu_s
        answered = self._send(self.load)
        used = self.server.cpu_s - before
        return Figures(
            cpu_s_per_10k=used / max(answered.accepted, 1) * PER,
            webhooks_per_s=answered.requests / answered.seconds,
            accepted_per_s=answered.accepted / answered.seconds,
            p50_ms=answered.p50_ms,
            p99_ms=answered.p99_ms,
            p999_ms=answered.p999_ms,
            not_2xx=answered.not_2xx + answered.timeouts + answered.broken,
            resident_mib=self.server.resident_mib,
        )

    def _send(self, load: Load) -> loads.Answered:
        name, first_recipient = self.source.take()
        answered = loads.run(load, self.server.url, self.paths, name=name, first_recipient=first_recipient)
        if answered.accepted <= 0:
            message = f"{self.name} accepted none of {answered.requests} webhooks; it said:\n{self.server.said}"
            raise NothingAcceptedError(message)
        return answered


@dataclass(slots=True)
class Source:
    """Gives each run SMS ids and new recipients of its own."""

    runs: int = field(default=0, init=False)

    def take(self) -> tuple[str, int]:
        """Give a run's name, and where its new recipients begin."""
        self.runs += 1
        return uuid.uuid4().hex[:10], self.runs * _RECIPIENTS_A_RUN


@dataclass(frozen=True, slots=True)
class BareProducer:
    """The floor of publishing: a process of its own each time, with its own warm-up."""

    servers: str
    topic: str
    size: int
    """Bytes of a record's value."""
    at_once: int
    seconds: float
    cores: Cores
    name: str = "bare producer"

    def warm_up(self) -> None:
        """Nothing: each run has its own."""

    def run(self) -> Figures:
        words = [self.servers, self.topic, str(self.size), str(self.at_once), str(self.seconds)]
        command = python("-m", "tests.benchmark.bare_producer", *words)
        with self.cores.starting_server():
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own arguments only
        said, _ = process.communicate()
        if process.returncode != 0:
            message = f"the bare producer ended with {process.returncode}"
            raise RuntimeError(message)
        told = json.loads(said)
        rate = told["records"] / told["seconds"]
        return Figures(
            cpu_s_per_10k=told["cpu_s"] / told["records"] * PER,
            webhooks_per_s=rate,
            accepted_per_s=rate,
            p50_ms=told["p50_ms"],
            p99_ms=told["p99_ms"],
            p999_ms=told["p999_ms"],
            not_2xx=0,
            resident_mib=told["resident_mib"],
        )


def compare(contestants: Sequence[Contestant], *, runs: int, say: Callable[[str], None]) -> Mapping[str, list[Figures]]:
    """Warm each up, then run all `runs` times; give each one's figures by name, in the order of the rounds.

    Every other round goes backwards, so that a machine that becomes slower or faster meanwhile favours nobody.
    """
    for contestant in contestants:
        contestant.warm_up()
    found: dict[str, list[Figures]] = {contestant.name: [] for contestant in contestants}
    for number in range(runs):
        for contestant in contestants if number % 2 == 0 else reversed(contestants):
            figures = contestant.run()
            found[contestant.name].append(figures)
            say(told(contestant.name, figures))
    return found


def measure(contestant: Contestant, *, runs: int, say: Callable[[str], None]) -> Figures:
    """Give the medians over all runs of one contestant, after its warm-up."""
    return middle(compare([contestant], runs=runs, say=say)[contestant.name])


def middle(figures: Sequence[Figures]) -> Figures:
    """Give the median of each figure."""
    as_told: list[dict[str, Any]] = [asdict(each) for each in figures]
    return Figures(**{name: median(each[name] for each in as_told) for name in as_told[0]})


def told(name: str, figures: Figures) -> str:
    """Give a run's line for the terminal."""
    refused = f"  not 2xx {figures.not_2xx:,.0f}" if figures.not_2xx else ""
    return (
        f"{name:<40} {figures.us_per_webhook:9.1f} us CPU {figures.accepted_per_s:9,.0f}/s"
        f"  p50 {figures.p50_ms:7.2f}  p99 {figures.p99_ms:7.2f}  p99.9 {figures.p999_ms:7.2f} ms{refused}"
    )
