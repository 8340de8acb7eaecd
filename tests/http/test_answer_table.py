"""Over TCP: which request gets which answer, and in which order the refusals stand."""

import pytest

from relay.pipeline import Accepted, Claim, Refused
from relay.reasons import Reason
from tests.http.client import chunked, connect, post, request
from tests.http.conftest import ServeEdge
from tests.http.edge import NOW, Edge
from tests.http.fakes import Ended

TOKEN = b"/webhooks/sofy/token"
GZIP = b"content-encoding: gzip\r\n"
HUGE = b"content-length: 52428800\r\n"


async def test_an_accepted_delivery_is_200_with_its_counts(edge: Edge) -> None:
    edge.handler.outcome = Accepted("shop", accepted=2, duplicates=1, dead_lettered=3)

    async with connect(edge.port) as connection:
        answer = await connection.ask(post(b'{"a":1}'))

    assert answer.status == 200
    assert answer.body == b'{"accepted":2,"duplicates":1,"dead_lettered":3}'
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == "request-1"
    assert edge.observer.ended == [Ended("shop", "accepted", "", 7)]


async def test_the_handler_gets_the_body_as_received_and_every_header(edge: Edge) -> None:
    body = b'\xef\xbb\xbf{"a" :\xff}\r\n'

    async with connect(edge.port) as connection:
        await connection.ask(post(body, headers=b"X-Sofy-Signature: one\r\nx-sofy-signature: Two\r\n"))

    [delivery] = edge.handler.deliveries
    assert delivery.body == body
    assert delivery.received_at == NOW
    assert delivery.claim.token == b"token"
    assert [value for name, value in delivery.claim.headers if name == b"x-sofy-signature"] == [b"one", b"Two"]


async def test_a_chunked_body_is_joined_and_its_trailers_never_become_headers(edge: Edge) -> None:
    data = chunked(b'{"a"', b":1}").removesuffix(b"\r\n") + b"x-sofy-signature: smuggled\r\n\r\n"

    async with connect(edge.port) as connection:
        answer = await connection.ask(data)

    assert answer.status == 200
    [delivery] = edge.handler.deliveries
    assert delivery.body == b'{"a":1}'
    assert b"x-sofy-signature" not in dict(delivery.claim.headers)


@pytest.mark.parametrize(
    ("path", "account", "token"),
    [
        (b"/webhooks/sofy", None, None),
        (b"/webhooks/sofy/", None, None),
        (b"/webhooks/sofy?x=%2F", None, None),  # the query is nobody's business
        (b"/webhooks/sofy/t%20k/", None, b"t k"),
        (b"/webhooks/sofy/accounts/shop", "shop", None),
        (b"http://relay/webhooks/sofy/token", None, b"token"),  # absolute form (RFC 9112, 3.2.2)
    ],
)
async def test_every_webhook_path_claims_what_it_names(
    edge: Edge, path: bytes, account: str | None, token: bytes | None
) -> None:
    async with connect(edge.port) as connection:
        answer = await connection.ask(post(path=path))

    assert answer.status == 200
    [claim] = edge.handler.claims
    assert claim == Claim(account, token, claim.headers)


@pytest.mark.parametrize("path", [b"/", b"/webhooks", b"/webhooks/sofy//", b"/metrics", b"/relay/webhooks/sofy"])
async def test_an_unknown_path_is_404_for_every_method(edge: Edge, path: bytes) -> None:
    async with connect(edge.port) as connection:
        answers = [await connection.ask(request(method, path)) for method in (b"POST", b"GET", b"PUT")]

    assert [(answer.status, answer.error) for answer in answers] == [(404, "unknown_path")] * 3


async def test_the_base_path_stands_before_the_webhook_paths(serve: ServeEdge) -> None:
    edge = await serve(base_path="/relay")

    async with connect(edge.port) as connection:
        below = await connection.ask(post(path=b"/relay/webhooks/sofy/token"))
        beside = await connection.ask(post(path=b"/webhooks/sofy/token"))

    assert (below.status, beside.status) == (200, 404)


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("path", [b"/webhooks/sofy", b"/webhooks/sofy/wrong", b"/webhooks/sofy/accounts/none"])
async def test_a_probe_is_204_and_empty_whatever_the_token(edge: Edge, method: bytes, path: bytes) -> None:
    edge.handler.screened = Reason.UNKNOWN_TOKEN

    async with connect(edge.port) as connection:
        answer = await connection.ask(request(method, path))
        again = await connection.ask(request(method, path))

    assert (answer.status, answer.body, again.status) == (204, b"", 204)
    assert "content-length" not in answer.headers
    assert edge.observer.ended == [Ended("", "probed", "", None)] * 2


