"""The load: wrk with a script, as a process of its own on other cores than the server's."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Self

_SCRIPT: Final = Path(__file__).with_name("wrk.lua")
_ANSWER_WITHIN: Final = "10s"
_USUAL_RECIPIENTS: Final = -1


class NoLoadGeneratorError(Exception):
    """wrk is not installed; the text says how to get it."""


class LoadError(Exception):
    """wrk ended with an error, or said something else than it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is sent, for how long, by how many connections."""

    items: int = 1
    """SMS in a webhook."""
    connections: int = 64
    seconds: float = 5.0
    think_ms: int = 0
    """Mean pause of each connection between an answer and its next request; 0 saturates."""
    duplicates: float = 0.0
    """Share of items that were sent before."""
    new_recipients: bool = False
    """Each SMS to a number that was not seen before; else a thousand numbers take turns."""
    wrapped_in: Literal["", "otlp"] = ""
    """What the webhook is put into for a server that takes no plain JSON: an OTLP log record."""

    def lasting(self, seconds: float) -> Self:
        """Give the same load for another time."""
        return replace(self, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back."""

    requests: int
    seconds: float
    not_2xx: int
    timeouts: int
    broken: int
    """Connections that were refused or reset."""
    p50_ms: float
    p99_ms: float
    p999_ms: float

    @classmethod
    def read(cls, output: str) -> Self:
        """Read the last line that our script lets wrk print.

        Raises:
            LoadError: it is not that line.
        """
        lines = output.rstrip().splitlines()
        try:
            return cls(**json.loads(lines[-1]))
        except (IndexError, TypeError, json.JSONDecodeError) as error:
            message = f"wrk did not end with its figures but with: {output[-2000:]!r}"
            raise LoadError(message) from error

    @property
    def accepted(self) -> int:
        """Webhooks that got 2xx."""
        return self.requests - self.not_2xx


def require() -> str:
    """Give the load generator's path.

    Raises:
        NoLoadGeneratorError: there is none.
    """
    program = shutil.which("wrk")
    if program is None:
        message = "There is no wrk, which makes the load: on Debian and Ubuntu, apt-get install wrk."
        raise NoLoadGeneratorError(message)
    return program


def run(load: Load, url: str, paths: Sequence[str], *, name: str, first_recipient: int) -> Answered:
    """Send `load` to the `paths` of `url` in turn, and wait for its end.

    Args:
        load: what to send.
        url: scheme, host and port.
        paths: of the webhook, one or more.
        name: makes the SMS ids other ones than another run's.
        first_recipient: where new recipients are counted from, so that no other run has had them.

    Raises:
        NoLoadGeneratorError: wrk is missing.
        LoadError: it failed.
    """
    command = [
        *(require(), "--threads", "1", "--connections", str(load.connections), "--duration", f"{load.seconds:.0f}s"),
        *("--timeout", _ANSWER_WITHIN, "--latency", "--script", str(_SCRIPT), url),
    ]
    environment = {
        "BENCH_ITEMS": str(load.items),
        "BENCH_RUN": name,
        "BENCH_DUPLICATES": str(load.duplicates),
        "BENCH_FIRST_RECIPIENT": str(first_recipient if load.new_recipients else _USUAL_RECIPIENTS),
        "BENCH_THINK_MS": str(load.think_ms),
        "BENCH_WRAPPED_IN": load.wrapped_in,
        "BENCH_PATHS": " ".join(paths),
    }
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments only
    if done.returncode != 0:
        message = f"wrk ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}"
        raise LoadError(message)
    return Answered.read(done.stdout)
