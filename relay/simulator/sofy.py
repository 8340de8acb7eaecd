"""The simulated Sofy as one object: registrations, lives, engine. What `relay simulate`, demo and tests build."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from relay.simulator.attempts import Observer
from relay.simulator.courses import COURSES, Course
from relay.simulator.engine import MOST_OUTSTANDING, Engine
from relay.simulator.faults import Fault, Faults
from relay.simulator.lives import Life, Lives, Sms
from relay.simulator.poster import Poster
from relay.simulator.registrations import Registrations
from relay.simulator.schedule import ReplaySchedule
from relay.simulator.tellings import Teller

MOST_REMEMBERED: Final = 20_000
"""SMS that can be asked after; the oldest are forgotten first."""


class Clock(Protocol):
    """The time of day."""

    def __call__(self) -> float:
        """Give Unix seconds."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How this Sofy behaves."""

    seed: int = 0
    """The same seed and the same calls give the same SMS, webhooks and faults."""
    time_scale: float = 1.0
    """What the delays of lives and copies are multiplied by; those of replays have their own in `schedule`."""
    schedule: ReplaySchedule = field(default_factory=ReplaySchedule)
    faults: Mapping[Fault, float] = field(default_factory=dict)
    """The share of each fault that is wanted."""
    courses: Sequence[Course] = COURSES
    """How the lives of invented SMS may go."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How often an invented SMS is of an account, compared with the others; 1 unless given."""
    most_outstanding: int = MOST_OUTSTANDING


class Sofy:
    """One Sofy. Within one event loop; sends while `running`'s context is entered."""

    def __init__(self, poster: Poster, observer: Observer, ways: Ways, *, clock: Clock) -> None:
        """Take an entered poster, who is told of everything, how to behave, and the time of day."""
        self._rng = random.Random(ways.seed)  # noqa: S311 - a story, not a secret
        self._clock = clock
        self._weights = ways.weights
        self._observer = observer
        self._sent: OrderedDict[str, tuple[Life, Sms, str | None]] = OrderedDict()
        self._lives = Lives(self._rng, scale=ways.time_scale, courses=ways.courses)
        self.registrations = Registrations()
        self.engine = Engine(
            poster,
            Teller(Faults(ways.faults, self._rng), self._rng, self._lives.id, scale=ways.time_scale),
            observer,
            schedule=ways.schedule,
            unix_time=clock,
            stands=self.registrations.holds,
            most_outstanding=ways.most_outstanding,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Post webhooks until the context is left; see `Engine.running`."""
        async with self.engine.running():
            yield

    def now(self) -> datetime:
        """Give the time, aware, UTC."""
        return datetime.fromtimestamp(self._clock(), UTC)

    def new_id(self) -> str:
        """Give an id in the form of Sofy's."""
        return self._lives.id()

    def new_secret(self) -> str:
        """Give a registration's secret: as reproducible as all here, and so of no use anywhere else."""
        return self._rng.randbytes(32).hex()

    def send(self, account: str, *, sender: str, recipient: str, body: str) -> Life:
        """Send somebody's SMS now; the account's registrations are told, and only the account may ask after it."""
        life = self._lives.send(sender=sender, recipient=recipient, body=body, now=self.now())
        self._begin(life, account, owner=account)
        return life

    def invent(self, *, most: int | None = None) -> Life | None:
        """Send an invented SMS now, or the several (at most `most`) of a batch; None if nobody is registered.

        They belong to one of the accounts that are registered; anybody may ask after them.
        """
        listeners = self.registrations.listening()
        if not listeners:
            return None
        accounts = list(listeners)
        account = self._rng.choices(accounts, [self._weights.get(name, 1.0) for name in accounts])[0]
        life = self._lives.invent(listeners[account][0].version, self.now(), most=most)
        self._begin(life, account, owner=None)
        return life

    async def invent_at(self, rate: float, count: int | None = None) -> None:
        """Send `count` invented SMS (None: endlessly), `rate` a second on the average.

        Waits while nobody is registered or the engine is full, and does not catch up on what it did not send then.
        """
        loop = asyncio.get_running_loop()
        due, left = loop.time(), count
        while left is None or left > 0:
            await asyncio.sleep(max(0.0, due - loop.time()))
            if self.engine.full or not len(self.registrations):
                await self.engine.room()
                await self.registrations.wait_for_one()
                due = loop.time()
            life = self.invent(most=left)
            born = 0 if life is None else len(life.sms)
            due += max(born, 1) / rate * self._rng.uniform(0.5, 1.5)
            left = None if left is None else left - born

    def find(self, sms_id: str, account: str) -> tuple[Life, Sms] | None:
        """Give an SMS that `account` may ask after."""
        life, sms, owner = self._sent.get(sms_id, (None, None, None))
        return None if life is None or sms is None or owner not in {None, account} else (life, sms)

    def _begin(self, life: Life, account: str, *, owner: str | None) -> None:
        for sms in life.sms:
            self._sent[sms.id] = (life, sms, owner)
        while len(self._sent) > MOST_REMEMBERED:
            self._sent.popitem(last=False)
        self._observer.born(life)
        for registration in self.registrations.listening().get(account, ()):
            self.engine.tell(life, registration)
