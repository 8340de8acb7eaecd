"""One call of Sofy's API: every way to fail is one sentence without a secret; what may be repeated is, bounded."""

import socket
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from relay.sofy.api.calls import MOST_ANSWER_BYTES, Call, Patience, opened
from relay.sofy.api.errors import ApiError, Asked, Trouble, trouble_of
from relay.sofy.api.keys import ApiVersion, can_be_sent
from tests.simulator.receiver import CLOSE, HANG, Reply, answer
from tests.sofy.api_stand import KEYS, PLANTED, QUICK, Script, as_json, in_turn, scripted, unheard

CALL = Call("Listing v2's webhooks", "GET", "/v2/webhooks")
FINE = as_json(200, [])
HASTY = Patience(answer_within_s=0.2, attempts=1)


async def failure(script: Script, patience: Patience = QUICK) -> tuple[ApiError, int]:
    """How a call ends that is repeated as often as may be, and how many requests that took."""
    async with scripted(script, patience=patience) as (calls, server):
        with pytest.raises(ApiError) as raised:
            await calls.repeatedly(lambda: calls.once(CALL))
        return raised.value, len(server.received)


@pytest.mark.parametrize(
    ("reply", "trouble", "words"),
    [
        (answer(401), Trouble.UNAUTHORIZED, "does not know this key (401); check the token"),
        (answer(403), Trouble.FORBIDDEN, "does not let this key do that (403)"),
        (answer(404), Trouble.NOT_FOUND, "has no such place (404); check RELAY_SOFY__API_URL"),
        (answer(422), Trouble.REJECTED, "rejects the request (422); check the URL"),
        (answer(302, Location="http://127.0.0.1:1/"), Trouble.REDIRECTED, "a redirect (302), which would take the key"),
        (answer(200, b"<html>"), Trouble.NOT_JSON, "is not JSON; check RELAY_SOFY__API_URL"),
        (answer(200, b"["), Trouble.NOT_JSON, "is not JSON"),
        (answer(200, b"[" * 100_000), Trouble.NOT_JSON, "is not JSON"),
        (answer(200, b"\xff"), Trouble.NOT_JSON, "is not JSON"),
        (answer(200, b" " * (MOST_ANSWER_BYTES + 1)), Trouble.UNEXPECTED, "has not the form"),
        (Reply(b"SSH-2.0-nobody\r\n\r\n", "close"), Trouble.NOT_HTTP, "does not answer in HTTP"),
    ],
)
async def test_what_no_repetition_mends_is_said_at_once(reply: Reply, trouble: Trouble, words: str) -> None:
    error, requests = await failure(in_turn(reply, FINE))

    assert (error.trouble, requests) == (trouble, 1)
    assert str(error).startswith("Listing v2's webhooks failed: ")
    assert words in str(error)


@pytest.mark.parametrize(
    ("reply", "trouble", "words"),
    [
        (answer(429), Trouble.TOO_MANY_REQUESTS, "takes no more requests for now (429); try again later"),
        (answer(500), Trouble.SERVER_FAULT, "a fault of its own (500); try again later"),
        (answer(503), Trouble.SERVER_FAULT, "a fault of its own (503)"),
        (CLOSE, Trouble.DISCONNECTED, "ended the connection without an answer"),
    ],
)
async def test_what_may_pass_is_asked_again_a_bounded_number_of_times(
    reply: Reply, trouble: Trouble, words: str
) -> None:
    error, requests = await failure(in_turn(reply))

    assert error.trouble is trouble
    # aiohttp itself asks once more where a kept connection turns out to be closed.
    assert QUICK.attempts <= requests <= 2 * QUICK.attempts
    assert words in str(error)


@pytest.mark.parametrize("reply", [answer(429), answer(429, Retry_After="0"), answer(500), answer(502), CLOSE])
async def test_a_repetition_that_succeeds_is_the_answer_and_the_wait_is_told(reply: Reply) -> None:
    notices: list[str] = []
    async with scripted(in_turn(reply, as_json(200, ["an answer"])), notices=notices) as (calls, _):
        given = await calls.repeatedly(lambda: calls.once(CALL))

    assert given == ["an answer"]
    assert [notice.rpartition(";")[2] for notice in notices] == [" trying again in 0.0 s."] * len(notices)


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    error, requests = await failure(in_turn(HANG), Patience(answer_within_s=0.1, attempts=2, first_wait_s=0.001))

    assert (error.trouble, requests) == (Trouble.TIMED_OUT, 2)
    assert "did not answer in time" in str(error)


async def test_an_answer_that_never_ends_is_given_up() -> None:
    endless = Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "trickle")

    error, _ = await failure(in_turn(endless), HASTY)

    assert error.trouble is Trouble.TIMED_OUT


