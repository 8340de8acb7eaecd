"""The peers' programs: built in a cache outside the tree, or why they cannot be had."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from tests.benchmark.server import python
from tests.kafka.jars import cache_folder, locked

HERE: Final = Path(__file__).parent
_BUILD_LIMIT_S: Final = 480.0
_ASK_LIMIT_S: Final = 90.0
_MAVEN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_ADDRESS: Final = re.compile(r"\(?\bhttps?://\S+")
_SAID: Final = 300


class MissingError(Exception):
    """A peer cannot be had here; the text says what was asked, and what was answered."""


@dataclass(frozen=True, slots=True)
class Program:
    """How a peer is started: PORT, KAFKA and TOPIC are set for it."""

    command: Callable[[int], Sequence[str]]
    """Its command, by the port where it is to listen."""
    path: str
    """Where it takes webhooks."""
    wrapped_in: Literal["", "otlp"] = ""


@dataclass(frozen=True, slots=True)
class PeerKind:
    """A peer, before anybody knows whether it can be had."""

    name: str
    does: str
    files: tuple[str, ...]
    build: Callable[[], Program]
    """Blocks while it is built, minutes the first time. Raises MissingError."""
    item_counts: tuple[int, ...] = (1,)
    """Webhooks of so many SMS are sent to it."""


def afternoon() -> Program:
    """Give FastAPI with aiokafka.

    Raises:
        MissingError: FastAPI is not installed.
    """
    if find_spec("fastapi") is None:
        message = "FastAPI is not installed: pip install -r tests/benchmark/requirements.lock"
        raise MissingError(message)
    options = ("--host", "127.0.0.1", "--loop", "uvloop", "--http", "httptools", "--no-access-log")
    application = "tests.benchmark.peers.afternoon:app"
    return Program(
        lambda port: python("-m", "uvicorn", application, *options, "--log-level", "warning", "--port", str(port)),
        "/hook",
    )


def collector() -> Program:
    """Give the OpenTelemetry Collector, made of its Go modules.

    Raises:
        MissingError: no Go, or it could not be built.
    """
    go = _found("go", "the Collector is built of Go modules", "/usr/local/go/bin")
    built = cache_folder() / "benchmark-collector"
    with locked(built):
        _run([go, "build", "-buildvcs=false", "-o", str(built / "collector"), "."], HERE / "collector")
    configuration = HERE / "collector" / "collector.yaml"
    return Program(lambda _port: (str(built / "collector"), "--config", f"file:{configuration}"), "/v1/logs", "otlp")


def camel() -> Program:
    """Give Apache Camel, of its jars.

    Raises:
        MissingError: no Java or no Maven, or Maven could not get the jars.
    """
    java = _found("java", "Camel runs on a JVM")
    maven = _found("mvn", "Camel's jars come by Maven")
    home = cache_folder() / "benchmark-camel"
    with locked(home):
        libs = home / "libs"
        if not libs.is_dir():
            target = home / "libs.part"
            words = ("-q", "-B", "-ntp", "-Dstyle.color=never", "-f", str(HERE / "camel" / "pom.xml"))
            goal = (f"{_MAVEN}:copy-dependencies", f"-DoutputDirectory={target}", "-DincludeScope=runtime")
            _run([maven, *words, *goal], HERE)
            target.rename(libs)
    command = (java, "-cp", f"{libs}/*", str(HERE / "camel" / "Serve.java"), str(HERE / "camel" / "route.yaml"))
    return Program(lambda _port: command, "/hook")


def webhook_receiver() -> Program:
    """Ask for the Collector's own receiver of webhooks; it has not been served so far, so nothing runs it.

    Raises:
        MissingError: always.
    """
    go = _found("go", "the Collector is built of Go modules", "/usr/local/go/bin")
    module = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/webhookeventreceiver@v0.165.1"
    said = _asked([go, "mod", "download", module])
    message = f"{module.rpartition('/')[2]}: {said}"
    raise MissingError(message)


def strimzi() -> Program:
    """Ask for the Strimzi Kafka Bridge; it has not been served so far, so nothing runs it.

    Raises:
        MissingError: always.
    """
    maven = _found("mvn", "the bridge's jars come by Maven")
    artifact = "io.strimzi:kafka-bridge:0.32.0"
    words = ("-q", "-B", "-ntp", "-U", "-Dstyle.color=never", f"{_MAVEN}:get", f"-Dartifact={artifact}")
    said = _asked([maven, *words, "-Dtransitive=false"])
    message = f"{artifact}: {said}"
    raise MissingError(message)


def without_addresses(said: str) -> str:
    """Give the part of a tool's complaint that says why, on one line and without any host's name."""
    lines = [_ADDRESS.sub("", line).strip() for line in said.splitlines()]
    why = " ".join(
        line for line in lines if line and not line.startswith(("[ERROR] [Help", "[ERROR] To", "[ERROR] Re"))
    )
    found = re.search(r"(Could not find artifact \S+|\S+ was not found)|(\d{3} [A-Z]\w+.*)", why)
    return re.sub(r"\s+", " ", found[0] if found else why)[:_SAID]


KINDS: Final = (
    PeerKind(
        "FastAPI + aiokafka",
        "One record an SMS, as received. No authentication, normalising, identity, duplicates, dead letters, bounds "
        "or metrics.",
        ("tests/benchmark/peers/afternoon.py",),
        afternoon,
        (1, 1_000),
    ),
    PeerKind(
        "OpenTelemetry Collector",
        "One record a webhook, which comes inside an OTLP log record (receiver otlp, exporter kafka, no queue). "
        "Reads no webhook, so no keys, no order per SMS, no duplicates.",
        (
            "tests/benchmark/peers/collector/collector.yaml",
            "tests/benchmark/peers/collector/main.go",
            "tests/benchmark/peers/collector/go.mod",
        ),
        collector,
    ),
    PeerKind(
        "Apache Camel",
        "One record a webhook, its body as received (platform-http on Vert.x to kafka). Reads no webhook, so no keys, "
        "no order per SMS, no duplicates.",
        ("tests/benchmark/peers/camel/route.yaml", "tests/benchmark/peers/camel/Serve.java"),
        camel,
    ),
    PeerKind("OpenTelemetry Collector, webhookevent receiver", "Not run.", (), webhook_receiver),
    PeerKind("Strimzi Kafka Bridge", "Not run.", (), strimzi),
)


def _asked(command: Sequence[str]) -> str:
    """Give what a registry's client says about something that we have no use for should it come."""
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=_ASK_LIMIT_S, check=False)  # noqa: S603 - our own arguments only
    except subprocess.TimeoutExpired:
        return f"no answer within {_ASK_LIMIT_S:.0f} s"
    if done.returncode == 0:
        return "served, but this benchmark does not run it yet"
    return without_addresses(done.stdout + done.stderr)


def _found(name: str, needed: str, *places: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *places]))
    if found is None:
        message = f"there is no {name} on the PATH: {needed}"
        raise MissingError(message)
    return found


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_BUILD_LIMIT_S, check=False)  # noqa: S603 - our own arguments only
    except subprocess.TimeoutExpired as error:
        message = f"{Path(command[0]).name} did not end within {_BUILD_LIMIT_S:.0f} s"
        raise MissingError(message) from error
    if done.returncode != 0:
        message = f"{Path(command[0]).name} said: {without_addresses(done.stdout + done.stderr)}"
        raise MissingError(message)
