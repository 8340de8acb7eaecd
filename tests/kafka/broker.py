"""A real Apache Kafka broker as a child process: one combined KRaft node, or one of several."""

import logging
import shutil
import signal
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.child import ChildServer
from tests.kafka.jars import Installation
from tests.kafka.ports import free_ports

READY_WITHIN_S = 60.0
"""Starting takes about 1.5 s on two idle cores, 3 s without the class archive: this is for a crowded machine."""
_START_ATTEMPTS = 3
_POLL_S = 0.02
_LAST_LINES = 25

TEST_JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Small and quick to start; the last flag costs throughput, so a benchmark wants the first three only."""
QUICK_FAULTS = {
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "replica.lag.time.max.ms": "2000",
}
"""Properties with which a fault is noticed soon. A killed node can come back only after its old session has run out,
which by default takes 9 s; on the other hand a node that is merely stalled for 3 s counts as gone."""
_QUIET_JVM = ("-XX:-UsePerfData", "-Xlog:disable", "-Xlog:all=error:stderr")

_LOGGING = """\
status=error
appender.file.type=File
appender.file.name=file
appender.file.fileName={path}
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{{ISO8601}} %p %c: %m%n
rootLogger.level=info
rootLogger.appenderRef.file.ref=file
logger.settings.name=org.apache.kafka.common.config.AbstractConfig
logger.settings.level=warn
"""


class BrokerError(Exception):
    """The broker did not start or stop as asked; the text ends with the last lines of its log."""


class PortTakenError(BrokerError):
    """Somebody else listens on a port that the broker was to have."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a node listens on 127.0.0.1: clients, and the controllers of its quorum."""

    client: int
    controller: int


def new_cluster_id() -> str:
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


