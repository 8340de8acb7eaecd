"""The consumers as programs: built, and run as processes of their own."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kafka.jars import cache_folder, locked

HERE = Path(__file__).parent
_BUILD_LIMIT_S = 300.0
_RUN_LIMIT_S = 60.0


class ToolMissingError(Exception):
    """What builds a consumer is not on this machine; the text names what to install."""


class ConsumerError(Exception):
    """A consumer could not be built, or ended with an error; the text is what it said."""


@dataclass(frozen=True)
class Programs:
    """The two programs of a language: how each is started."""

    consumer: Sequence[str]
    copartition: Sequence[str]


@dataclass
class Output:
    """What a consumer printed."""

    changes: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """By SMS: one state for each change. Between SMS there is no order: they are in several partitions."""
    snapshot: dict[str, dict[str, Any]] = field(default_factory=dict)
    read: int = 0
    duplicates: int = 0
    unreadable: int = 0


def python() -> Programs:
    """Give the Python ones, which run on this Python."""
    folder = HERE / "python"
    return Programs((sys.executable, str(folder / "consumer.py")), (sys.executable, str(folder / "copartition.py")))


def java() -> Programs:
    """Build the Java ones, once for one state of the sources, in the cache that the broker's jars are in.

    Raises:
        ToolMissingError: no Maven, or no JDK 17.
        ConsumerError: Maven could not build them.
    """
    maven = _found("mvn", "a JDK 17 and Maven (apt-get install openjdk-17-jdk-headless maven)")
    javac = _found("javac", "a JDK 17 (apt-get install openjdk-17-jdk-headless)")
    folder = HERE / "java"
    sources = sorted((folder / "src").rglob("*.java"))
    build = cache_folder() / f"consumers-java-{_digest([folder / 'pom.xml', *sources])}"
    done = build / "built"
    with locked(build):
        # The local repository may have been emptied since.
        if not done.exists() or not all(map(os.path.exists, _class_path(build))):
            shutil.rmtree(build, ignore_errors=True)
            _run(maven, "-q", "-B", "-ntp", "-Dstyle.color=never", f"-Dbuild.folder={build}", "compile", cwd=folder)
            done.touch()
    # Quick to start rather than quick in the long run.
    start = (str(Path(javac).with_name("java")), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp")
    class_path = os.pathsep.join(_class_path(build))
    return Programs((*start, class_path, "Consumer"), (*start, class_path, "Copartition"))


def go() -> Programs:
    """Build the Go ones; Go's own cache makes a second time quick.

    Raises:
        ToolMissingError: no Go.
        ConsumerError: Go could not build them.
    """
    build = cache_folder() / "consumers-go"
    with locked(build):
        go_command("build", "-o", f"{build}{os.sep}", "./...")
    return Programs((str(build / "consumer"),), (str(build / "copartition"),))


def go_command(*arguments: str, tool: str = "go") -> str:
    """Run a tool of Go in the module; give what it printed.

    Raises:
        ToolMissingError: no Go.
        ConsumerError: it ended with an error.
    """
    return _run(_found(tool, "Go 1.26 (https://go.dev/dl)"), *arguments, cwd=HERE / "go")


BUILDERS: dict[str, Callable[[], Programs]] = {"python": python, "java": java, "go": go}


def consume(program: Sequence[str], *arguments: str | int) -> Output:
    """Run a consumer to its end, a minute at most.

    Raises:
        ConsumerError: it ended with an error, or not in time.
    """
    output = Output()
    *changes, end = map(json.loads, _run(*program, *map(str, arguments)).splitlines())
    for change in changes:
        output.changes[change["sms_id"]].append(change)
    for name, value in end.items():
        setattr(output, name, value)
    return output


def copy(program: Sequence[str], *arguments: str | int) -> list[dict[str, Any]]:
    """Run a copier to its end, a minute at most; give each record's key and its two partitions.

    Raises:
        ConsumerError: it ended with an error, or not in time.
    """
    return [json.loads(line) for line in _run(*program, *map(str, arguments)).splitlines()]


def _class_path(build: Path) -> list[str]:
    written = build / "classpath"
    return [str(build / "classes"), *written.read_text().split(os.pathsep)] if written.exists() else [str(written)]


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _found(name: str, needed: str) -> str:
    home = os.environ.get("JAVA_HOME")
    places = [f"{home}/bin"] if home else []
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", ""), "/usr/local/go/bin"]))
    if found is None:
        message = f"There is no {name}: this consumer needs {needed}."
        raise ToolMissingError(message)
    return found


def _run(*command: str, cwd: Path | None = None) -> str:
    limit = _BUILD_LIMIT_S if cwd else _RUN_LIMIT_S
    name = " ".join(Path(part).name for part in command[:1])
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", timeout=limit, check=False)  # noqa: S603 - our own arguments only
    except subprocess.TimeoutExpired as error:
        said = f"{(error.stdout or b'')[-2000:]!r} {(error.stderr or b'')[-2000:]!r}"
        message = f"{name} did not end within {limit:.0f} s; it said: {said}"
        raise ConsumerError(message) from error
    if done.returncode != 0:
        message = f"{name} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}"
        raise ConsumerError(message)
    return done.stdout
