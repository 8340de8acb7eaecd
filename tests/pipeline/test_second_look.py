"""A webhook that no key fits is judged once more if the keys change in a moment: within bounds, and only then."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.pipeline import Accepted, Claim, Outcome, RawDelivery, Refused
from relay.publishing.connection import KafkaConnection
from relay.reasons import MEANING, Kind, Reason
from relay.rotation import Rotation
from relay.second_look import SecondLook
from relay.settings import Settings
from relay.settings.environment import load
from relay.settings.following import FollowedFiles

BELIEVED = Accepted("default", 1, 0, 0)
UNKNOWN_KEY = Refused(Reason.INVALID_SIGNATURE)
FAR = 1_000_000.0
SASL = {"RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "RELAY_KAFKA__SASL_PASSWORD": "sesame"}


class Judge:
    """Gives its outcomes one after the other, the last one again and again."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = list(outcomes)
        self.judged = 0

    def screen(self, claim: Claim, *, behind: int = 0) -> Refused | None:
        del claim, behind
        return Refused(Reason.UNKNOWN_TOKEN)

    async def process(self, delivery: RawDelivery) -> Outcome:
        del delivery
        self.judged += 1
        return self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]


class Keys:
    """Change when a test says so."""

    def __init__(self) -> None:
        self._change = asyncio.Event()
        self.waiting = 0
        self.until: list[float] = []

    def change(self) -> None:
        """Let all who wait now know."""
        self._change.set()
        self._change = asyncio.Event()

    async def webhooks_change(self, until: float) -> bool:
        self.until.append(until)
        self.waiting += 1
        try:
            async with asyncio.timeout_at(until):
                await self._change.wait()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
        return True

    async def held(self, count: int) -> None:
        """Wait until so many webhooks are held."""
        while self.waiting != count:
            await asyncio.sleep(0)


def delivery(body: bytes = b"{}", *, left_s: float = 3.0) -> RawDelivery:
    deadline = asyncio.get_running_loop().time() + left_s
    return RawDelivery(Claim(None, None, ()), body, datetime.now(UTC), deadline, None)


async def test_a_webhook_that_no_key_fits_is_believed_once_its_key_is_there() -> None:
    keys, judge = Keys(), Judge(UNKNOWN_KEY, BELIEVED)
    second_look = SecondLook(judge, keys, hold_s=60)

    judged = asyncio.create_task(second_look.process(delivery(left_s=FAR)))
    await keys.held(1)
    keys.change()

    assert await judged == BELIEVED
    assert judge.judged == 2


async def test_key_and_registration_may_become_known_one_after_the_other() -> None:
    keys, judge = Keys(), Judge(UNKNOWN_KEY, Refused(Reason.UNEXPECTED_WEBHOOK_ID, "default"), BELIEVED)
    second_look = SecondLook(judge, keys, hold_s=60)

    judged = asyncio.create_task(second_look.process(delivery(left_s=FAR)))
    for times in (1, 2):
        while len(keys.until) < times:
            await asyncio.sleep(0)
        keys.change()

    assert await judged == BELIEVED


@pytest.mark.parametrize(
    "outcome",
    [
        BELIEVED,
        *(
            Refused(reason)
            for reason in Reason
            if MEANING[reason].kind in {Kind.REFUSED, Kind.DEFERRED}
            and reason not in {Reason.INVALID_SIGNATURE, Reason.UNEXPECTED_WEBHOOK_ID}
        ),
    ],
    ids=lambda it: it.reason if isinstance(it, Refused) else "accepted",
)
async def test_nothing_else_waits(outcome: Outcome) -> None:
    keys = Keys()

    judged = await SecondLook(Judge(outcome), keys).process(delivery())

    assert (judged, keys.until) == (outcome, [])


async def test_who_has_no_token_is_refused_before_the_body_as_ever() -> None:
    assert SecondLook(Judge(BELIEVED), Keys()).screen(Claim(None, None, ())) == Refused(Reason.UNKNOWN_TOKEN)


