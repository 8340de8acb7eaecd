"""Listening sockets and the servers on them: bind, start, stop accepting, drain; each a step of its own."""

import asyncio
import contextlib
import errno
import logging
import math
import socket
from collections.abc import Callable
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from relay.http.arrival import Refusals
from relay.http.protocol import BoundedProtocol, ConnectionBounds

_BACKLOG: Final = 4096
"""Connections that the kernel holds while the loop is busy (the kernel's own somaxconn caps it)."""
_AT_ONCE: Final = 100
"""Connections accepted in one round of the loop; those that are open are served between."""
_STARVED_PAUSE_S: Final = 0.1
"""How long to leave waiting connections alone when there is no file descriptor or memory for all of them."""
_STARVED_LONG_S: Final = 1.0
"""The same when there was none for any of them."""
_LOOK_EVERY_S: Final = 0.02
_AFTER_ABORT_S: Final = 1.0


_log = logging.getLogger(__name__)


class ListenError(Exception):
    """A socket cannot listen; the text is one sentence for the operator, naming the setting."""


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """Give a listening TCP socket on `host` and `port` (0: any free one).

    Done before anything starts, so that a port in use ends the process while nothing else runs.
    `setting` is the prefix of the two settings, `RELAY_HTTP` or `RELAY_ADMIN`. Blocks for a name look-up.

    Raises:
        ListenError: the port is in use, or the host is not one of this machine's.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
    except OSError as error:
        raise ListenError(_sentence(error, host, port, setting)) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # "::" serves IPv4 too
        listener.bind(address)
        # Bound but not listening, two processes could share the port and neither would know.
        listener.listen(_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    except OSError as error:
        listener.close()
        raise ListenError(_sentence(error, host, port, setting)) from error
    return listener


def _sentence(error: OSError, host: str, port: int, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{host}:{port} is already in use: stop the process that listens there, or set {setting}__PORT."
    return f"Cannot listen on {host}:{port} ({error.strerror}): set {setting}__HOST or {setting}__PORT."


class HttpServer:
    """Serves one ASGI callable on one listening socket, with bounded connections.

    uvicorn's protocol without its `Server`: that one takes the signals, raises them again after its
    shutdown, and has one shutdown where the relay needs steps. All methods belong to one event loop.
    """

    def __init__(
        self, app: Callable[..., Any], listener: socket.socket, bounds: ConnectionBounds, refusals: Refusals
    ) -> None:
        self._listener = listener
        self._bounds = bounds
        self._refusals = refusals
        self._state = ServerState()
        self._accepting = self._starved = False
        self._arriving: set[asyncio.Task[Any]] = set()
        self._config = Config(
            app,
            loop="none",
            http=HttpToolsProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            workers=1,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=math.ceil(bounds.keep_alive_s),
        )

    @property
    def port(self) -> int:
        """The port that the socket was bound to."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._state.connections)

    async def start(self) -> None:
        """Begin to accept connections. Once."""
        if not self._config.loaded:
            self._config.load()
        self._accepting = True
        self._listen_on()

    def stop_accepting(self) -> None:
        """Close the listening socket; connections and their requests go on. Idempotent, also before `start`.

        Those that the kernel holds for us come in first: it would reset them, with their requests.
        """
        if self._accepting:
            self._accepting = False
            asyncio.get_running_loop().remove_reader(self._listener)
            with contextlib.suppress(OSError):  # nobody waits any more, or no file descriptor is left
                while True:
                    self._take_in_one()
        self._listener.close()

    async def drain(self, limit_s: float, *, idle_grace_s: float = 1.0) -> None:
        """Wait until every request is answered and every connection closed, at most `limit_s`; then drop the rest.

        Each answer from now on closes its connection. One that is idle stays open for `idle_grace_s`:
        a request that its sender has just put on it is answered, not reset.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        if self._arriving:
            await asyncio.wait(self._arriving, timeout=limit_s)
        for connection in self._connections():
            connection.retire()
        grace = min(idle_grace_s, limit_s)
        while self._state.connections and (passed := loop.time() - start) < limit_s:
            if passed >= grace:
                for connection in self._connections():
                    if not connection.busy:
                        connection.leave()
            await asyncio.sleep(_LOOK_EVERY_S)
        await self._drop()

    def _connection(self) -> BoundedProtocol:
        return BoundedProtocol(self._config, self._state, asyncio.get_running_loop(), self._bounds, self._refusals)

    def _listen_on(self) -> None:
        if self._accepting:
            asyncio.get_running_loop().add_reader(self._listener, self._take_in)

    def _take_in(self) -> None:
        """Accept who waits, many at a time.

        uvloop's own server takes one connection each round of the loop: under load a round takes milliseconds, and
        hundreds that come at once would wait in the kernel for longer than any answer may take.
        """
        taken = 0
        try:
            while taken < _AT_ONCE:
                self._take_in_one()
                taken += 1
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            self._starved = False
        except OSError as error:
            if not self._starved:
                self._starved = True
                _log.warning("connections wait: none can be accepted (%s)", errno.errorcode.get(error.errno or 0, "?"))
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._listener)
            loop.call_later(_STARVED_PAUSE_S if taken else _STARVED_LONG_S, self._listen_on)

    def _take_in_one(self) -> None:
        accepted, _ = self._listener.accept()
        accepted.setblocking(False)  # noqa: FBT003 - the standard library's signature
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        arriving = loop.create_task(loop.connect_accepted_socket(self._connection, accepted))
        self._arriving.add(arriving)
        arriving.add_done_callback(self._arrived)

    def _arrived(self, arriving: asyncio.Task[Any]) -> None:
        self._arriving.discard(arriving)
        if not arriving.cancelled():
            arriving.exception()  # read: who has left before we had its socket is nobody's fault

    async def _drop(self) -> None:
        for connection in self._connections():
            connection.abort()
        # With its connection gone a request writes nothing any more, and its task ends by itself.
        await self._wait_for_tasks()
        for task in self._state.tasks:
            task.cancel()
        await self._wait_for_tasks()

    async def _wait_for_tasks(self) -> None:
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=_AFTER_ABORT_S)

    def _connections(self) -> list[BoundedProtocol]:
        return [each for each in self._state.connections if isinstance(each, BoundedProtocol)]
