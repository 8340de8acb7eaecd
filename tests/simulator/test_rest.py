"""Sofy's REST: keys, registrations with secrets, SMS; what it refuses, and how."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from relay.simulator.accounts import Accounts
from relay.simulator.courses import DELIVERED, Version
from relay.simulator.poster import Poster
from relay.simulator.registrations import Registrations
from relay.simulator.rest import MOST_BODY_BYTES, MOST_REGISTRATIONS, Rest
from relay.simulator.sofy import MOST_REMEMBERED, Sofy, Ways
from relay.sofy.authenticity import sign
from tests.simulator.reading import EPOCH, registration
from tests.simulator.receiver import Receiver
from tests.simulator.watching import Memory

V1 = {"X-API-KEY-ID": "a location", "X-API-KEY-SECRET": "its secret"}
V2 = {"Authorization": "Bearer sofy_live_1"}
KEYS = {Version.V1: V1, Version.V2: V2}
OTHER_KEYS = {Version.V1: {**V1, "X-API-KEY-ID": "another"}, Version.V2: {"Authorization": "Bearer sofy_live_2"}}
SMS = {"from": "36789", "to": "33199000000", "body": "Bonjour", "shortenUrls": False, "isTransactional": True}
HOOK = {"url": "http://127.0.0.1:1/webhooks/sofy/token", "events": ["sms.status"]}

both = pytest.mark.parametrize("version", Version)


class Clock:
    """The time of day, set by hand."""

    def __init__(self) -> None:
        self.now = EPOCH.timestamp()

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def serving(
    ways: Ways = Ways(time_scale=0, courses=(DELIVERED,)),  # noqa: B008 - a frozen value
    clock: Clock | None = None,
) -> AsyncIterator[tuple[httpx.AsyncClient, Sofy]]:
    async with Poster() as poster:
        sofy = Sofy(poster, Memory(), ways, clock=clock or Clock())
        transport = httpx.ASGITransport(Rest(sofy).app())
        async with sofy.running(), httpx.AsyncClient(transport=transport, base_url="http://sofy.test") as client:
            yield client, sofy


async def test_v1_answers_a_send_with_the_pending_sms() -> None:
    async with serving() as (client, _):
        answer = await client.post("/v1/sms", json=SMS, headers=V1)

    sms = answer.json()
    assert answer.status_code == 201
    assert (sms["status"], sms["statusReason"], sms["from"], sms["to"]) == ("pending", "", "36789", "33199000000")
    assert sms["createdAt"] == "2024-01-01T00:00:00.000Z"
    assert "isSmsFallback" not in sms


async def test_v2_says_beside_it_that_it_is_no_fallback() -> None:
    async with serving() as (client, _):
        assert (await client.post("/v2/sms", json=SMS, headers=V2)).json()["isSmsFallback"] is False


@both
async def test_an_sms_can_be_followed_to_its_end(version: Version) -> None:
    clock = Clock()
    async with serving(Ways(courses=(DELIVERED,)), clock) as (client, _):
        sms_id = (await client.post(f"/{version}/sms", json=SMS, headers=KEYS[version])).json()["id"]
        statuses = []
        for later_s in (0, 2, 60):
            clock.now = EPOCH.timestamp() + later_s
            statuses.append((await client.get(f"/{version}/sms/{sms_id}", headers=KEYS[version])).json()["status"])

    assert statuses == ["pending", "sent", "delivered"]


@both
async def test_an_sms_is_told_to_the_webhooks_of_its_own_key(version: Version) -> None:
    async with serving() as (client, sofy), Receiver() as receiver:
        hook = {**HOOK, "url": receiver.url}
        made = (await client.post(f"/{version}/webhooks", json=hook, headers=KEYS[version])).json()
        await client.post(f"/{version}/sms", json=SMS, headers=OTHER_KEYS[version])
        await client.post(f"/{version}/sms", json=SMS, headers=KEYS[version])
        await sofy.engine.idle()

    assert len(receiver.received) == 2
    for request in receiver.received:
        assert made["id"].encode() in request.body
        if version is Version.V2:
            timestamp, signature = request.headers["x-sofy-timestamp"], request.headers["x-sofy-signature"]
            assert sign(made["secret"].encode(), timestamp.encode(), request.body).hex() == signature
        else:
            assert "x-sofy-signature" not in request.headers


async def test_a_secret_is_shown_once_by_v2_and_never_by_v1() -> None:
    async with serving() as (client, _):
        made = [await client.post(f"/{v}/webhooks", json=HOOK, headers=KEYS[v]) for v in Version]
        listed = [await client.get(f"/{v}/webhooks", headers=KEYS[v]) for v in Version]

    assert [answer.status_code for answer in made] == [201, 201]
    assert ["secret" in answer.json() for answer in made] == [False, True]
    for answer, listing in zip(made, listed, strict=True):
        assert listing.json() == [{name: value for name, value in answer.json().items() if name != "secret"}]


@both
async def test_a_deleted_webhook_is_gone(version: Version) -> None:
    async with serving() as (client, _):
        hook = (await client.post(f"/{version}/webhooks", json=HOOK, headers=KEYS[version])).json()["id"]
        theirs = await client.delete(f"/{version}/webhooks/{hook}", headers=OTHER_KEYS[version])
        ours = await client.delete(f"/{version}/webhooks/{hook}", headers=KEYS[version])
        again = await client.delete(f"/{version}/webhooks/{hook}", headers=KEYS[version])
        listed = await client.get(f"/{version}/webhooks", headers=KEYS[version])

    assert [answer.status_code for answer in (theirs, ours, again)] == [404, 204, 404]
    assert ours.content == b""
    assert listed.json() == []


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        (Version.V1, {}),
        (Version.V1, {"X-API-KEY-ID": "a location"}),
        (Version.V1, {"X-API-KEY-ID": "a location", "X-API-KEY-SECRET": ""}),
        (Version.V1, {"X-API-KEY-ID": "a location", "X-API-KEY-SECRET": "another secret"}),
        (Version.V1, V2),
        (Version.V2, {}),
        (Version.V2, V1),
        (Version.V2, {"Authorization": "Bearer sofy_live_"}),
        (Version.V2, {"Authorization": "Bearer something"}),
        (Version.V2, {"Authorization": "Basic sofy_live_1"}),
    ],
)
async def test_without_a_right_key_everything_is_401(version: Version, headers: dict[str, str]) -> None:
    async with serving() as (client, _):
        await client.get("/v1/webhooks", headers=V1)  # whose first secret is the one that it keeps
        answers = [
            await client.post(f"/{version}/sms", json=SMS, headers=headers),
            await client.get(f"/{version}/sms/some", headers=headers),
            await client.post(f"/{version}/webhooks", json=HOOK, headers=headers),
            await client.get(f"/{version}/webhooks", headers=headers),
            await client.delete(f"/{version}/webhooks/some", headers=headers),
        ]

    assert [answer.status_code for answer in answers] == [401] * 5
    assert {answer.json()["error"] for answer in answers} == {"unauthorized"}


def test_not_more_key_pairs_are_remembered_than_memory_allows() -> None:
    accounts = Accounts()
    for number in range(1000):
        assert accounts.identify(Version.V1, {"X-API-KEY-ID": str(number), "X-API-KEY-SECRET": "s"})

    assert accounts.identify(Version.V1, {"X-API-KEY-ID": "one more", "X-API-KEY-SECRET": "s"}) is None


@both
@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("sms", {**SMS, "to": ""}, "to"),
        ("sms", {"from": "36789", "to": "33199000000"}, "body"),
        ("sms", {**SMS, "to": 33199000000}, "to"),
        ("sms", {**SMS, "isTransactional": "yes"}, "isTransactional"),
        ("sms", {**SMS, "body": "x" * 1601}, "body"),
        ("sms", [], ""),
        ("webhooks", {"events": ["sms.status"]}, "url"),
        ("webhooks", {**HOOK, "url": "/webhooks"}, "url"),
        ("webhooks", {**HOOK, "url": "ftp://host/"}, "url"),
        ("webhooks", {**HOOK, "url": "http://[::1/"}, "url"),
        ("webhooks", {**HOOK, "events": []}, "events"),
        ("webhooks", {**HOOK, "events": ["sms.sent"]}, "events.0"),
    ],
)
async def test_a_wrong_field_is_422_and_named_but_not_repeated(
    version: Version, path: str, body: object, field: str
) -> None:
    async with serving() as (client, _):
        answer = await client.post(f"/{version}/{path}", json=body, headers=KEYS[version])

    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["fields"]] == [field]
    assert "33199000000" not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"from": "\\ud800"}'])
async def test_what_is_no_json_is_400(body: bytes) -> None:
    async with serving() as (client, _):
        answer = await client.post("/v1/sms", content=body, headers=V1)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_json")


async def test_a_body_beyond_the_limit_is_413() -> None:
    async with serving() as (client, _):
        answer = await client.post("/v1/sms", content=b" " * (MOST_BODY_BYTES + 1), headers=V1)

    assert answer.status_code == 413


async def test_an_unknown_path_is_404_and_another_method_405() -> None:
    async with serving() as (client, _):
        missing = await client.get("/v3/sms", headers=V1)
        wrong = await client.put("/v1/sms", json=SMS, headers=V1)

    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "method_not_allowed")


@both
async def test_an_unknown_sms_and_somebody_elses_are_404(version: Version) -> None:
    async with serving() as (client, _):
        sms_id = (await client.post(f"/{version}/sms", json=SMS, headers=KEYS[version])).json()["id"]
        answers = [
            await client.get(f"/{version}/sms/{sms_id}", headers=OTHER_KEYS[version]),
            await client.get(f"/{version}/sms/some", headers=KEYS[version]),
        ]

    assert [answer.status_code for answer in answers] == [404, 404]


async def test_anybody_may_ask_after_an_invented_sms() -> None:
    async with serving() as (client, sofy):
        sofy.registrations.add(registration())
        life = sofy.invent()
        assert life is not None
        answer = await client.get(f"/v2/sms/{life.sms[0].id}", headers=V2)

    assert answer.json()["id"] == life.sms[0].id


async def test_with_too_much_outstanding_a_send_is_429() -> None:
    async with serving(Ways(most_outstanding=0)) as (client, _):
        answer = await client.post("/v1/sms", json=SMS, headers=V1)

    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_outstanding")
    assert answer.headers["Retry-After"] == "1"


async def test_with_too_many_webhooks_a_registration_is_429() -> None:
    async with serving() as (client, sofy):
        for number in range(MOST_REGISTRATIONS):
            sofy.registrations.add(registration(str(number)))
        answer = await client.post("/v2/webhooks", json=HOOK, headers=V2)

    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_webhooks")


async def test_the_oldest_sms_are_forgotten_first() -> None:
    async with Poster() as poster:
        sofy = Sofy(poster, Memory(), Ways(), clock=Clock())
        ids = [
            sofy.send("account", sender="s", recipient="33199000000", body="b").sms[0].id
            for _ in range(MOST_REMEMBERED + 1)
        ]

    assert sofy.find(ids[0], "account") is None
    assert sofy.find(ids[1], "account") is not None


async def test_registrations_are_found_by_their_own_account_only() -> None:
    registrations = Registrations()
    registrations.add(registration("one"))

    assert registrations.find("one", "one") is not None
    assert registrations.find("two", "one") is None
