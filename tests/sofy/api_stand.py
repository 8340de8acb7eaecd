"""Sofy's API for tests over TCP: the simulator's REST, or a server that answers as a script says; and its keys."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from relay.simulator.poster import Poster
from relay.simulator.rest import Rest
from relay.simulator.server import listen, serving
from relay.simulator.sofy import Sofy, Ways
from relay.sofy.api.calls import Calls, Patience, opened
from relay.sofy.api.keys import ApiKey, ApiVersion, bearer, key_pair
from tests.simulator.reading import EPOCH
from tests.simulator.receiver import Received, Receiver, Reply, answer
from tests.simulator.watching import Memory

PLANTED = "pl4nted-s3cret-value"
KEYS = {
    ApiVersion.V1: key_pair("a location", f"{PLANTED}-key", named="the key pair"),
    ApiVersion.V2: bearer(f"sofy_live_{PLANTED}", named="the token"),
}
QUICK = Patience(answer_within_s=2.0, first_wait_s=0.001, longest_wait_s=0.002)
HOOK = f"https://relay.example.com/webhooks/sofy/{PLANTED}"

Script = Callable[[Received], Reply]


@asynccontextmanager
async def simulated() -> AsyncIterator[str]:
    """Give the address of a simulator's REST."""
    listener = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with Poster() as poster:
        sofy = Sofy(poster, Memory(), Ways(time_scale=0), clock=EPOCH.timestamp)
        async with sofy.running(), serving(Rest(sofy).app(), listener):
            yield address


@asynccontextmanager
async def scripted(
    script: Script,
    *,
    key: ApiKey = KEYS[ApiVersion.V2],
    patience: Patience = QUICK,
    notices: list[str] | None = None,
) -> AsyncIterator[tuple[Calls, Receiver]]:
    """Give calls of a server that answers by `script`."""
    heard = [] if notices is None else notices
    async with (
        Receiver(script) as server,
        opened(address(server), key, patience=patience, notice=heard.append) as calls,
    ):
        yield calls, server


def unheard(_: str) -> None:
    """Take a notice that no claim is about."""


def address(server: Receiver) -> str:
    return f"http://127.0.0.1:{server.port}"


def in_turn(*replies: Reply) -> Script:
    """Answer the first request by the first reply, and so on; the last one repeats."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def by_method(**scripts: Script) -> Script:
    """Answer each method by a script of its own."""
    return lambda request: scripts[method(request)](request)


def method(request: Received) -> str:
    """Tell what a request for webhooks was, by what only it has."""
    if request.body:
        return "POST"
    return "GET" if request.path.endswith("/webhooks") else "DELETE"


def as_json(status: int, content: object, **headers: str) -> Reply:
    return answer(status, json.dumps(content).encode(), **headers)


def entry(webhook_id: str, url: str = HOOK, events: tuple[str, ...] = ("sms.status",)) -> dict[str, object]:
    return {"id": webhook_id, "url": url, "events": list(events), "createdAt": "2024-01-01T00:00:00.000Z"}
