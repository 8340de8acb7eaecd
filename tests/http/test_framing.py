"""Raw sockets: framing that two readers could read differently is refused, and what follows never runs."""

import pytest

from tests.http.client import connect, post, request
from tests.http.edge import Edge

SMUGGLED = post(b"smuggled", path=b"/webhooks/sofy/smuggled")


def odd(headers: bytes, body: bytes = b"2\r\n{}\r\n0\r\n\r\n") -> bytes:
    return b"POST /webhooks/sofy/token HTTP/1.1\r\nhost: relay\r\n" + headers + b"\r\n" + body


CHUNKED = b"transfer-encoding: chunked\r\n"
REFUSED = {
    "length and chunked": odd(b"content-length: 2\r\n" + CHUNKED),
    "chunked and length": odd(CHUNKED + b"content-length: 2\r\n"),
    "two equal lengths": odd(b"content-length: 2\r\ncontent-length: 2\r\n", b"{}"),
    "two lengths": odd(b"content-length: 2\r\ncontent-length: 60\r\n", b"{}"),
    "a list of lengths": odd(b"content-length: 2, 2\r\n", b"{}"),
    "a length with a sign": odd(b"content-length: +2\r\n", b"{}"),
    "a negative length": odd(b"content-length: -2\r\n", b"{}"),
    "a hexadecimal length": odd(b"content-length: 0x2\r\n", b"{}"),
    "a length with an underscore": odd(b"content-length: 0_2\r\n", b"{}"),
    "an empty length": odd(b"content-length:\r\n", b"{}"),
    "a length beyond 64 bits": odd(b"content-length: 99999999999999999999\r\n", b"{}"),
    "gzip, chunked": odd(b"transfer-encoding: gzip, chunked\r\n"),
    "gzip": odd(b"transfer-encoding: gzip\r\n"),
    "identity": odd(b"transfer-encoding: identity\r\n", b"{}"),
    "chunked, gzip": odd(b"transfer-encoding: chunked, gzip\r\n"),
    "chunked, chunked": odd(b"transfer-encoding: chunked, chunked\r\n"),
    "chunked twice": odd(CHUNKED + CHUNKED),
    "gzip, then chunked": odd(b"transfer-encoding: gzip\r\n" + CHUNKED),
    "an unheard-of coding": odd(b"transfer-encoding: xchunked\r\n"),
    "chunked after a vertical tab": odd(b"transfer-encoding: \x0bchunked\r\n"),
    "a blank before the colon": odd(b"transfer-encoding : chunked\r\n"),
    "chunked in HTTP/1.0": odd(CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "bare LF after the request line": post().replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n"),
    "bare LF after a header": post().replace(b"host: relay\r\n", b"host: relay\n"),
    "bare LF after the head": post().replace(b"\r\n\r\n", b"\r\n\n"),
    "bare LF everywhere": post().replace(b"\r\n", b"\n"),
    "bare CR after a header": post().replace(b"host: relay\r\n", b"host: relay\r"),
    "a folded header": odd(b"x-long: a\r\n b\r\ncontent-length: 2\r\n", b"{}"),
    "a header folded with a tab": odd(b"x-long: a\r\n\tb\r\ncontent-length: 2\r\n", b"{}"),
    "a folded coding": odd(b"transfer-encoding:\r\n chunked\r\n"),
    "a blank before the first header": post().replace(b"host: relay", b" host: relay"),
    "a header without a colon": odd(b"content-length 2\r\n", b"{}"),
    "a header without a name": odd(b": x\r\ncontent-length: 2\r\n", b"{}"),
    "NUL in a header": odd(b"x-nul: \x00\r\ncontent-length: 2\r\n", b"{}"),
    "no host": b"POST /webhooks/sofy/token HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
    "two hosts": odd(b"host: other\r\ncontent-length: 2\r\n", b"{}"),
    "HTTP/0.9": b"GET /webhooks/sofy/token\r\n\r\n",
    "HTTP/1.2": post().replace(b"HTTP/1.1", b"HTTP/1.2"),
    "HTTP/2 in the open": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2.0 in words": post().replace(b"HTTP/1.1", b"HTTP/2.0"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a method in small letters": post().replace(b"POST", b"post"),
    "an unheard-of method": post().replace(b"POST", b"BREW"),
    "a blank in the path": post(path=b"/webhooks/sofy/a b"),
    "raw UTF-8 in the path": post(path="/webhooks/sofy/é".encode()),
    "an absolute URL without a path": post(path=b"http://relay"),
    "chunk size ended by LF": odd(CHUNKED, b"2\n{}\r\n0\r\n\r\n"),
    "chunk ended by LF": odd(CHUNKED, b"2\r\n{}\n0\r\n\r\n"),
    "a blank after the chunk size": odd(CHUNKED, b"2 \r\n{}\r\n0\r\n\r\n"),
    "a negative chunk": odd(CHUNKED, b"-2\r\n{}\r\n0\r\n\r\n"),
    "a prefixed chunk size": odd(CHUNKED, b"0x2\r\n{}\r\n0\r\n\r\n"),
    "a chunk size beyond 64 bits": odd(CHUNKED, b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    "LF in a chunk extension": odd(CHUNKED, b"2;a\nb\r\n{}\r\n0\r\n\r\n"),
    "a chunk longer than its size": odd(CHUNKED, b"2\r\n{} \r\n0\r\n\r\n"),
    "a length among the trailers": odd(CHUNKED, b"2\r\n{}\r\n0\r\ncontent-length: 2\r\n\r\n"),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
async def test_odd_framing_is_400_the_connection_closes_and_nothing_behind_it_runs(edge: Edge, data: bytes) -> None:
    async with connect(edge.port) as connection:
        answer = await connection.ask(data + SMUGGLED)
        rest = await connection.rest()

    assert (answer.status, answer.error, answer.closes, rest) == (400, "bad_framing", True, b"")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("request-")
    assert edge.handler.deliveries == []
    assert edge.observer.reasons == ["bad_framing"]


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
async def test_odd_framing_is_refused_byte_by_byte_too(edge: Edge, data: bytes) -> None:
    async with connect(edge.port) as connection:
        for place in range(len(data)):
            connection.writer.write(data[place : place + 1])
        connection.writer.write(SMUGGLED)
        answer = await connection.answer()
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (400, True, b"")
    assert edge.handler.deliveries == []


@pytest.mark.parametrize(
    "data",
    [
        odd(b"transfer-encoding: Chunked\r\n"),
        odd(b"transfer-encoding:\tchunked\r\n"),
        odd(CHUNKED, b"2;name=value\r\n{}\r\n000\r\n\r\n"),
        odd(CHUNKED, b"2\r\n{}\r\n0\r\nx-trailer: y\r\n\r\n"),
        b"\r\n" + post(),
        post().replace(b"host: relay", b"Host:relay"),
    ],
)
async def test_unusual_but_clear_framing_is_read_and_the_next_request_runs(edge: Edge, data: bytes) -> None:
    async with connect(edge.port) as connection:
        first = await connection.ask(data + post(b"next"))
        second = await connection.answer()

    assert (first.status, second.status) == (200, 200)
    assert [delivery.body for delivery in edge.handler.deliveries] == [b"{}", b"next"]


async def test_http_1_0_is_answered_and_closed(edge: Edge) -> None:
    data = b"POST /webhooks/sofy/token HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n{}"

    async with connect(edge.port) as connection:
        answer = await connection.ask(data)
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (200, True, b"")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_what_follows_a_request_that_closes_never_runs(edge: Edge, version: bytes) -> None:
    data = post(headers=b"connection: close\r\n").replace(b"HTTP/1.1", b"HTTP/" + version)

    async with connect(edge.port) as connection:
        answer = await connection.ask(data + SMUGGLED)
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (200, True, b"")
    assert [delivery.body for delivery in edge.handler.deliveries] == [b"{}"]


@pytest.mark.parametrize(
    "data",
    [
        request(b"POST", b"/nowhere", b"content-length: 500\r\n"),
        request(b"PUT", headers=b"content-length: 500\r\n"),
        request(b"GET", headers=b"content-length: 500\r\n"),
        request(b"POST", headers=b"content-length: 500\r\ncontent-encoding: gzip\r\n"),
        request(b"POST", headers=b"content-length: 52428800\r\n"),
    ],
)
async def test_a_request_hidden_in_an_unread_body_never_runs(edge: Edge, data: bytes) -> None:
    async with connect(edge.port) as connection:
        await connection.send(data)
        answer = await connection.answer()
        await connection.send(SMUGGLED)
        rest = await connection.rest()

    assert (answer.closes, rest) == (True, b"")
    assert edge.handler.claims == []
