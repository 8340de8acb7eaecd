"""Asking Sofy about one SMS, over TCP: the id goes out to the letter, the answer comes back whatever it holds."""

import asyncio
import itertools
import time
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sofy.api.errors import ApiError, Asked, Trouble
from relay.sofy.api.keys import ApiVersion
from relay.sofy.api.pacing import Pace
from relay.sofy.api.sms import LONGEST_ID, SmsOfSofy, UnknownSmsError, can_be_asked, concerns_all
from tests.simulator.receiver import Reply, answer
from tests.sofy.api_stand import KEYS, PLANTED, Script, as_json, in_turn, scripted


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pace(clock: Clock, rate: float = 1000.0) -> Pace:
    return Pace(rate, clock=clock, sleep=clock.sleep)


async def asked(sms_id: str, script: Script) -> tuple[object, list[str]]:
    """What comes of asking, and the paths that were asked for."""
    async with scripted(script) as (calls, server):
        given = await SmsOfSofy(calls, pace(Clock())).ask(sms_id)
        return given, [request.path for request in server.received]


async def test_the_answer_is_given_as_it_came() -> None:
    told = {"id": "abc", "status": "delivered", "isSmsFallback": True, "price": 0.08, "x": [None, {}]}

    given, paths = await asked("abc", in_turn(as_json(200, told)))

    assert given == told
    assert paths == ["/v2/sms/abc"]


async def test_it_is_asked_with_the_bearer_token() -> None:
    async with scripted(in_turn(as_json(200, {}))) as (calls, server):
        await SmsOfSofy(calls, pace(Clock())).ask("abc")

        assert server.received[0].headers["authorization"] == f"Bearer sofy_live_{PLANTED}"


@pytest.mark.parametrize(
    ("sms_id", "path"),
    [
        ("8_zyfMv7Q_o7ovXviPUu3", "8_zyfMv7Q_o7ovXviPUu3"),
        ("../webhooks", "..%2Fwebhooks"),
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("%2e%2e", "%252e%252e"),
        ("é ü", "%C3%A9%20%C3%BC"),
        ("...", "..."),
        ("a\\b\x00", "a%5Cb%00"),
    ],
)
async def test_an_id_with_odd_letters_is_one_part_of_the_path(sms_id: str, path: str) -> None:
    _, paths = await asked(sms_id, in_turn(as_json(200, {})))

    assert paths == [f"/v2/sms/{path}"]
    assert unquote(path) == sms_id


@pytest.mark.parametrize("sms_id", ["", ".", "..", "x" * (LONGEST_ID + 1)])
def test_what_is_no_part_of_a_path_cannot_be_asked_about(sms_id: str) -> None:
    assert not can_be_asked(sms_id)


async def test_an_sms_that_sofy_does_not_know_is_no_failure_of_the_api() -> None:
    with pytest.raises(UnknownSmsError):
        await asked("abc", in_turn(answer(404)))


@pytest.mark.parametrize(
    "reply",
    [
        as_json(200, []),
        as_json(200, "delivered"),
        as_json(200, None),
        answer(200, b""),
        answer(200, b'{"id":"\\ud800"}'),  # Python takes it, Kafka would not
        answer(200, b'{"x":' + b"[" * 700 + b"]" * 700 + b"}"),
    ],
)
async def test_an_answer_of_another_form_is_a_failure(reply: Reply) -> None:
    with pytest.raises(ApiError) as raised:
        await asked("abc", in_turn(reply))

    assert raised.value.trouble in {Trouble.UNEXPECTED, Trouble.NOT_JSON}
    assert "abc" not in str(raised.value)


async def test_what_may_pass_is_asked_again_and_waits_for_its_turn_again() -> None:
    clock = Clock()
    async with scripted(in_turn(answer(429, Retry_After="0"), answer(503), as_json(200, {"id": "abc"}))) as (calls, it):
        given = await SmsOfSofy(calls, pace(clock, rate=2.0)).ask("abc")

        assert given == {"id": "abc"}
        assert len(it.received) == 3
    assert clock.slept == [0.5, 0.5]


@pytest.mark.parametrize("trouble", Trouble)
def test_it_is_known_which_failures_the_next_sms_would_meet_too(trouble: Trouble) -> None:
    of_one = {Trouble.REJECTED, Trouble.UNEXPECTED, Trouble.SERVER_FAULT, Trouble.TIMED_OUT}

    error = ApiError(trouble, Asked("Asking", "https://api.sofy.fr", KEYS[ApiVersion.V2]), status=599)

    assert concerns_all(error) == (trouble not in of_one)


@given(st.floats(0.01, 1000), st.lists(st.floats(0, 5), min_size=2, max_size=20))
async def test_turns_are_never_closer_than_the_rate_says(rate: float, work: list[float]) -> None:
    clock = Clock()
    its = pace(clock, rate)
    turns = []

    for seconds in work:
        await its.turn()
        turns.append(clock.now)
        clock.now += seconds

    apart = [later - earlier for earlier, later in itertools.pairwise(turns)]
    assert min(apart) >= 1 / rate - 1e-6


async def test_a_pause_is_not_caught_up_on() -> None:
    clock = Clock()
    its = pace(clock, rate=1.0)
    await its.turn()
    clock.now += 60

    for _ in range(3):
        await its.turn()

    assert clock.slept == [1.0, 1.0]


async def test_a_pace_keeps_real_time() -> None:
    its = Pace(100.0, clock=time.monotonic, sleep=asyncio.sleep)
    begun = time.monotonic()

    for _ in range(6):
        await its.turn()

    assert time.monotonic() - begun >= 0.049
