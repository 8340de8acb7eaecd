"""A server that is measured: a process on a core of its own, its CPU time and its memory."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from types import TracebackType
from typing import IO, Final, Self
from urllib.parse import urlsplit
from urllib.request import urlopen

from tests.benchmark import machine
from tests.benchmark.machine import Cores

_START_WITHIN_S: Final = 60.0
_END_WITHIN_S: Final = 25.0
_LOOK_EVERY_S: Final = 0.002
_LAST_OUTPUT: Final = 4000
_REST_WITHIN_S: Final = 5.0
_REST_LOOK_S: Final = 0.05
_IDLE_SHARE: Final = 0.05
"""Of a core, which a server that does nothing may use."""


class ServerError(Exception):
    """A server did not come up; the text ends with the last that it said."""


class Server:
    """One process, from `with` to its end; its output goes to a file. Every method blocks."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, cores: Cores, url: str, ready: str = ""
    ) -> None:
        """Take the command and its own environment.

        Args:
            command: the program and its arguments.
            environment: beside ours, of which the relay's own variables are left out.
            cores: which one it gets.
            url: where it listens.
            ready: a URL that gives 200 once it serves; without, that it listens is enough.
        """
        self._command = list(command)
        outer = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
        self._environment = {**outer, **environment}
        self._cores = cores
        self._ready = ready
        self._output: IO[bytes] = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - lives as long as the process
        self._process: subprocess.Popen[bytes] | None = None
        self.url = url
        self.started_in_s = 0.0
        """From its start until it was ready."""

    def __enter__(self) -> Self:
        began = time.monotonic()
        with self._cores.starting_server():
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments only
                self._command, env=self._environment, stdout=self._output, stderr=self._output
            )
        try:
            self._wait()
        except BaseException:  # an interrupt too must leave nothing behind
            self._end()
            raise
        self.started_in_s = time.monotonic() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Its process; within `with` only."""
        assert self._process is not None
        return self._process.pid

    @property
    def cpu_s(self) -> float:
        """CPU seconds that it has used."""
        return machine.cpu_seconds(self.pid)

    @property
    def resident_mib(self) -> float:
        """Memory that it holds now."""
        return machine.resident_mib(self.pid)

    @property
    def said(self) -> str:
        """The last of its output."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")[-_LAST_OUTPUT:]

    def rest(self) -> None:
        """Wait until it is idle, seconds at most: what a load left unanswered at its end is no part of the next."""
        end = time.monotonic() + _REST_WITHIN_S
        busy = True
        while busy and time.monotonic() < end:
            before = self.cpu_s
            time.sleep(_REST_LOOK_S)
            busy = self.cpu_s - before > _IDLE_SHARE * _REST_LOOK_S

    def _wait(self) -> None:
        assert self._process is not None
        end = time.monotonic() + _START_WITHIN_S
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > end:
                message = f"{' '.join(self._command[:4])} does not serve; it said:\n{self.said}"
                raise ServerError(message)
            time.sleep(_LOOK_EVERY_S)

    def _serves(self) -> bool:
        try:
            if self._ready:
                with urlopen(self._ready, timeout=1) as answer:  # noqa: S310 - our own address
                    return bool(answer.status == 200)
            parts = urlsplit(self.url)
            socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1).close()
        except (OSError, HTTPException):
            return False
        return True

    def _end(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()


def python(*words: str) -> list[str]:
    """Give a command of this interpreter."""
    return [sys.executable, *words]