async def test_a_port_that_nobody_listens_on_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async with opened(f"http://127.0.0.1:{port}", KEYS[ApiVersion.V1], patience=HASTY, notice=unheard) as calls:
        with pytest.raises(ApiError) as raised:
            await calls.once(CALL)

    assert raised.value.trouble is Trouble.REFUSED
    assert f"http://127.0.0.1:{port} refuses connections; check RELAY_SOFY__API_URL" in str(raised.value)


async def test_a_host_that_has_no_address_is_named() -> None:
    async with opened("http://nobody.invalid", KEYS[ApiVersion.V1], patience=HASTY, notice=unheard) as calls:
        with pytest.raises(ApiError) as raised:
            await calls.once(CALL)

    assert raised.value.trouble in {Trouble.UNKNOWN_HOST, Trouble.TIMED_OUT}


async def test_tls_that_is_none_is_refused() -> None:
    async with (
        scripted(in_turn(FINE)) as (_, server),
        opened(f"https://127.0.0.1:{server.port}", KEYS[ApiVersion.V1], patience=HASTY, notice=unheard) as calls,
    ):
        with pytest.raises(ApiError) as raised:
            await calls.once(CALL)

    assert raised.value.trouble in {Trouble.CERTIFICATE, Trouble.TIMED_OUT}


@pytest.mark.parametrize("asked", ["3600", "99999999999999999999", format_datetime(datetime(2999, 1, 1, tzinfo=UTC))])
async def test_a_longer_absence_than_a_person_waits_for_is_told_instead(asked: str) -> None:
    error, requests = await failure(in_turn(answer(429, Retry_After=asked), FINE))

    assert requests == 1
    assert error.retry_after_s is not None
    assert f"try again in {error.retry_after_s:.0f} s." in str(error)


@pytest.mark.parametrize("asked", ["0", "nonsense", "-5", "", format_datetime(datetime(2020, 1, 1, tzinfo=UTC))])
async def test_a_retry_after_of_no_use_does_no_harm(asked: str) -> None:
    async with scripted(in_turn(answer(503, Retry_After=asked), FINE)) as (calls, server):
        await calls.repeatedly(lambda: calls.once(CALL))

        assert len(server.received) == 2


async def test_a_retry_after_is_waited_for() -> None:
    notices: list[str] = []
    async with scripted(in_turn(answer(429, Retry_After="1"), FINE), notices=notices) as (calls, _):
        await calls.repeatedly(lambda: calls.once(CALL))

    assert [notice.endswith("(429); trying again in 1.0 s.") for notice in notices] == [True]


async def test_no_error_and_no_notice_holds_a_secret() -> None:
    told: list[str] = []
    for status in (301, 400, 401, 403, 404, 409, 429, 500):
        reply = as_json(status, {"message": f"{PLANTED} +590690112233"}, Location=f"http://127.0.0.1:1/{PLANTED}")
        async with scripted(in_turn(reply), notices=told) as (calls, _):
            with pytest.raises(ApiError) as raised:
                await calls.repeatedly(lambda calls=calls: calls.once(CALL))  # type: ignore[misc] # a default's type
            told += [str(raised.value), repr(raised.value)]

    assert len(told) > 16
    assert not [sentence for sentence in told if PLANTED in sentence or "590690112233" in sentence]
    assert PLANTED not in repr(KEYS)


async def test_each_key_goes_into_its_own_headers() -> None:
    sent = {}
    for version, key in KEYS.items():
        async with scripted(in_turn(FINE), key=key) as (calls, server):
            await calls.once(CALL)
            sent[version] = server.received[0].headers

    assert sent[ApiVersion.V1]["x-api-key-id"] == "a location"
    assert sent[ApiVersion.V1]["x-api-key-secret"] == f"{PLANTED}-key"
    assert "authorization" not in sent[ApiVersion.V1]
    assert sent[ApiVersion.V2]["authorization"] == f"Bearer sofy_live_{PLANTED}"


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_a_sentence_with_an_advice(trouble: Trouble) -> None:
    said = str(ApiError(trouble, Asked("Asking", "https://api.sofy.fr", KEYS[ApiVersion.V2]), status=599))

    assert said.startswith("Asking failed: ")
    assert "; " in said
    assert said.endswith(".")
    assert not set("{}") & set(said)


@pytest.mark.parametrize("status", range(200, 600))
def test_only_a_2xx_is_a_success(status: int) -> None:
    assert (trouble_of(status) is None) == (status < 300)


@pytest.mark.parametrize("secret", ["", "two words", "line\nbreak", "é", "tab\t"])
def test_what_no_header_can_carry_is_no_key(secret: str) -> None:
    assert not can_be_sent(secret)
    assert can_be_sent("sofy_live_1")
