"""What a run of the benchmark found, as bench.json holds it."""

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from tests.benchmark.measuring import Figures
from tests.benchmark.verdict import Shape

FILE: Final = Path("bench.json")
_DIGITS: Final = 5


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tempo(_Model):
    """How often and how long everything is run."""

    runs: int
    seconds: float


class WholePath(_Model):
    """One event a webhook, by 64 connections: the relay, and its floors."""

    relay: Figures
    asgi: Figures
    producer: Figures
    both: Figures
    """An ASGI callable that sends a record: no part of the floor, but what its halves cost once joined."""
    record_bytes: int
    """Of the relay's records, and so of the bare producer's."""
    ratio_to_floor: float
    """Median over the rounds: the relay's CPU over that of the bare ASGI callable plus the bare producer's."""
    at_half: Figures
    """At half of saturation."""
    idle_mib: float
    resident_mib: float
    """After all of it."""

    @property
    def floor_us(self) -> float:
        """CPU microseconds of both floors for one webhook."""
        return self.asgi.us_per_webhook + self.producer.us_per_webhook


class ItemCost(_Model):
    """What an item costs in webhooks of so many."""

    items: int
    new_recipients: bool
    us_per_item: float
    figures: Figures


class Peer(_Model):
    """What else one would deploy, or the relay beside it."""

    name: str
    does: str
    """What it does and what it leaves out."""
    files: tuple[str, ...]
    """Its configuration, from the project's root."""
    items: int
    figures: Figures | None
    missing: str
    """Without figures: why."""


class Curve(_Model):
    """A cost as the work grows."""

    name: str
    x: str
    y: str
    points: tuple[tuple[float, float], ...]
    shape: Shape
    sentence: str
    """What the points say, by rule."""


class StartUp(_Model):
    """From nothing to ready."""

    import_s: float
    ready_s: float
    dependencies: int
    """Distributions in the image, the relay's own not counted."""
    idle_mib: float


class Bench(_Model):
    """Everything."""

    ratio_to_floor: float
    machine: dict[str, str]
    kafka: str
    relay: str
    day: str
    tempo: Tempo
    whole_path: WholePath
    items: tuple[ItemCost, ...] = ()
    peers: tuple[Peer, ...] = ()
    curves: tuple[Curve, ...] = ()
    start_up: StartUp | None = None

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(_rounded(self.model_dump(mode="json")), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> "Bench":
        """Read what `write` wrote."""
        return cls.model_validate_json(file.read_bytes())


def _rounded(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Give so many digits as mean anything."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value
