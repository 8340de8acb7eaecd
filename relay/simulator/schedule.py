"""When a failed webhook is posted again, and when it is given up: Sofy's replay rule as a pure function."""

import math
import re
from dataclasses import dataclass
from typing import Final

REPLAYS: Final = 10
"""Attempts after the first one; documented by Sofy."""
ASSUMED_DELAYS_S: Final = tuple(5.0 * 2**number for number in range(REPLAYS))
"""From 5 s to 43 min, 85 min in all. An assumption: Sofy says "exponential backoff" and no figures."""

_DELAY: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ms|s|m|h)?")
_UNITS_S: Final = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ScheduleError(ValueError):
    """A text is no schedule; the message is one sentence that says what is expected."""


@dataclass(frozen=True, slots=True)
class ReplaySchedule:
    """The delays before the ten replays, each counted from the end of the attempt before it."""

    delays_s: tuple[float, ...] = ASSUMED_DELAYS_S
    """Seconds; exactly ten, none negative."""
    scale: float = 1.0
    """Every delay is multiplied by it; Sofy's 4 s for an answer never are."""

    def __post_init__(self) -> None:
        if len(self.delays_s) != REPLAYS or any(delay < 0 or not math.isfinite(delay) for delay in self.delays_s):
            message = f"A replay schedule has {REPLAYS} delays, none of them negative."
            raise ScheduleError(message)

    def after(self, failed: int) -> float | None:
        """Give the seconds to wait after `failed` (1 or more) failed attempts; None: discard the webhook for good."""
        return None if failed > REPLAYS else self.delays_s[failed - 1] * self.scale


def parse_delays(text: str) -> tuple[float, ...]:
    """Read delays such as ``5,10,20`` or ``30s,5m,1h`` (without a unit: seconds); the last one repeats up to ten.

    Raises:
        ScheduleError: an entry is no delay, or there are none or more than ten.
    """
    words = text.replace(",", " ").split()
    found = [_DELAY.fullmatch(word) for word in words]
    if not 1 <= len(words) <= REPLAYS or None in found:
        message = f"expected 1 to {REPLAYS} delays such as 5,10,20 or 30s,5m,1h"
        raise ScheduleError(message)
    delays = [float(match[1]) * _UNITS_S[match[2]] for match in found if match is not None]
    return tuple(delays + delays[-1:] * (REPLAYS - len(delays)))
