"""The floor of HTTP: a bare ASGI callable that reads the body and answers, on the server that the relay runs on."""

import asyncio
import signal
import sys

import uvloop
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

from relay.http.arrival import Refusals
from relay.http.protocol import ConnectionBounds
from relay.http.servers import HttpServer, listen

_BODY = b'{"accepted":1,"duplicates":0,"dead_lettered":0}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Read a request to its end and accept it."""
    del scope
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS, "trailers": False})
    await send({"type": "http.response.body", "body": _BODY, "more_body": False})


async def serve(application: ASGI3Application, port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM."""
    bounds = ConnectionBounds(answer_within_s=3.0, keep_alive_s=75.0)
    listener = listen("127.0.0.1", port, setting="BENCH")
    server = HttpServer(application, listener, bounds, Refusals(lambda _reason, _seconds: b""))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await server.start()
    await stop.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(answer, int(sys.argv[1])))
