"""Senders that take their time: hundreds of connections on which a request arrives byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from tests.end_to_end.relay_process import TOKEN, RelayProcess
from tests.http.client import Connection, Received, connect, request

PATH = f"/webhooks/sofy/{TOKEN}".encode()
HALF_A_HEAD = b"POST " + PATH + b" HTTP/1.1\r\nhost: relay\r\nx-slow: "
HALF_A_BODY = request(b"POST", PATH, b"content-length: 1000\r\n")
ENDLESS_CHUNKS = request(b"POST", PATH, b"transfer-encoding: chunked\r\n")
KINDS = ((HALF_A_HEAD, b"x"), (HALF_A_BODY, b" "), (ENDLESS_CHUNKS, b"1\r\n \r\n"))
"""What is sent at once, and what then comes every second."""


@asynccontextmanager
async def slow_senders(relay: RelayProcess, count: int) -> AsyncIterator[list[asyncio.Task[Received]]]:
    """Open `count` connections, of every kind as many; give the answers that they will read."""
    kinds = _kinds(count)
    answers = [asyncio.create_task(_send_slowly(relay.webhook_port, begin, piece)) for begin, piece in kinds]
    try:
        yield answers
    finally:
        for answer in answers:
            answer.cancel()
        await asyncio.wait(answers)


def _kinds(count: int) -> Iterator[tuple[bytes, bytes]]:
    for number in range(count):
        yield KINDS[number % len(KINDS)]


async def _send_slowly(port: int, begin: bytes, piece: bytes) -> Received:
    async with connect(port) as connection:
        await connection.send(begin)
        trickling = asyncio.create_task(_trickle(connection, piece))
        try:
            return await connection.answer()
        finally:
            trickling.cancel()
            await asyncio.wait({trickling})


async def _trickle(connection: Connection, piece: bytes) -> None:
    while True:
        await asyncio.sleep(1.0)
        await connection.send(piece)
