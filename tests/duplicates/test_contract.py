"""What holds of every window, in memory and shared; a shared one is told by one replica and asked of another."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from relay.duplicates.memory import MemoryWindow
from relay.duplicates.port import DuplicateWindow
from tests.duplicates.fakes import ids, until
from tests.duplicates.replicas import Replica, reaching
from tests.redis.server import RedisServer

WINDOW_S = 2


class Subject:
    """A window that is told, and the one that is asked: the same, or another replica's."""

    def __init__(self, told: DuplicateWindow, asked: DuplicateWindow) -> None:
        self._told = told
        self._asked = asked

    def remember(self, *numbers: int) -> None:
        for id_ in ids(*numbers):
            self._told.remember(id_)

    def knows(self, *numbers: int) -> Callable[[], Awaitable[bool]]:
        """Give a question for `until`: whether all of these are known."""

        async def all_known() -> bool:
            return sorted(await self._asked.known(ids(*numbers))) == sorted(ids(*numbers))

        return all_known

    def belong_to(self, topics: str) -> None:
        for window in (self._told, self._asked):
            window.belong_to(topics)

    async def known(self, *numbers: int) -> set[str]:
        return set(await self._asked.known(ids(*numbers)))


@pytest.fixture(params=["memory", "redis"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        window = MemoryWindow(max_entries=10_000, window_s=WINDOW_S, clock=time.monotonic)
        yield Subject(window, window)
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    first, second = Replica(server.url, window_s=WINDOW_S), Replica(server.url, window_s=WINDOW_S)
    async with reaching(first), reaching(second):
        yield Subject(first, second)


async def test_it_knows_what_it_was_told_and_nothing_else(subject: Subject) -> None:
    subject.remember(1, 2)

    await until(subject.knows(1, 2))
    assert await subject.known(1, 2, 3) == {*ids(1, 2)}
    assert await subject.known(3, 4) == set()


async def test_asked_about_nothing_it_knows_nothing(subject: Subject) -> None:
    assert await subject.known() == set()


async def test_a_whole_webhook_is_asked_about_at_once(subject: Subject) -> None:
    subject.remember(*range(0, 1000, 2))

    await until(subject.knows(*range(0, 1000, 2)))
    assert await subject.known(*range(500, 1000)) == {*ids(*range(500, 1000, 2))}


async def test_what_is_older_than_the_window_is_forgotten(subject: Subject) -> None:
    subject.remember(1)
    await until(subject.knows(1))

    await until(lambda: _not(subject.knows(1)))


async def _not(held: Callable[[], Awaitable[bool]]) -> bool:
    return not await held()


async def test_of_topics_made_again_it_knows_nothing_and_of_the_same_ones_all(subject: Subject) -> None:
    subject.belong_to("topics")
    subject.remember(1)
    await until(subject.knows(1))

    subject.belong_to("topics")
    of_the_same = await subject.known(1)
    subject.belong_to("made again")
    of_others = await subject.known(1)
    subject.remember(2)
    await until(subject.knows(2))

    assert (of_the_same, of_others) == ({*ids(1)}, set())
