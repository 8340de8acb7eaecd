"""What a webhook costs as the work grows: one curve for each way in which it can."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from tests.benchmark.figures import Curve, Tempo
from tests.benchmark.load import Load
from tests.benchmark.measuring import Figures, Target, compare, middle
from tests.benchmark.stand import RelayServer, Stand
from tests.benchmark.verdict import (
    Points,
    sentence_of_cost,
    sentence_of_goodput,
    shape_of_cost,
    shape_of_goodput,
)
from tests.benchmark.whole_path import fitting

ITEMS: Final = (1, 3, 10, 30, 100, 300, 1_000)
CONNECTIONS: Final = (1, 4, 16, 64, 256, 1_000)
PARTITIONS: Final = (1, 4, 12, 32, 64)
ACCOUNTS: Final = (1, 10, 30, 100)
DUPLICATES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
WINDOW: Final = (0, 100_000, 300_000, 1_000_000)
OFFERED: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
_OFFERED_ITEMS: Final = 100
"""SMS in a webhook of the overload: what is offered is more than a core can take, and the load generator still can."""
_THINK_S: Final = 0.1
_TRIES: Final = 2
_TRY_S: Final = 2.0
_MOST_CONNECTIONS: Final = 4_000
_FILL_ITEMS: Final = 1_000
_FILL_S: Final = 3.0
_WARM_UP_S: Final = 2.0
_WEBHOOK_COST: Final = "µs CPU a webhook"


@dataclass(frozen=True, slots=True)
class _Points:
    """Measures a curve's points: the medians of a relay under each load."""

    stand: Stand
    tempo: Tempo
    say: Callable[[str], None]

    def figures(self, relay: RelayServer, loads: Mapping[str, Load]) -> list[Figures]:
        """Measure loads by name, in rounds: a machine that is slower for a minute slows a round, and not a point."""
        targets = [
            Target(name, relay.server, load.lasting(self.tempo.seconds), relay.paths, self.stand.source, _WARM_UP_S)
            for name, load in loads.items()
        ]
        found = compare(targets, runs=self.tempo.runs, say=self.say)
        return [middle(found[name]) for name in loads]

    def costs(self, relay: RelayServer, loads: Mapping[str, Load]) -> list[float]:
        return [figures.us_per_webhook for figures in self.figures(relay, loads)]

    def cost(self, relay: RelayServer, name: str, load: Load) -> float:
        return self.costs(relay, {name: load})[0]


def run(stand: Stand, tempo: Tempo, say: Callable[[str], None]) -> list[Curve]:
    """Measure all of them; each has relays of its own, whose windows hold nothing of another's."""
    points = _Points(stand, tempo, say)
    return [
        _items(points),
        _connections(points),
        _partitions(points),
        _accounts(points),
        _duplicates(points),
        *_window(points),
        _offered(points),
    ]


def _items(points: _Points) -> Curve:
    loads = {f"{count:,} items": Load(items=count, connections=fitting(count)) for count in ITEMS}
    with points.stand.relay() as relay:
        costs = points.costs(relay, loads)
    found = [(float(count), cost / count) for count, cost in zip(ITEMS, costs, strict=True)]
    return _curve("Items a webhook", "items a webhook", "µs CPU an item", found)


def _connections(points: _Points) -> Curve:
    loads = {f"{count:,} connections": Load(connections=count) for count in CONNECTIONS}
    with points.stand.relay() as relay:
        found = [(float(count), cost) for count, cost in zip(CONNECTIONS, points.costs(relay, loads), strict=True)]
    return _curve("Connections", "connections", _WEBHOOK_COST, found)


def _partitions(points: _Points) -> Curve:
    found = []
    for count in PARTITIONS:
        with points.stand.relay(partitions=count) as relay:
            found.append((float(count), points.cost(relay, f"{count} partitions", Load())))
    return _curve("Partitions", "partitions", _WEBHOOK_COST, found)