async def test_an_error_to_head_carries_no_body(edge: Edge) -> None:
    async with connect(edge.port) as connection:
        await connection.send(request(b"HEAD", b"/nowhere"))
        answer = await connection.answer(to_head=True)
        probe = await connection.ask(request(b"GET"))

    assert (answer.status, probe.status) == (404, 204)


@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT"])
async def test_another_method_is_405_with_allow(edge: Edge, method: bytes) -> None:
    async with connect(edge.port) as connection:
        answer = await connection.ask(request(method))

    assert (answer.status, answer.error) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "get, head, post"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(b"PUT", b"/nowhere", GZIP + HUGE), 404),
        (request(b"PUT", TOKEN, GZIP + HUGE), 405),
        (request(b"GET", TOKEN, GZIP + HUGE), 204),
        (request(b"POST", TOKEN, GZIP + HUGE), 415),
        (request(b"POST", TOKEN, HUGE), 413),
        (request(b"POST", TOKEN, b"content-length: 5\r\n"), 401),
    ],
)
async def test_refusals_stand_in_their_order_and_none_of_them_reads_the_body(
    edge: Edge, data: bytes, status: int
) -> None:
    edge.handler.screened = Reason.UNKNOWN_TOKEN

    async with connect(edge.port) as connection:
        answer = await connection.ask(data)
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (status, True, b"")
    assert len(edge.handler.claims) == (1 if status == 401 else 0)
    assert edge.handler.deliveries == []


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b"identity", 200),
        (b"Identity, identity", 200),
        (b"", 200),
        (b"gzip", 415),
        (b"x-unheard-of", 415),
        (b"identity, gzip", 415),
        (b"identity\r\ncontent-encoding: br", 415),
    ],
)
async def test_only_identity_is_read_and_nothing_is_decompressed(edge: Edge, value: bytes, status: int) -> None:
    async with connect(edge.port) as connection:
        answer = await connection.ask(post(headers=b"content-encoding: " + value + b"\r\n"))

    assert answer.status == status
    assert answer.closes == (status == 415)
    assert len(edge.handler.deliveries) == (status == 200)


@pytest.mark.parametrize("content_type", [b"", b"content-type: text/plain\r\n", b"content-type: application/xml\r\n"])
async def test_the_content_type_is_not_looked_at(edge: Edge, content_type: bytes) -> None:
    async with connect(edge.port) as connection:
        answer = await connection.ask(post(headers=content_type))

    assert answer.status == 200


@pytest.mark.parametrize("reason", [Reason.UNKNOWN_TOKEN, Reason.OVERLOADED, Reason.KAFKA_UNREACHABLE])
async def test_a_screened_refusal_is_answered_and_a_whole_request_leaves_its_connection_open(
    edge: Edge, reason: Reason
) -> None:
    edge.handler.screened = reason

    async with connect(edge.port) as connection:
        first = await connection.ask(post())
        second = await connection.ask(post())

    assert [first.error, second.error] == [reason.value] * 2
    assert not first.closes
    assert edge.handler.deliveries == []


async def test_a_refused_delivery_keeps_the_account_that_was_proven(edge: Edge) -> None:
    edge.handler.outcome = Refused(Reason.UNEXPECTED_WEBHOOK_ID, "shop")

    async with connect(edge.port) as connection:
        answer = await connection.ask(post())

    assert (answer.status, answer.error) == (401, "unexpected_webhook_id")
    assert answer.headers["www-authenticate"] == 'basic realm="sofy-relay"'
    assert edge.observer.ended == [Ended("shop", "refused", "unexpected_webhook_id", 2)]


async def test_kafkas_refusal_is_503_with_retry_after(edge: Edge) -> None:
    edge.handler.outcome = Refused(Reason.NOT_ENOUGH_REPLICAS, "shop")

    async with connect(edge.port) as connection:
        answer = await connection.ask(post())

    assert (answer.status, answer.error) == (503, "not_enough_replicas")
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert edge.observer.ended == [Ended("shop", "deferred", "not_enough_replicas", 2)]


async def test_while_draining_every_answer_closes_its_connection(edge: Edge) -> None:
    edge.draining = True

    async with connect(edge.port) as first, connect(edge.port) as second, connect(edge.port) as third:
        answers = [await first.ask(post()), await second.ask(request(b"GET")), await third.ask(request(b"GET", b"/"))]
        rests = [await first.rest(), await second.rest(), await third.rest()]

    assert [(answer.status, answer.closes) for answer in answers] == [(200, True), (204, True), (404, True)]
    assert rests == [b"", b"", b""]
