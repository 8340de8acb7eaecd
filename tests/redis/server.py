"""A real Redis or Valkey server as a child process, on 127.0.0.1 and without anything on disk."""

import shutil
import socket
import time
from contextlib import suppress

from tests.child import ChildServer
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


class RedisServer(ChildServer):
    """One server, with nothing kept on disk: who starts it again finds it empty. One caller at a time.

    `start` blocks for some 20 ms, the rest for less. Its data are gone with `kill` and `close`.

    Args:
        options: more words for its command line, such as `--requirepass`.
    """

    def __init__(self, *options: str, login: str = "") -> None:
        """Take its options, and who logs in (`user:password`).

        Raises:
            RedisUnavailableError: no such program is installed.
        """
        self._program = _program()  # first, so that nothing is left behind where there is none
        super().__init__("redis")
        self._options = options
        self._login = login
        self._port: int | None = None
        self._was_ready = False

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

    def _starts(self) -> bool:
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        process = self._spawn([self._program, *words, "--dir", str(self._folder), *self._options])
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and process.poll() is None:
            # Somebody else may have been quicker to take the port, and may be a Redis too.
            with suppress(OSError):
                if f"process_id:{process.pid}\r\n" in self.ask("INFO", "server"):
                    self._was_ready = True
                    return True
            time.sleep(_POLL_S)
        return False


def _program() -> str:
    for name in _PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return found
    message = f"none of {', '.join(_PROGRAMS)} is installed (Debian: apt-get install redis-server)"
    raise RedisUnavailableError(message)
