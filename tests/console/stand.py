"""What the console looks at, as a test steers it: counts, a clock, a pod."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from relay.console.console import About, Console, Pod
from relay.console.watching import WatchingObserver
from relay.observability.health import READY, Readiness
from relay.observability.instruments import Instruments
from relay.observability.observer import Observer
from tests.observability.published import Published
from tests.observability.relay_words import VOCABULARY, instruments

BEGIN = 1_800_000_000.0
ABOUT = About(
    pod="relay-0",
    version="1.2.3",
    schema=1,
    kafka="localhost:9092",
    settings={"RELAY_LOG__LEVEL": ("info", True)},
)


@dataclass(slots=True)
class Clock:
    """Unix seconds, which pass when a test says so."""

    now: float = BEGIN

    def __call__(self) -> float:
        return self.now


class LoopClock(Clock):
    """Unix seconds that pass with the running loop's time."""

    def __call__(self) -> float:
        return self.now + asyncio.get_running_loop().time()


@dataclass(slots=True)
class Present:
    """The pod's state at this moment."""

    readiness: Readiness = READY
    in_touch: bool = True
    breaker_state: int = 0
    oldest_unacknowledged_s: float = 0.0
    records_in_flight: int = 0


@dataclass(slots=True)
class Stand:
    """A console over real instruments."""

    clock: Clock = field(default_factory=Clock)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    present: Present = field(default_factory=Present)
    instruments: Instruments = field(init=False)
    observer: WatchingObserver = field(init=False)
    console: Console = field(init=False)

    def __post_init__(self) -> None:
        self.instruments = instruments(self.registry)
        self.observer = watching(self.instruments, self.clock)
        present = self.present
        self.console = Console(
            about=ABOUT,
            pod=Pod(
                readiness=lambda: present.readiness,
                in_touch=lambda: present.in_touch,
                breaker_state=lambda: present.breaker_state,
                oldest_unacknowledged_s=lambda: present.oldest_unacknowledged_s,
                records_in_flight=lambda: present.records_in_flight,
            ),
            registry=self.registry,
            observer=self.observer,
            clock=self.clock,
        )

    def webhook(self, outcome: str = "accepted", reason: str = "", seconds: float = 0.002) -> None:
        """Let one webhook come and be answered."""
        self.observer.webhook_started()
        account = "default" if outcome == "accepted" else ""
        self.observer.webhook_ended(account, outcome, reason, seconds, 100)

    def status(self, sms_id: str = "zzzzz", status: str = "delivered", recipient: str | None = "+33612345678") -> None:
        """Let one status event become durable."""
        publish_status(self.observer, sms_id, status, recipient)


def watching(on: Instruments, clock: Clock) -> WatchingObserver:
    """Give an observer whose mask shows the last two digits."""
    return WatchingObserver(on, VOCABULARY, clock=clock, masked=lambda number: f"*{number[-2:]}")


def publish_status(
    observer: Observer, sms_id: str, status: str = "delivered", recipient: str | None = "+33612345678"
) -> None:
    """Report one durable status event."""
    moment = datetime.fromtimestamp(BEGIN, UTC)
    event = Published(sms_id, status, recipient=recipient, created_at=moment, occurred_at=moment)
    observer.statuses_published("default", [event])


def message(event: bytes) -> tuple[str, dict[str, Any]]:
    """Give the name and the content of a server-sent event."""
    assert event.endswith(b"\n\n")
    fields = dict(line.split(": ", 1) for line in event.decode().splitlines() if line)
    return fields["event"], json.loads(fields["data"])