class RealBroker(ChildServer):
    """One broker-and-controller node on 127.0.0.1, with its own data folder, which `close` removes.

    Every method blocks, for up to seconds: from a coroutine call it by `asyncio.to_thread`. One caller at a time.

    Args:
        installation: the JVM and the jars.
        ports: fixed ones; by default free ones are taken, and others when somebody was quicker.
        properties: broker properties on top of, or instead of, our own.
        node_id: of this node in its cluster.
        cluster_id: the same for all nodes of a cluster; by default a new one.
        voters: `controller.quorum.voters` of a cluster of several nodes, as `1@127.0.0.1:port,…`; without it
            the node is its own quorum.
        format_arguments: more words for the formatting of its storage, such as `--add-scram`.
        client: librdkafka properties with which a client is let in; only the check for readiness uses them.
        brokers: how many of them a client must see before this node counts as ready.
        jvm: the options of the JVM.
    """

    def __init__(  # noqa: PLR0913 - each is one fact about a node, by keyword
        self,
        installation: Installation,
        *,
        ports: Ports | None = None,
        properties: Mapping[str, str] | None = None,
        node_id: int = 1,
        cluster_id: str | None = None,
        voters: str | None = None,
        format_arguments: Sequence[str] = (),
        client: Mapping[str, str] | None = None,
        brokers: int = 1,
        jvm: Sequence[str] = TEST_JVM,
    ) -> None:
        super().__init__("kafka")
        self._installation = installation
        self._may_move = ports is None
        self._was_ready = False
        self._ports = ports or Ports(*free_ports(2))
        self._properties = dict(properties or {})
        self._node_id = node_id
        self._cluster_id = cluster_id or new_cluster_id()
        self._voters = voters
        self._format_arguments = tuple(format_arguments)
        self._client = dict(client or {})
        self._brokers = brokers
        self._jvm = tuple(jvm)
        self._log_seen = 0

    @property
    def version(self) -> str:
        return self._installation.version

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self._ports.client}"

    @property
    def pid(self) -> int | None:
        """The JVM's own, or None while it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Format the storage if that was not done yet, start, and wait until a client sees the broker.

        Raises:
            BrokerError: it ended, or was not ready within `READY_WITHIN_S`.
        """
        self._must_not_run()
        attempts = _START_ATTEMPTS if self._may_move or self._was_ready else 1
        for attempt in range(1, attempts + 1):
            try:
                self.launch()
                self.wait_ready()
            except BrokerError as error:
                self.kill()
                if attempt == attempts or not isinstance(error, PortTakenError):
                    raise
                self._move()
            else:
                return

    def launch(self) -> None:
        """Start the JVM and come back at once; the nodes of a cluster are ready only together.

        Raises:
            BrokerError: it runs already, or its storage could not be formatted.
        """
        self._must_not_run()
        self._write_properties()
        if not self._data.exists():
            self._format()
        self._log_seen = self._log.stat().st_size if self._log.exists() else 0
        self._spawn(self._command(self._jvm, "kafka.Kafka", str(self._file)))

    def wait_ready(self) -> None:
        """Wait until its log says that it has started and a client sees as many brokers as it should.

        Raises:
            BrokerError: it ended, or was not ready within `READY_WITHIN_S`.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while "Kafka Server started" not in self._new_log():
            self._check_start(deadline)
            time.sleep(_POLL_S)
        admin = AdminClient(
            {"bootstrap.servers": self.bootstrap_servers, **self._client}, logger=logging.getLogger(__name__)
        )
        while not self._all_brokers_seen(admin):
            self._check_start(deadline)
            time.sleep(_POLL_S)
        self._was_ready = True

    def stop(self) -> None:
        """End it in order (SIGTERM), its data kept for the next `start`. Nothing to do if it does not run."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        self._reap()

    def restart(self) -> None:
        """Stop it if it runs, and start it on the same ports with the same data.

        Raises:
            BrokerError: as `start`.
        """
        self.stop()
        self.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _file(self) -> Path:
        return self._folder / "broker.properties"

    @property
    def _log(self) -> Path:
        return self._folder / "broker.log"

    @property
    def _output(self) -> Path:
        return self._folder / "output.txt"

    def _move(self) -> None:
        """Take other ports, unless clients know the present ones already."""
        if self._may_move and not self._was_ready:
            self._ports = Ports(*free_ports(2))
            shutil.rmtree(self._data, ignore_errors=True)  # the quorum's address is written in it

    def _must_not_run(self) -> None:
        if self._process is not None:
            message = f"Kafka node {self._node_id} runs already."
            raise BrokerError(message)

    def _write_properties(self) -> None:
        client, controller = f"127.0.0.1:{self._ports.client}", f"127.0.0.1:{self._ports.controller}"
        quorum = "controller.quorum.voters" if self._voters else "controller.quorum.bootstrap.servers"
        properties = {
            "process.roles": "broker,controller",
            "node.id": str(self._node_id),
            quorum: self._voters or controller,
            "listeners": f"PLAINTEXT://{client},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{client}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self._data),
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "log.cleaner.dedupe.buffer.size": "2097152",  # else 128 MiB at start, more than the heap bears
            **self._properties,
        }
        self._file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        (self._folder / "logging.properties").write_text(_LOGGING.format(path=self._log))

    def _format(self) -> None:
        words = [*([] if self._voters else ["--standalone"]), f"--cluster-id={self._cluster_id}", "-c", str(self._file)]
        command = self._command(TEST_JVM, "kafka.tools.StorageTool", "format", *words, *self._format_arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments only
        if done.returncode != 0:
            shutil.rmtree(self._data, ignore_errors=True)
            message = (
                f"The storage of Kafka node {self._node_id} was not formatted: {_last_lines(done.stdout + done.stderr)}"
            )
            raise BrokerError(message)

    def _command(self, jvm: Sequence[str], *words: str) -> list[str]:
        archive = self._installation.class_archive
        return [
            str(self._installation.java),
            *((f"-XX:SharedArchiveFile={archive}",) if archive.exists() else ()),
            *jvm,
            *_QUIET_JVM,
            f"-Dlog4j2.configurationFile={self._folder / 'logging.properties'}",
            "-cp",
            self._installation.class_path,
            *words,
        ]

    def _new_log(self) -> str:
        """The lines that the broker logged since the last launch."""
        try:
            with self._log.open("rb") as log:
                log.seek(self._log_seen)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _check_start(self, deadline: float) -> None:
        if self._process is None or self._process.poll() is not None:
            code = None if self._process is None else self._process.returncode
            message = f"Kafka node {self._node_id} ended while it started (exit code {code})."
        elif time.monotonic() > deadline:
            message = f"Kafka node {self._node_id} was not ready within {READY_WITHIN_S:.0f} s."
        else:
            return
        output = self._output.read_text(errors="replace") if self._output.exists() else ""
        said = f"{output}{self._new_log()}"
        kind = PortTakenError if "Address already in use" in said else BrokerError
        message = f"{message} Its last lines:\n{_last_lines(said)}"
        raise kind(message)

    def _all_brokers_seen(self, admin: AdminClient) -> bool:
        with suppress(KafkaException):
            return len(admin.list_topics(timeout=1.0).brokers) >= self._brokers
        return False


def _last_lines(text: str) -> str:
    """The end of a JVM's output, without the stack's frames: the exceptions' own lines say what happened."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("\t")]
    return "\n".join(lines[-_LAST_LINES:])
