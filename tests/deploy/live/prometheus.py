"""A real Prometheus as a child process: it scrapes what it is told to, every second, by the rules of `deploy/`."""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from tests.child import ChildServer
from tests.kafka.ports import free_ports

READY_WITHIN_S = 60.0
"""Starting takes about a second: this is for a crowded machine."""
_POLL_S = 0.05


@dataclass(frozen=True)
class Target:
    """One port on 127.0.0.1 that is scraped, and the labels that its series get."""

    port: int
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What a query gave: the finite values, each with its labels."""

    values: tuple[tuple[Mapping[str, str], float], ...]

    def __bool__(self) -> bool:
        return bool(self.values)

    @property
    def greatest(self) -> float:
        return max((value for _, value in self.values), default=math.nan)


class PrometheusServer(ChildServer):
    """One server on 127.0.0.1, with a database of its own that `close` removes. Its queries block for milliseconds."""

    def __init__(self, program: Path, targets: Sequence[Target], rules: Sequence[Path]) -> None:
        super().__init__("prometheus")
        self._program = program
        (port,) = free_ports(1)
        self._address = f"127.0.0.1:{port}"
        self._client = httpx.Client(base_url=f"http://{self._address}/api/v1", timeout=10)
        self._config = self._folder / "prometheus.yaml"
        self._config.write_text(yaml.safe_dump(_config(targets, rules)))

    def start(self) -> None:
        """Start it, and wait until it answers queries."""
        process = self._spawn(
            [
                str(self._program),
                f"--config.file={self._config}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--web.listen-address={self._address}",
            ]
        )
        end = time.monotonic() + READY_WITHIN_S
        while not self._ready():
            assert process.poll() is None, self._output.read_text()
            assert time.monotonic() < end, self._output.read_text()
            time.sleep(_POLL_S)

    def close(self) -> None:
        super().close()
        self._client.close()

    def query(self, expression: str) -> Answer:
        """Ask for the value now of an expression that gives a vector or a number. NaN and infinity are no values.

        Raises:
            ValueError: Prometheus does not take the expression; the text says why.
        """
        response = self._client.get("/query", params={"query": expression}).json()
        if response["status"] != "success":
            message = f"{expression}: {response['error']}"
            raise ValueError(message)
        data = response["data"]
        rows = [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else data["result"]
        found = ((row["metric"], float(row["value"][1])) for row in rows)
        return Answer(tuple((labels, value) for labels, value in found if math.isfinite(value)))

    def raised(self) -> frozenset[str]:
        """Give each alert whose expression holds now, as `name severity`, whatever its `for` still asks."""
        groups = self._client.get("/rules", params={"type": "alert"}).json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        sick = [f"{rule['name']}: {rule['lastError']}" for rule in rules if rule["health"] == "err"]
        assert not sick, sick
        return frozenset(f"{rule['name']} {rule['labels']['severity']}" for rule in rules if rule["alerts"])

    def _ready(self) -> bool:
        with suppress(httpx.TransportError):
            return self._client.get("/query", params={"query": "1"}).status_code == httpx.codes.OK
        return False


def _config(targets: Sequence[Target], rules: Sequence[Path]) -> dict[str, object]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {
                "job_name": f"target-{number}",
                # What the target itself says of namespace and pod is kept, as kube-state-metrics needs it.
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{target.port}"], "labels": dict(target.labels)}],
            }
            for number, target in enumerate(targets)
        ],
    }
