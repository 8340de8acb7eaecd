"""One POST: an absolute limit for the whole answer, no redirect, and every way to fail has its name."""

import base64
import time

import pytest

from relay.simulator.poster import ANSWER_WITHIN_S, Answer, Poster, Trouble
from tests.simulator.receiver import CLOSE, HANG, Receiver, Reply, answer

LIMIT_S = 0.2
_HALF_AN_ANSWER = Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "hang")
_BROKEN_OFF = Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "close")


async def _post(reply: Reply, *, limit_s: float = LIMIT_S) -> Answer | Trouble:
    async with Receiver(lambda _: reply) as receiver, Poster(answer_within_s=limit_s) as poster:
        return await poster.post(receiver.url, {}, b"{}")


def test_the_limit_is_sofys_four_seconds() -> None:
    assert Poster().answer_within_s == ANSWER_WITHIN_S == 4.0


@pytest.mark.parametrize("status", [200, 204, 301, 302, 307, 308, 401, 410, 500, 503])
async def test_an_answer_is_told_as_it_is_and_never_followed(status: int) -> None:
    async with Receiver(lambda _: answer(status, Location="/elsewhere", Retry_After="7")) as receiver:
        async with Poster() as poster:
            result = await poster.post(receiver.url, {"X-Some": "header"}, b"body")

        assert result == Answer(status, "7", b"")
        assert [(each.path, each.body) for each in receiver.received] == [("/webhooks/sofy/token", b"body")]
        assert receiver.received[0].headers["x-some"] == "header"


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        (HANG, Trouble.TIMED_OUT),
        (_HALF_AN_ANSWER, Trouble.TIMED_OUT),  # its status came in time, but not its end
        (CLOSE, Trouble.DISCONNECTED),
        (_BROKEN_OFF, Trouble.DISCONNECTED),
        (Reply(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "close"), Trouble.NOT_HTTP),
    ],
    ids=["silent", "half", "closed", "broken off", "another protocol"],
)
async def test_what_is_no_complete_answer_has_its_name(reply: Reply, trouble: Trouble) -> None:
    assert await _post(reply) is trouble


async def test_nobody_listening_is_a_refused_connection() -> None:
    async with Receiver() as receiver:
        url = receiver.url

    async with Poster() as poster:
        assert await poster.post(url, {}, b"") is Trouble.REFUSED


async def test_a_host_that_does_not_exist_is_unreachable() -> None:
    async with Poster() as poster:
        assert await poster.post("http://sofy.invalid/", {}, b"") is Trouble.UNREACHABLE


async def test_the_limit_is_absolute_even_while_bytes_keep_coming() -> None:
    started = time.monotonic()
    result = await _post(Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "trickle"))
    took = time.monotonic() - started

    assert result is Trouble.TIMED_OUT
    assert LIMIT_S - 0.01 <= took < ANSWER_WITHIN_S


async def test_a_shorter_limit_may_be_given_for_one_request() -> None:
    async with Receiver(lambda _: HANG) as receiver, Poster() as poster:
        assert await poster.post(receiver.url, {}, b"", within_s=0.01) is Trouble.TIMED_OUT


async def test_a_long_answer_is_read_to_its_end_and_only_its_beginning_kept() -> None:
    result = await _post(answer(200, b"x" * 1_000_000), limit_s=ANSWER_WITHIN_S)

    assert isinstance(result, Answer)
    assert result.body == b"x" * 4096


async def test_connections_are_kept() -> None:
    async with Receiver() as receiver, Poster() as poster:
        for _ in range(3):
            await poster.post(receiver.url, {}, b"")

        assert {each.connection for each in receiver.received} == {1}


async def test_user_and_password_of_the_url_are_sent_as_basic_authentication() -> None:
    async with Receiver() as receiver, Poster() as poster:
        await poster.post(f"http://sofy:tok%2Fen@127.0.0.1:{receiver.port}/webhooks/sofy", {}, b"")

    expected = base64.b64encode(b"sofy:tok/en").decode()
    assert receiver.received[0].headers["authorization"] == f"Basic {expected}"


async def test_an_escaped_path_stays_as_it_was_registered() -> None:
    async with Receiver() as receiver, Poster() as poster:
        await poster.post(f"http://127.0.0.1:{receiver.port}/webhooks/sofy/a%2Fb%20c", {}, b"")

    assert receiver.received[0].path == "/webhooks/sofy/a%2Fb%20c"


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    assert await _post(answer(200)) == Answer(200, None, b"")


async def test_posting_needs_an_entered_poster() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Poster().post("http://127.0.0.1:1/", {}, b"")
