"""A raw HTTP client: sends bytes as they are, reads answers one by one, notices how a connection ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 10.0
"""After this a test fails instead of hanging; no claim about speed."""


@dataclass(frozen=True, slots=True)
class Received:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON is any
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])

    @property
    def closes(self) -> bool:
        return self.headers.get("connection") == "close"


class Connection:
    """One TCP connection to the relay."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, to_head: bool = False) -> Received:
        """Read the next answer; `to_head` when it is one to a HEAD."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            length = 0 if to_head else int(headers.get("content-length", 0))
            return Received(int(head[0].split(" ")[1]), headers, await self.reader.readexactly(length))

    async def ask(self, data: bytes) -> Received:
        await self.send(data)
        return await self.answer()

    async def rest(self) -> bytes:
        """Read what is left until the relay closes; a reset counts as closing."""
        rest = bytearray()
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                while chunk := await self.reader.read(65536):
                    rest += chunk
        return bytes(rest)

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = Connection(reader, writer)
    try:
        yield connection
    finally:
        await connection.close()


def post(body: bytes = b"{}", *, path: bytes = b"/webhooks/sofy/token", headers: bytes = b"") -> bytes:
    """Give a POST with its length; `headers` are whole lines, each with its line break."""
    return request(b"POST", path, b"content-length: %d\r\n%s" % (len(body), headers)) + body


def chunked(*chunks: bytes) -> bytes:
    """Give a POST whose body comes in `chunks`."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return request(b"POST", b"/webhooks/sofy/token", b"transfer-encoding: chunked\r\n") + body


def request(method: bytes, path: bytes = b"/webhooks/sofy/token", headers: bytes = b"") -> bytes:
    """Give a request's head."""
    return b"%s %s HTTP/1.1\r\nhost: relay\r\n%s\r\n" % (method, path, headers)
