"""Serves the REST in the event loop that runs all else: uvicorn, without its hold on the signals."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette

_CLOSE_WITHIN_S = 1


class ListenError(Exception):
    """The address cannot be listened on; the text is one sentence and says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Give a listening socket (`port` 0: any free one).

    Raises:
        ListenError: the port is in use, or the host is not one of this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, reuse_port=False)
    except OSError as error:
        # The error's own text repeats the address, unless it comes from the look-up of a name.
        number = error.errno or 0
        reason = (os.strerror(number) if number > 0 else error.strerror or "not possible").lower()
        message = f"Cannot listen on {host}:{port} ({reason}): choose another address with --listen HOST:PORT."
        raise ListenError(message) from error


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals: who runs the simulator does."""
        yield


@asynccontextmanager
async def serving(app: Starlette, listener: socket.socket) -> AsyncIterator[None]:
    """Serve `app` on `listener` until the context is left; closes the listener."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_CLOSE_WITHIN_S,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()
