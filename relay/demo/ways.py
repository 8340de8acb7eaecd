"""How the demo's Sofy behaves: days pressed into seconds, and every mishap often enough to be seen."""

from datetime import UTC, datetime
from typing import Final

from relay.simulator.courses import COURSES, SENT, Course, Step, Version
from relay.simulator.faults import Fault
from relay.simulator.registrations import Registration
from relay.simulator.schedule import REPLAYS, ReplaySchedule
from relay.simulator.sofy import Ways

V2_ACCOUNT: Final = "default"
"""Its webhooks are signed, as Sofy's v2 does."""
V1_ACCOUNT: Final = "boutique"
"""Its webhooks carry a token in the path and no signature, as Sofy's v1 does."""
ITEMS_PER_SMS: Final = 2.1
"""Items that one SMS comes to, copies included: from the tables below; a test compares."""

_TIME_SCALE: Final = 0.15
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
# A word that no table of the relay's holds, as Sofy may add one.
_BUFFERED: Final = Course(10, (SENT, Step("buffered", "", (1.0, 4.0)), Step("delivered", "DELIVRD", (5.0, 20.0))))


def demo_ways(seed: int) -> Ways:
    """Give the ways of a run; the same seed invents the same SMS."""
    pauses = tuple(min(_FIRST_PAUSE_S * 2**number, _LONGEST_PAUSE_S) for number in range(REPLAYS))
    return Ways(
        seed=seed,
        time_scale=_TIME_SCALE,
        schedule=ReplaySchedule(pauses),
        faults={Fault.DUPLICATE: 0.05, Fault.REORDER: 0.03, Fault.MALFORMED: 0.02},
        courses=(*COURSES, _BUFFERED),
        weights={V2_ACCOUNT: 4, V1_ACCOUNT: 1},
    )


def demo_registrations(url: str, *, secret: str, token: str) -> tuple[Registration, ...]:
    """Give what Sofy knows of a relay whose signed webhooks go to `url`: v2 signed with `secret`, v1 with `token`."""
    now = datetime.now(UTC)
    return (
        Registration(f"wh_{V2_ACCOUNT}", V2_ACCOUNT, Version.V2, url, now, secret=secret),
        Registration(f"wh_{V1_ACCOUNT}", V1_ACCOUNT, Version.V1, f"{url}/{token}", now),
    )
