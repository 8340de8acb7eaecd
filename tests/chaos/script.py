"""What is broken when: a script drawn from a seed, before anything runs. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

QUIET_S: Final = 13.0
"""Without a fault after each one: recovery is promised within 10 s, and must be seen to last."""
FIRST_AT_S: Final = 5.0


class Fault(StrEnum):
    """What the nemesis can do."""

    BROKER_PAUSED = "broker_paused"
    BROKER_KILLED = "broker_killed"
    BROKERS_ROLLED = "brokers_rolled"
    LEADERS_MOVED = "leaders_moved"
    RELAY_KILLED = "relay_killed"
    RELAY_ROLLED = "relay_rolled"
    RELAY_PAUSED = "relay_paused"
    REPLAY_STORM = "replay_storm"
    """Every replica is stopped for a while, so that all webhooks are replayed at about the same time."""
    REGISTERED_TWICE = "registered_twice"


BROKER_FAULTS: Final = frozenset({Fault.BROKER_PAUSED, Fault.BROKER_KILLED, Fault.BROKERS_ROLLED, Fault.LEADERS_MOVED})


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault."""

    at_s: float
    """Seconds after the start; later, if the one before took longer."""
    fault: Fault
    for_s: float
    """How long it lasts; 0 for what has no length of its own."""
    target: int
    """Which broker or replica, counted from 0, modulo how many there are."""


_LENGTHS: Final = {
    Fault.BROKER_PAUSED: (2.0, 30.0),
    Fault.BROKER_KILLED: (1.0, 15.0),
    Fault.RELAY_PAUSED: (1.0, 6.0),
    Fault.REPLAY_STORM: (4.0, 8.0),
    Fault.REGISTERED_TWICE: (5.0, 10.0),
}
_BRIEFLY: Final = 10.0
"""No single fault of a short run takes longer than this."""


def mixed(seed: int, seconds: float) -> list[Strike]:
    """Give strikes for a run of so long; each kind comes once before any comes twice; by the seed alone."""
    rng = random.Random(seed)  # noqa: S311 - a script, not a secret
    longest = _BRIEFLY if seconds <= 120 else float("inf")
    strikes: list[Strike] = []
    at_s = FIRST_AT_S
    round_: list[Fault] = []
    while True:
        round_ = round_ or rng.sample(list(Fault), len(Fault))
        fault = round_.pop()
        low, high = _LENGTHS.get(fault, (0.0, 0.0))
        for_s = round(rng.uniform(low, min(high, max(low, longest))), 1)
        if at_s + for_s + QUIET_S > seconds:
            return strikes
        strikes.append(Strike(round(at_s, 1), fault, for_s, rng.randrange(6)))
        at_s += for_s + QUIET_S


def repeated(fault: Fault, times: int) -> list[Strike]:
    """Give so many strikes of one kind, each as soon as the one before is over, the targets in turn."""
    return [Strike(FIRST_AT_S, fault, 0.0, number) for number in range(times)]


def kinds(strikes: Sequence[Strike]) -> set[Fault]:
    """Give which faults a script holds."""
    return {strike.fault for strike in strikes}
