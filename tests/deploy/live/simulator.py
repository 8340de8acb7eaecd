"""`relay simulate` as a child process: a Sofy that sends webhooks of invented SMS until it is closed."""

import socket
import sys
import time
from contextlib import suppress

from tests.child import ChildServer
from tests.kafka.ports import free_ports

START_WITHIN_S = 30.0
_POLL_S = 0.05


class Simulator(ChildServer):
    """One Sofy. Its SMS live a hundred times as fast, so that final statuses come within a second.

    Args:
        options: more words for its command line, such as `--target`.
    """

    def __init__(self, *options: str) -> None:
        super().__init__("simulate")
        (self._port,) = free_ports(1)
        self._options = options

    def start(self) -> None:
        """Start it, and wait until its REST answers: by then it has begun to send."""
        process = self._spawn(
            [
                *(sys.executable, "-m", "relay", "simulate", "--listen", f"127.0.0.1:{self._port}"),
                *("--time-scale", "0.01", *self._options),
            ]
        )
        end = time.monotonic() + START_WITHIN_S
        while not self._listens():
            assert process.poll() is None, self._output.read_text()
            assert time.monotonic() < end, self._output.read_text()
            time.sleep(_POLL_S)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
            return True
        return False
