"""A real Apache Kafka as jars in a cache outside the tree, filled by Maven once a machine."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_POM = Path(__file__).with_name("pom.xml")
_NEIGHBOURS = ("4.3.0", "4.2.0", "4.1.1", "4.0.1")
"""Asked for in this order when Maven cannot give the version that the POM names."""
_MAVEN_TIMEOUT_S = 300.0
_OLDEST_JAVA = 17
"""Kafka 4 brokers are built for it."""


class KafkaUnavailableError(Exception):
    """No real Kafka can be had on this machine; the text says why, and what was tried."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What it takes to run a broker: a JVM and Kafka's jars."""

    version: str
    java: Path
    java_version: str
    home: Path
    """The cache folder of this version; `libs` in it holds the jars."""

    @property
    def class_path(self) -> str:
        """The jars in a fixed order: an archive of classes is valid for one class path only."""
        return os.pathsep.join(str(jar) for jar in sorted((self.home / "libs").glob("*.jar")))

    @property
    def class_archive(self) -> Path:
        """Where the archive of loaded classes (AppCDS) of this JVM stands, once there is one."""
        return self.home / f"classes-java-{self.java_version}.jsa"


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sofy-relay"


def pinned_version() -> str:
    """The version of Kafka that the POM names."""
    found = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", _POM.read_text())
    if found is None:
        message = f"{_POM} names no <kafka.version>."
        raise KafkaUnavailableError(message)
    return found[1]


def install() -> Installation:
    """Give the pinned Kafka, from the cache or by Maven, or else a neighbouring version.

    Blocks: nothing to speak of with a filled cache, else for as long as Maven downloads about 45 MB. Two
    processes at once are safe: the second waits for the first.

    Raises:
        KafkaUnavailableError: no Java 17, or neither a filled cache nor a Maven that answers.
    """
    java, java_version = _java()
    answers = []
    for version in (pinned_version(), *_NEIGHBOURS):
        home = cache_folder() / f"kafka-{version}"
        if not (home / "libs").is_dir():
            answer = _fill(home, version)
            if answer is not None:
                answers.append(f"kafka_2.13:{version}: {answer}")
                continue
        return Installation(version, java, java_version, home)
    message = "Maven gave no version of Kafka. " + "; ".join(answers)
    raise KafkaUnavailableError(message)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the cache folder `home` against other processes. Blocks while another holds it."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(home.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(home: Path, version: str) -> str | None:
    """Copy the jars of `version` to `home`/libs, whole or not at all. Gives Maven's complaint, or None."""
    with locked(home):
        if (home / "libs").is_dir():
            return None
        home.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"{home.name}-") as scratch:
            libs = Path(scratch) / "libs"
            answer = _copy_dependencies(version, libs)
            if answer is None:
                libs.rename(home / "libs")
            else:
                shutil.rmtree(home, ignore_errors=True)
            return answer


def _copy_dependencies(version: str, target: Path) -> str | None:
    maven = shutil.which("mvn")
    if maven is None:
        return "not in the cache, and there is no mvn on the PATH"
    command = [
        *(maven, "-q", "-B", "-ntp", "-Dstyle.color=never", "-f", str(_POM), f"-Dkafka.version={version}"),
        "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
        f"-DoutputDirectory={target}",
        "-DincludeScope=runtime",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MAVEN_TIMEOUT_S, check=False)  # noqa: S603 - our own arguments only
    except subprocess.TimeoutExpired:
        return f"no answer from Maven within {_MAVEN_TIMEOUT_S:.0f} s"
    if done.returncode == 0:
        return None
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines[0].removeprefix("[ERROR]").strip() if lines else f"Maven ended with {done.returncode} and said nothing"


def _java() -> tuple[Path, str]:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is None:
        message = f"There is no java {'in JAVA_HOME' if home else 'on the PATH'}: Kafka needs Java {_OLDEST_JAVA}."
        raise KafkaUnavailableError(message)
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603 - our own arguments only
    version = re.search(r'version "((\d+)[^"]*)"', told)
    if version is None or int(version[2]) < _OLDEST_JAVA:
        message = f"{found} is {version[1] if version else 'of an unknown version'}: Kafka needs Java {_OLDEST_JAVA}."
        raise KafkaUnavailableError(message)
    return Path(found), version[1]
