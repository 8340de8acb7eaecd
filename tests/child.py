"""A server as a child process: started, frozen, killed, and never left behind. What Kafka and Redis have in common."""

import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kafka.guard import Guard

END_WITHIN_S = 20.0
"""How long a process may take to end after it was told to; then it is killed."""


class ChildServer(ABC):
    """One process with a folder of its own, which `close` removes. Also a context manager (starts, closes).

    Every method blocks, for up to seconds: from a coroutine call it by `asyncio.to_thread`. One caller at a time.
    """

    def __init__(self, name: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=f"sofy-relay-{name}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None

    @abstractmethod
    def start(self) -> None:
        """Start it, and wait until it can be used."""

    def pause(self) -> None:
        """Freeze it (SIGSTOP): the kernel keeps and accepts connections for it, nobody answers once this returns."""
        self._signal(signal.SIGSTOP)
        if self._process is not None:
            # The signal is asynchronous: on a busy machine some threads would go on answering for a while.
            # WNOWAIT leaves an end, should it have ended, for whoever reaps it.
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it run on after `pause` (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once (SIGKILL), frozen or not. Nothing to do if it does not run."""
        self._signal(signal.SIGKILL)
        self._reap()

    def close(self) -> None:
        """Kill it and remove its folder. May be called twice; afterwards it cannot be started again."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # an interrupt too must leave nothing behind
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _output(self) -> Path:
        """Where both of its streams go."""
        return self._folder / "output.txt"

    def _spawn(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start the process, and a guard that ends it should we die."""
        with self._output.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own arguments only
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C at the terminal is for the tests, which then stop it in order
            )
        self._process, self._guard = process, Guard(process.pid, self._folder)
        return process

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)  # does nothing once the process has ended

    def _reap(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None
