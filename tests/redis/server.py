"""A real Redis or Valkey server as a child process, on 127.0.0.1 and without anything on disk."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kafka.guard import Guard
from tests.kafka.ports import free_ports

READY_WITHIN_S = 20.0
"""Starting takes about 20 ms: this is for a crowded machine."""
_START_ATTEMPTS = 3
_POLL_S = 0.01
_PROGRAMS = ("redis-server", "valkey-server")


class RedisUnavailableError(Exception):
    """No server can be had on this machine; the text says what would help."""


class RedisStartError(Exception):
    """The server did not start; the text ends with its output."""


class RedisServer:
    """One server, with nothing kept on disk: who starts it again finds it empty. One caller at a time.

    `start` blocks for some 20 ms, the rest for less. Its data are gone with `kill`, `stop` and `close`.

    Args:
        options: more words for its command line, such as `--requirepass`.
    """

    def __init__(self, *options: str, login: str = "") -> None:
        """Take its options, and who logs in (`user:password`).

        Raises:
            RedisUnavailableError: no such program is installed.
        """
        self._program = _program()
        self._options = options
        self._login = login
        self._folder = Path(tempfile.mkdtemp(prefix="sofy-relay-redis-"))
        self._port: int | None = None
        self._was_ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None

    @property
    def port(self) -> int:
        assert self._port is not None
        return self._port

    @property
    def url(self) -> str:
        """Its database 0, as `RELAY_DUPLICATES__STORE` takes it."""
        login = f"{self._login}@" if self._login else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, on the port it had if it had one, and wait until it accepts connections.

        Raises:
            RedisStartError: it ended, or was not ready in time.
        """
        assert self._process is None, "it runs already"
        for _ in range(_START_ATTEMPTS):
            if not self._was_ready:
                (self._port,) = free_ports(1)
            if self._starts():
                return
            self.kill()
        message = f"{self._program} did not start; its output:\n{self._output.read_text(errors='replace')}"
        raise RedisStartError(message)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): the kernel accepts connections for it, nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run on after `pause` (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once (SIGKILL). Nothing to do if it does not run."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None

    def restart(self) -> None:
        """Kill it and start it, empty, on the same port."""
        self.kill()
        self.start()

    def ask(self, *words: str) -> str:
        """Give the server's answer to one command in its inline form, as its protocol writes it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5.0) as connection:
            login = " ".join(["AUTH", *self._login.split(":")]).replace("  ", " ")
            lines = [*([login] if self._login else []), " ".join(words), "QUIT", ""]
            connection.sendall("\r\n".join(lines).encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
        return answer.removeprefix("+OK\r\n" if self._login else "").removesuffix("+OK\r\n")

    def close(self) -> None:
        """Kill it and remove its folder. May be called twice."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _output(self) -> Path:
        return self._folder / "output.txt"

    def _starts(self) -> bool:
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments only
                [self._program, *words, "--dir", str(self._folder), *self._options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._guard = Guard(self._process.pid, self._folder)
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            # Somebody else may have been quicker to take the port, and may be a Redis too.
            with suppress(OSError):
                if f"process_id:{self._process.pid}\r\n" in self.ask("INFO", "server"):
                    self._was_ready = True
                    return True
            time.sleep(_POLL_S)
        return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)


def _program() -> str:
    for name in _PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return found
    message = f"none of {', '.join(_PROGRAMS)} is installed (Debian: apt-get install redis-server)"
    raise RedisUnavailableError(message)
