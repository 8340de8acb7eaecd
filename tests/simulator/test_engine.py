"""The engine: ten replays and no more, one status after the other, nothing forgotten, nothing unbounded."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from relay.simulator.attempts import Attempt, End, Observer, Observers
from relay.simulator.courses import COURSES, DELIVERED
from relay.simulator.faults import Fault
from relay.simulator.ledger import Bookkeeper, Ledger
from relay.simulator.poster import Poster, Trouble
from relay.simulator.registrations import Registration
from relay.simulator.schedule import REPLAYS, ReplaySchedule
from relay.simulator.sofy import Sofy, Ways
from tests.simulator.reading import EPOCH, registration
from tests.simulator.receiver import CLOSE, HANG, Received, Receiver, Reply, answer
from tests.simulator.watching import Memory

_AT_ONCE = ReplaySchedule((0.0,) * REPLAYS)
_NEVER = ReplaySchedule((3600.0,) * REPLAYS)
_LIMIT_S = 0.2


@dataclass
class Stand:
    """A Sofy at work, its receiver, and what was seen of both."""

    sofy: Sofy
    receiver: Receiver
    registration: Registration
    memory: Memory = field(default_factory=Memory)
    books: Bookkeeper = field(default_factory=Bookkeeper)

    @property
    def ledger(self) -> Ledger:
        return self.books.ledger()

    @property
    def outcomes(self) -> list[int | Trouble | None]:
        return [attempt.status or attempt.trouble for attempt in self.memory.attempts]


@asynccontextmanager
async def standing(
    script: Callable[[Received], Reply] = lambda _: answer(200),
    ways: Ways = Ways(time_scale=0, schedule=_AT_ONCE, courses=(DELIVERED,)),  # noqa: B008 - a frozen value
    *,
    observer: Observer | None = None,
    secret: str | None = None,
    connections: int = 4,
) -> AsyncIterator[Stand]:
    memory, books = Memory(), Bookkeeper()
    watching: list[Observer] = [memory, books, *([observer] if observer else [])]
    async with Receiver(script) as receiver, Poster(answer_within_s=_LIMIT_S, connections=connections) as poster:
        sofy = Sofy(poster, Observers(watching), ways, clock=EPOCH.timestamp)
        target = registration(url=receiver.url, secret=secret)
        sofy.registrations.add(target)
        async with sofy.running():
            yield Stand(sofy, receiver, target, memory, books)


def _send(sofy: Sofy) -> None:
    sofy.send("registration", sender="36789", recipient="33199000000", body="Bonjour")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (answer(503), 503),
        (answer(401), 401),
        (answer(302, Location="/elsewhere"), 302),  # not followed: a failure like any other
        (answer(304), 304),
        (CLOSE, Trouble.DISCONNECTED),
        (HANG, Trouble.TIMED_OUT),
    ],
    ids=["503", "401", "302", "304", "closed", "silent"],
)
async def test_a_webhook_is_replayed_ten_times_and_then_discarded(reply: Reply, outcome: object) -> None:
    ways = Ways(time_scale=0, schedule=_AT_ONCE, courses=(DELIVERED,))
    async with standing(lambda _: reply, ways) as stand:
        _send(stand.sofy)
        await stand.sofy.engine.idle()

    sent, delivered = stand.memory.webhooks
    assert stand.ledger == Ledger(sms=1, webhooks=2, acknowledged=0, replays=20, discarded=2, abandoned=0)
    assert set(stand.outcomes) == {outcome}
    for webhook in (sent, delivered):
        numbers = [attempt.number for attempt in stand.memory.attempts if attempt.webhook is webhook]
        assert numbers == list(range(1 + REPLAYS))


async def test_a_refused_connection_is_a_failure_too() -> None:
    async with standing() as stand:
        stand.sofy.registrations.remove(stand.registration)
        stand.sofy.registrations.add(registration(url="http://127.0.0.1:1/"))
        _send(stand.sofy)
        await stand.sofy.engine.idle()

    assert stand.ledger.discarded == 2
    assert set(stand.outcomes) == {Trouble.REFUSED}


async def test_the_tenth_replay_may_still_succeed() -> None:
    seen: Counter[bytes] = Counter()

    def script(request: Received) -> Reply:
        seen[request.body] += 1
        return answer(200 if seen[request.body] > REPLAYS else 503, Retry_After="2")

    async with standing(script) as stand:
        _send(stand.sofy)
        await stand.sofy.engine.idle()

    assert stand.ledger == Ledger(sms=1, webhooks=2, acknowledged=2, replays=20, discarded=0, abandoned=0)
    assert {attempt.retry_after for attempt in stand.memory.attempts if not attempt.acknowledged} == {"2"}


async def test_a_replay_waits_as_the_schedule_says() -> None:
    delays = (0.05, 0.1, *(0.0,) * 8)
    failures = iter([503, 503, 200, 200])

    async with standing(
        lambda _: answer(next(failures)), Ways(time_scale=0, schedule=ReplaySchedule(delays), courses=(DELIVERED,))
    ) as stand:
        _send(stand.sofy)
        await stand.sofy.engine.idle()

    first = [attempt for attempt in stand.memory.attempts if attempt.webhook is stand.memory.webhooks[0]]
    for before, after in pairwise(first):
        assert after.due == pytest.approx(before.ended + delays[before.number])
        assert after.delay >= 0


async def test_a_replay_has_the_same_bytes_and_a_signature_of_its_own_time() -> None:
    failures = iter([503, 200, 200])

    async with standing(lambda _: answer(next(failures)), secret="a secret") as stand:
        _send(stand.sofy)
        await stand.sofy.engine.idle()

    bodies = Counter(request.body for request in stand.receiver.received)
    assert sorted(bodies.values()) == [1, 2]
    assert all("x-sofy-signature" in request.headers for request in stand.receiver.received)


async def test_the_statuses_of_an_sms_go_out_one_after_the_other() -> None:
    ways = Ways(time_scale=0, schedule=_AT_ONCE, courses=COURSES)
    async with standing(ways=ways, connections=32) as stand:
        await stand.sofy.invent_at(10_000, 200)
        await stand.sofy.engine.idle()

    for life in stand.memory.lives:
        own = [
            attempt
            for attempt in stand.memory.attempts
            # First ones: on a busy machine a connection may break, and a replay overtakes nobody.
            if attempt.number == 0
            and any(getattr(fact, "sms_id", "") == life.sms[0].id for fact in attempt.webhook.facts)
        ]
        assert len(own) == len(life.changes)
        assert all(before.ended <= after.started for before, after in pairwise(own))
    assert stand.ledger.sms == 200
    assert stand.ledger.acknowledged == stand.ledger.webhooks <= len(stand.receiver.received)


async def test_every_registration_of_the_account_is_told_and_no_other() -> None:
    async with standing() as stand, Receiver() as second, Receiver() as other:
        stand.sofy.registrations.add(
            Registration("second", "registration", stand.registration.version, second.url, EPOCH)
        )
        stand.sofy.registrations.add(registration("other", url=other.url))
        stand.sofy.registrations.add(
            Registration("replies", "registration", stand.registration.version, other.url, EPOCH, events=("sms.reply",))
        )

        _send(stand.sofy)
        await stand.sofy.engine.idle()

        assert [len(each.received) for each in (stand.receiver, second, other)] == [2, 2, 0]


async def test_a_deleted_registration_is_told_nothing_more() -> None:
    async with standing(lambda _: answer(503), Ways(time_scale=0, schedule=_NEVER, courses=(DELIVERED,))) as stand:
        _send(stand.sofy)
        await _until(lambda: len(stand.memory.attempts) == 2)
        stand.sofy.registrations.remove(stand.registration)
        _send(stand.sofy)

        await stand.sofy.engine.stop(_LIMIT_S)

    assert len(stand.receiver.received) == 2
    assert stand.ledger == Ledger(sms=2, webhooks=2, acknowledged=0, replays=0, discarded=0, abandoned=2)


async def test_a_stop_lets_attempts_under_way_end_and_abandons_the_rest() -> None:
    async with standing(lambda _: answer(503), Ways(time_scale=0, schedule=_NEVER, courses=(DELIVERED,))) as stand:
        _send(stand.sofy)
        await stand.memory.begun.wait()
        await stand.sofy.engine.stop(5)

        assert len(stand.memory.attempts) == 1
        assert stand.ledger == Ledger(sms=1, webhooks=1, acknowledged=0, replays=0, discarded=0, abandoned=1)

        _send(stand.sofy)
        await stand.sofy.engine.idle()
        assert stand.memory.started == 1


async def test_a_finish_tells_nothing_more_but_replays_what_was_begun() -> None:
    failures = iter([503, 503, 200])
    async with standing(lambda _: answer(next(failures))) as stand:
        _send(stand.sofy)
        await stand.memory.begun.wait()
        await stand.sofy.engine.finish(5)

    assert stand.outcomes == [503, 503, 200]
    assert stand.ledger == Ledger(sms=1, webhooks=1, acknowledged=1, replays=2, discarded=0, abandoned=0)


async def test_a_finish_abandons_what_has_not_ended_in_time() -> None:
    async with standing(lambda _: answer(503), Ways(time_scale=0, schedule=_NEVER, courses=(DELIVERED,))) as stand:
        _send(stand.sofy)
        await stand.memory.begun.wait()
        await stand.sofy.engine.finish(0.1)

    assert stand.ledger == Ledger(sms=1, webhooks=1, acknowledged=0, replays=0, discarded=0, abandoned=1)


async def test_a_stop_does_not_wait_longer_than_it_may() -> None:
    async with standing(lambda _: HANG) as stand:
        _send(stand.sofy)
        await stand.memory.begun.wait()
        await stand.sofy.engine.stop(0)

        assert stand.memory.attempts == []
        assert [end for _, end in stand.memory.ends] == [End.ABANDONED]
        assert stand.sofy.engine.outstanding == stand.sofy.engine.in_flight == 0


async def test_with_too_much_outstanding_no_new_sms_are_sent() -> None:
    ways = Ways(time_scale=0, schedule=_NEVER, courses=(DELIVERED,), most_outstanding=10)
    async with standing(lambda _: answer(503), ways) as stand:
        sending = asyncio.create_task(stand.sofy.invent_at(10_000))
        await _until(lambda: stand.sofy.engine.full and not stand.sofy.engine.in_flight)

        # The lives that had begun are told to their end; a batch may overshoot once.
        assert 10 <= stand.sofy.engine.outstanding <= 21
        assert not sending.done()
        sending.cancel()


@pytest.mark.parametrize(
    ("fault", "outcomes"), [(Fault.TIMEOUT, {Trouble.TIMED_OUT}), (Fault.SERVER_ERROR, {502, 503, 504})]
)
async def test_a_fault_of_an_attempt_hides_the_answer_and_the_replay_brings_a_duplicate(
    fault: Fault, outcomes: set[object]
) -> None:
    ways = Ways(time_scale=0, schedule=_AT_ONCE, courses=(DELIVERED,), faults={fault: 1.0})
    async with standing(ways=ways) as stand:
        for _ in range(10):
            _send(stand.sofy)
        await stand.sofy.engine.idle()

    first = [attempt for attempt in stand.memory.attempts if attempt.number == 0]
    assert {attempt.status or attempt.trouble for attempt in first} <= outcomes
    assert {attempt.fault for attempt in first} == {fault}
    assert stand.ledger == Ledger(sms=10, webhooks=20, acknowledged=20, replays=20, discarded=0, abandoned=0)


async def test_a_duplicate_is_a_webhook_of_its_own_or_an_item_more() -> None:
    ways = Ways(time_scale=0, schedule=_AT_ONCE, courses=(DELIVERED,), faults={Fault.DUPLICATE: 1.0})
    async with standing(ways=ways) as stand:
        for _ in range(20):
            _send(stand.sofy)
        await stand.sofy.engine.idle()

    assert sum(len(webhook.facts) for webhook in stand.memory.webhooks) == 20 * 2 * 2
    assert 40 < stand.ledger.webhooks < 80
    assert stand.ledger.acknowledged == stand.ledger.webhooks


async def test_the_answers_body_is_there_to_read() -> None:
    async with standing(lambda _: answer(200, b'{"accepted":1}')) as stand:
        _send(stand.sofy)
        await stand.sofy.engine.idle()

    assert {attempt.answer for attempt in stand.memory.attempts} == {b'{"accepted":1}'}


class _Failing(Memory):
    def attempted(self, attempt: Attempt) -> None:
        message = f"planted {attempt.number}"
        raise LookupError(message)


async def test_an_observer_that_fails_ends_the_run_instead_of_hanging_it() -> None:
    async def run() -> None:
        async with standing(observer=_Failing()) as stand:
            _send(stand.sofy)
            await stand.sofy.engine.idle()

    with pytest.raises(LookupError, match="planted 0"):
        await run()


async def test_while_nobody_is_registered_nothing_is_invented() -> None:
    async with standing() as stand:
        stand.sofy.registrations.remove(stand.registration)
        sending = asyncio.create_task(stand.sofy.invent_at(10_000, 3))
        for _ in range(5):  # turns of the loop, for it to begin
            await asyncio.sleep(0)
        assert stand.sofy.invent() is None
        assert not sending.done()

        stand.sofy.registrations.add(stand.registration)
        await sending
        await stand.sofy.engine.idle()

    assert stand.ledger.sms == 3


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)