async def test_a_key_that_never_comes_costs_the_bound_and_not_more() -> None:
    keys, judge = Keys(), Judge(UNKNOWN_KEY)

    outcome = await SecondLook(judge, keys, hold_s=0.01).process(delivery())

    assert (outcome, judge.judged, len(keys.until)) == (UNKNOWN_KEY, 1, 1)


async def test_half_of_the_time_that_is_left_stays_for_kafka() -> None:
    keys = Keys()
    late = delivery(left_s=0.02)

    outcome = await SecondLook(Judge(UNKNOWN_KEY), keys, hold_s=60).process(late)

    assert outcome == UNKNOWN_KEY
    assert keys.until[0] <= late.deadline - 0.0099


@pytest.mark.parametrize(
    "bounds",
    [{"most_held": 2}, {"most_held_bytes": 20}],
    ids=lambda it: next(iter(it)),
)
async def test_beyond_the_cap_a_bad_signature_is_refused_at_once(bounds: dict[str, int]) -> None:
    keys = Keys()
    second_look = SecondLook(Judge(UNKNOWN_KEY), keys, hold_s=FAR, **bounds)
    held = [asyncio.create_task(second_look.process(delivery(b"0123456789", left_s=FAR))) for _ in range(2)]
    await keys.held(2)

    beyond = await second_look.process(delivery(b"0123456789", left_s=FAR))
    held[0].cancel()
    await keys.held(1)
    in_its_place = asyncio.create_task(second_look.process(delivery(b"0123456789", left_s=FAR)))
    await keys.held(2)

    assert beyond == UNKNOWN_KEY
    for task in (held[1], in_its_place):
        task.cancel()


# The files' side


class Told:
    """Takes what the rotation tells."""

    def __init__(self) -> None:
        self.renewed = 0

    def webhooks_renewed(self, settings: Settings) -> None:
        del settings
        self.renewed += 1

    def kafka_renewed(self, connection: KafkaConnection) -> None:
        del connection

    def secrets_stale(self, *, stale: bool) -> None:
        del stale


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets"
    path.write_text('["old"]')
    return path


@contextmanager
def following(rotation: Rotation) -> Iterator[None]:
    task = asyncio.get_running_loop().create_task(rotation.follow())
    try:
        yield
    finally:
        task.cancel()


def files_of(secrets: Path) -> FollowedFiles:
    environ = {"RELAY_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092", "RELAY_SOFY__SECRETS_FILE": str(secrets)}
    return FollowedFiles(environ, load(environ, to_serve=True))


async def test_all_who_wait_learn_of_a_change_soon_however_rarely_the_files_are_looked_at(secrets: Path) -> None:
    told = Told()
    rotation = Rotation(files_of(secrets), told, look_every_s=FAR, look_soon_s=0.001)
    until = asyncio.get_running_loop().time() + 20

    with following(rotation):
        waiting = [asyncio.create_task(rotation.webhooks_change(until)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.to_thread(secrets.write_text, json.dumps(["old", "new"]))
        changed = await asyncio.gather(*waiting)

    assert (changed, told.renewed) == ([True] * 3, 1)


async def test_a_change_that_does_not_come_is_waited_for_until_the_bound(secrets: Path) -> None:
    rotation = Rotation(files_of(secrets), Told(), look_every_s=FAR, look_soon_s=0.001)

    with following(rotation):
        changed = await rotation.webhooks_change(asyncio.get_running_loop().time() + 0.02)

    assert not changed


@pytest.mark.parametrize(
    ("environ", "follows"),
    [
        ({"RELAY_SOFY__SECRETS_FILE": "secrets"}, True),
        ({"RELAY_SOFY__SECRETS": '["old"]'}, False),
        ({"RELAY_SOFY__SECRETS": '["old"]', "RELAY_KAFKA__SASL_USERNAME_FILE": "secrets", **SASL}, False),
    ],
)
def test_only_files_of_webhook_credentials_let_a_webhook_wait(
    secrets: Path, environ: dict[str, str], follows: bool
) -> None:
    placed = {name: str(secrets) if value == "secrets" else value for name, value in environ.items()}
    full = {"RELAY_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092", **placed}

    files = FollowedFiles(full, load(full, to_serve=False))

    assert files.webhooks is follows
