import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.kafka.proxy import Network, Proxy

PATIENCE_S = 5.0


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1024):
        writer.write(chunk.upper())
        await writer.drain()
    writer.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def to(cls, proxy: Proxy) -> AsyncIterator["Client"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)  # the socket is closed in the loop's next round

    def say(self, words: bytes) -> None:
        self._writer.write(words)

    async def hears(self, within_s: float = PATIENCE_S) -> bytes | None:
        """What came next; empty: the connection ended; None: nothing came."""
        try:
            return await asyncio.wait_for(self._reader.read(1024), within_s)
        except TimeoutError:
            return None
        except ConnectionError:
            return b""


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[Client]:
    async with Client.to(proxy) as client:
        yield client


async def test_it_passes_both_ways(client: Client) -> None:
    client.say(b"one")

    assert await client.hears() == b"ONE"


async def test_a_delay_counts_each_way(proxy: Proxy, client: Client) -> None:
    proxy.delay_s = 0.1

    started = time.monotonic()
    client.say(b"one")
    heard = await client.hears()

    assert heard == b"ONE"
    assert time.monotonic() - started >= 0.2


async def test_swallowed_answers_never_come_and_later_ones_do(proxy: Proxy, client: Client) -> None:
    proxy.network = Network.SWALLOW_ANSWERS

    client.say(b"one")
    meanwhile = await client.hears(0.2)
    proxy.network = Network.FORWARD
    client.say(b"two")

    assert (meanwhile, await client.hears()) == (None, b"TWO")


async def test_a_half_open_connection_neither_ends_nor_carries_and_goes_on_afterwards(
    proxy: Proxy, client: Client
) -> None:
    proxy.network = Network.HALF_OPEN

    client.say(b"one")
    meanwhile = await client.hears(0.2)
    proxy.network = Network.FORWARD

    assert (meanwhile, await client.hears()) == (None, b"ONE")


async def test_refusing_cuts_what_is_there_and_takes_nothing_new(proxy: Proxy, client: Client) -> None:
    client.say(b"one")
    assert await client.hears() == b"ONE"

    proxy.network = Network.REFUSE
    there = await client.hears()
    async with Client.to(proxy) as another:
        new = await another.hears()

    assert (there, new) == (b"", b"")