def _accounts(points: _Points) -> Curve:
    found = []
    for count in ACCOUNTS:
        with points.stand.relay(accounts=count) as relay:
            found.append((float(count), points.cost(relay, f"{count} accounts", Load())))
    # Every token is compared with every account's, on purpose: where the comparison ends says nothing then.
    return _curve("Accounts", "accounts", _WEBHOOK_COST, found, may_grow=True)


def _duplicates(points: _Points) -> Curve:
    loads = {f"{share:.0%} duplicates": Load(duplicates=share) for share in DUPLICATES}
    with points.stand.relay() as relay:
        found = [(100 * share, cost) for share, cost in zip(DUPLICATES, points.costs(relay, loads), strict=True)]
    return _curve("Share of duplicates", "% duplicates", _WEBHOOK_COST, found)


def _window(points: _Points) -> list[Curve]:
    """The duplicate window, filled as in earnest: by webhooks, each SMS another one."""
    costs, memory = [], []
    with points.stand.relay() as relay:
        for wanted in WINDOW:
            _fill(points.stand, relay, wanted)
            remembered = float(relay.remembered_ids)
            memory.append((remembered, relay.server.resident_mib))
            costs.append((remembered, points.cost(relay, f"{remembered:,.0f} ids remembered", Load())))
    return [
        _curve("Ids in the duplicate window", "ids remembered", _WEBHOOK_COST, costs),
        _curve("Memory of the duplicate window", "ids remembered", "MiB", memory, may_grow=True, per=100_000.0),
    ]


def _fill(stand: Stand, relay: RelayServer, wanted: int) -> None:
    load = Load(items=_FILL_ITEMS, connections=2)
    filler = Target("filler", relay.server, load, relay.paths, stand.source, warm_up_s=_FILL_S)
    while relay.remembered_ids < wanted:
        filler.warm_up()


def _offered(points: _Points) -> Curve:
    """Offer a share or a multiple of what was accepted at saturation; count what is accepted of it.

    Offered is what the relay was sent, refused or not: each connection sends its next webhook a pause after its last
    answer, and there are as many connections as give the rate; webhooks of many items, so that the relay refuses.
    """
    saturating = Load(items=_OFFERED_ITEMS, connections=fitting(_OFFERED_ITEMS))
    with points.stand.relay() as relay:
        capacity = points.figures(relay, {"capacity": saturating})[0].accepted_per_s
        loads = {f"{factor:g} times the capacity": _offering(points, relay, factor * capacity) for factor in OFFERED}
        measured = points.figures(relay, loads)
    found = [(each.webhooks_per_s / capacity, each.accepted_per_s * _OFFERED_ITEMS) for each in measured]
    shape = shape_of_goodput(found)
    return Curve(
        name="Offered load",
        x="times the capacity offered",
        y="items accepted a second",
        points=tuple(found),
        shape=shape,
        sentence=sentence_of_goodput(found, shape),
    )


def _offering(points: _Points, relay: RelayServer, rate: float) -> Load:
    """Give a load that sends so many webhooks a second: a first try tells how much the answers' time takes away."""
    pause = _THINK_S
    load = _pausing(rate, pause)
    for _ in range(_TRIES):
        target = Target("", relay.server, load.lasting(_TRY_S), relay.paths, points.stand.source)
        pause *= rate / target.run().webhooks_per_s
        load = _pausing(rate, pause)
    return load


def _pausing(rate: float, pause_s: float) -> Load:
    connections = min(_MOST_CONNECTIONS, max(1, ceil(rate * pause_s)))
    return Load(items=_OFFERED_ITEMS, connections=connections, think_ms=round(1e3 * _THINK_S))


def _curve(  # noqa: PLR0913 - what a curve is
    name: str, x: str, y: str, points: Points, *, may_grow: bool = False, per: float = 1.0
) -> Curve:
    shape = shape_of_cost(points, may_grow=may_grow)
    sentence = sentence_of_cost(points, shape, x=x, unit=y, per=per)
    return Curve(name=name, x=x, y=y, points=tuple(points), shape=shape, sentence=sentence)
