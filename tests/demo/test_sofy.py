"""The small Sofy: proves itself as the real one does, believes only a 2xx, and replays everything else."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from relay.demo.lives import V1_ACCOUNT, V2_ACCOUNT, Webhook
from relay.demo.sofy import SmallSofy
from relay.sofy.authenticity import Authenticator, AuthenticDelivery, Claim, Credentials
from tests.demo.sofy_stand import NOW, SECRET, TOKEN, Answer, Stand, accepted, webhook

_AUTHENTICATOR = Authenticator(
    {
        V2_ACCOUNT: Credentials(secrets=(SECRET.encode(),)),
        V1_ACCOUNT: Credentials(tokens=(TOKEN.encode(),)),
    }
)


def _status(code: int) -> Answer:
    return lambda _request: httpx.Response(code)


def _unreachable(request: httpx.Request) -> httpx.Response:
    message = "nobody there"
    raise httpx.ConnectError(message, request=request)


@pytest.mark.parametrize("account", [V1_ACCOUNT, V2_ACCOUNT])
async def test_its_webhooks_are_authentic(account: str) -> None:
    stand = Stand()

    await stand.run(webhook(account=account))

    [request] = stand.requests
    token = request.url.path.removeprefix("/webhooks/sofy").removeprefix("/").encode() or None
    headers = [(name.lower(), value) for name, value in request.headers.raw]
    delivery = _AUTHENTICATOR.authenticate(
        Claim(None, token, headers), request.content, datetime.fromtimestamp(NOW, UTC)
    )
    assert isinstance(delivery, AuthenticDelivery)
    assert delivery.account == account


@pytest.mark.parametrize("failure", [_status(503), _status(401), _status(301), _unreachable])
async def test_what_is_not_answered_2xx_is_replayed_until_it_is(failure: Answer) -> None:
    stand = Stand([failure, failure, accepted])

    ledger = await stand.run(webhook())

    assert [request.content for request in stand.requests] == [webhook().body] * 3
    assert [attempt.acknowledged for attempt in stand.attempts] == [False, False, True]
    assert (ledger.sent, ledger.received) == (3, 1)


async def test_what_is_never_answered_2xx_is_given_up_and_not_called_lost() -> None:
    stand = Stand([_status(503)])

    ledger = await stand.run(webhook(), limit_s=0.0)

    assert (ledger.received, ledger.lost) == (0, 0)


async def test_what_was_answered_2xx_must_be_found() -> None:
    ledger = await Stand().run(webhook(1), webhook(2))

    assert (ledger.received, ledger.lost) == (2, 2)


async def test_the_answers_counts_are_passed_on() -> None:
    def counted(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"accepted": 0, "duplicates": 2, "dead_lettered": 1})

    stand = Stand([counted])

    await stand.run(webhook())

    [attempt] = stand.attempts
    assert (attempt.duplicates, attempt.dead_lettered) == (2, 1)


async def test_it_stops_when_told_though_more_would_be_due() -> None:
    stand, stop = Stand(), asyncio.Event()
    late = Webhook(3600.0, V2_ACCOUNT, b"", ())
    async with httpx.AsyncClient() as http:
        sofy = SmallSofy(
            iter([late]),
            None,  # type: ignore[arg-type]  # nothing is posted, which is the claim
            http,
            books=stand.books,
            watcher=stand,
            clock=lambda: 0.0,
            unix_time=lambda: 0.0,
        )
        sending = asyncio.create_task(sofy.send(stop))
        await asyncio.sleep(0)

        stop.set()
        await sending

    assert sofy.outstanding == 0
