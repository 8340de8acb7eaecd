"""Registrations through Sofy's API, against the simulator's REST and against servers that answer badly."""

import json

import pytest

from relay.sofy.api.calls import opened
from relay.sofy.api.errors import ApiError, Trouble, UncertainError, UnknownWebhookError
from relay.sofy.api.keys import ApiVersion
from relay.sofy.api.webhooks import Made, Webhooks
from tests.simulator.receiver import CLOSE, Received, Reply, answer
from tests.sofy.api_stand import (
    HOOK,
    KEYS,
    PLANTED,
    QUICK,
    Script,
    as_json,
    by_method,
    entry,
    in_turn,
    method,
    scripted,
    simulated,
    unheard,
)

EVENTS = ("sms.status",)
OTHER = "https://elsewhere.example.com/hook"
NONE: Script = in_turn(as_json(200, []))
ONE: Script = in_turn(as_json(200, [entry("other", OTHER), entry("made")]))

both = pytest.mark.parametrize("version", ApiVersion)


async def registering(post: Script, get: Script) -> tuple[Made | Exception, list[str]]:
    """How a registration ends, and which requests that took."""
    async with scripted(by_method(POST=post, GET=get)) as (calls, server):
        try:
            ended: Made | Exception = await Webhooks(calls).register(HOOK, EVENTS)
        except (ApiError, UncertainError) as error:
            ended = error
        return ended, [method(request) for request in server.received]


@both
async def test_what_is_registered_is_listed_until_it_is_deleted(version: ApiVersion) -> None:
    async with simulated() as address, opened(address, KEYS[version], patience=QUICK, notice=unheard) as calls:
        webhooks = Webhooks(calls)
        before = await webhooks.registered()
        made = await webhooks.register(HOOK, ("sms.status", "sms.reply"))
        (listed,) = await webhooks.registered()
        await webhooks.delete(made.registration.id)
        after = await webhooks.registered()

    assert (before, after) == ([], [])
    assert (listed.id, listed.version, listed.url) == (made.registration.id, version, HOOK)
    assert (listed.events, listed.created_at) == (("sms.status", "sms.reply"), "2024-01-01T00:00:00.000Z")
    assert (made.secret is None) == (version is ApiVersion.V1)
    assert PLANTED not in repr(listed)
    assert made.secret is None or made.secret not in repr(made)


@both
async def test_an_id_that_nobody_has_is_said_so(version: ApiVersion) -> None:
    async with simulated() as address, opened(address, KEYS[version], patience=QUICK, notice=unheard) as calls:
        with pytest.raises(UnknownWebhookError, match="no webhook of that id"):
            await Webhooks(calls).delete("../webhooks?/#")


@pytest.mark.parametrize(
    "content",
    [
        [{"id": "1"}],
        [{"url": HOOK}],
        [{"id": True, "url": HOOK}],
        [{"id": " ", "url": HOOK}],
        [{"id": "1", "url": 5}],
        [{"id": "1", "url": HOOK, "events": "sms.status"}],
        ["1"],
        [None],
        {},
        {"data": {}},
        "[]",
        7,
        None,
    ],
)
async def test_a_list_of_another_form_is_told_and_never_guessed_at(content: object) -> None:
    async with scripted(in_turn(as_json(200, content))) as (calls, server):
        with pytest.raises(ApiError) as raised:
            await Webhooks(calls).registered()

        assert len(server.received) == 1

    assert raised.value.trouble is Trouble.UNEXPECTED
    assert PLANTED not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "events", "created_at"),
    [
        ([{"id": 12, "url": HOOK, "secret": "x", "new": {}}], None, None),
        ([{"id": "12", "url": HOOK, "events": [], "createdAt": 5}], (), None),
        ({"data": [{"id": "12", "url": HOOK, "events": ["a.b"], "createdAt": "t"}], "total": 1}, ("a.b",), "t"),
    ],
)
async def test_only_id_and_url_are_indispensable_in_a_list(
    content: object, events: tuple[str, ...] | None, created_at: str | None
) -> None:
    async with scripted(in_turn(as_json(200, content))) as (calls, _):
        (listed,) = await Webhooks(calls).registered()

    assert (listed.id, listed.events, listed.created_at) == ("12", events, created_at)


async def test_a_refused_registration_is_not_looked_for() -> None:
    error, requests = await registering(in_turn(answer(422)), ONE)

    assert isinstance(error, ApiError)
    assert requests == ["POST"]


async def test_a_registration_that_was_not_let_in_is_simply_repeated() -> None:
    made, requests = await registering(in_turn(answer(429), as_json(201, {"id": "made", "secret": "s"})), ONE)

    assert isinstance(made, Made)
    assert (made.registration.id, made.secret, made.answer_lost) == ("made", "s", False)
    assert requests == ["POST", "POST"]


@pytest.mark.parametrize("lost", [CLOSE, answer(500), answer(502), answer(201, b"<html>"), as_json(201, {"no": "id"})])
async def test_a_registration_whose_answer_is_lost_is_looked_for_and_not_made_again(lost: Reply) -> None:
    made, requests = await registering(in_turn(lost), ONE)

    assert isinstance(made, Made)
    assert (made.registration.id, made.secret, made.answer_lost, made.copies) == ("made", None, True, ())
    assert requests == ["POST", "GET"]


async def test_a_registration_that_the_list_does_not_show_is_made_again() -> None:
    post = in_turn(answer(500), as_json(201, {"id": "made", "secret": "s"}))

    made, requests = await registering(post, in_turn(as_json(200, []), as_json(200, [entry("made")])))

    assert isinstance(made, Made)
    assert (made.secret, made.answer_lost, made.copies) == ("s", False, ())
    assert requests == ["POST", "GET", "POST", "GET"]


async def test_a_first_attempt_that_comes_true_late_is_told() -> None:
    post = in_turn(answer(500), as_json(201, {"id": "made", "secret": "s"}))
    late = as_json(200, [entry("late"), entry("made")])

    made, _ = await registering(post, in_turn(as_json(200, []), late))

    assert isinstance(made, Made)
    assert (made.registration.id, made.copies) == ("made", ("late",))


async def test_a_registration_that_always_fails_is_an_error_after_a_last_look() -> None:
    error, requests = await registering(in_turn(answer(500)), NONE)

    assert isinstance(error, ApiError)
    assert "fault of its own (500)" in str(error)
    assert requests == ["POST", "GET"] * QUICK.attempts


async def test_where_the_list_fails_too_nobody_claims_to_know() -> None:
    error, requests = await registering(in_turn(answer(500)), in_turn(answer(500)))

    assert isinstance(error, UncertainError)
    assert "look with `relay webhooks list`" in str(error)
    assert requests.count("POST") == 1
    assert PLANTED not in str(error)


async def test_a_deletion_whose_answer_was_lost_is_no_error() -> None:
    async with scripted(in_turn(answer(500), answer(404))) as (calls, server):
        await Webhooks(calls).delete("an id")

        assert [request.path for request in server.received] == ["/v2/webhooks/an%20id"] * 2


async def test_what_is_sent_is_the_url_and_the_events() -> None:
    bodies: list[Received] = []

    def post(request: Received) -> Reply:
        bodies.append(request)
        return as_json(201, {"id": 5})

    async with scripted(by_method(POST=post), key=KEYS[ApiVersion.V1]) as (calls, _):
        made = await Webhooks(calls).register(HOOK, EVENTS)

    assert [(it.path, json.loads(it.body)) for it in bodies] == [
        ("/v1/webhooks", {"url": HOOK, "events": ["sms.status"]})
    ]
    assert made.registration.id == "5"
