"""What was found, as tables: one form for the terminal and the document."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as Drawn

from tests.benchmark.figures import Bench, Peer
from tests.benchmark.measuring import Figures


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text; the first column is words, the others are figures."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Give it as Markdown, without its title."""
        lines = [self.head, ("---", *("---:" for _ in self.head[1:])), *self.rows]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def whole_path(bench: Bench) -> Table:
    """One event a webhook, beside its floors."""
    path = bench.whole_path
    rows = (
        ("bare ASGI callable", *_cells(path.asgi)),
        ("bare producer", *_cells(path.producer)),
        ("both: the floor", f"{path.floor_us:.0f}", f"{path.floor_us / 100:.2f}", *("–" for _ in range(5))),
        ("both in one process", *_cells(path.both)),
        ("**Sofy Relay**", *_cells(path.relay)),
        ("Sofy Relay, at half of it", *_cells(path.at_half)),
    )
    return Table("One event a webhook, 64 connections", _HEAD, rows)


def memory(bench: Bench) -> Table:
    """The relay's memory, and how it starts."""
    path, start = bench.whole_path, bench.start_up
    rows = [
        ("resident when ready", f"{path.idle_mib:.0f} MiB"),
        ("resident after the load", f"{path.resident_mib:.0f} MiB"),
    ]
    if start is not None:
        rows += [
            ("imports of `relay serve`", f"{start.import_s:.2f} s"),
            ("from its start to `/readyz`, with Kafka up", f"{start.ready_s:.2f} s"),
            ("distributions in the image", str(start.dependencies)),
        ]
    return Table("Memory and start", ("", ""), tuple(rows))


def items(bench: Bench) -> Table:
    """What an item costs."""
    rows = (
        (
            f"{cost.items:,} {'item' if cost.items == 1 else 'items'} a webhook",
            "new" if cost.new_recipients else "seen before",
            f"{cost.us_per_item:.1f}",
            f"{cost.figures.accepted_per_s * cost.items:,.0f}",
            f"{cost.figures.p99_ms:.1f}",
        )
        for cost in bench.items
    )
    return Table("Items", ("", "recipients", "CPU µs an item", "items/s", "p99 ms a webhook"), tuple(rows))


def peers(bench: Bench, count: int) -> Table:
    """The relay beside its peers, by webhooks of `count` SMS."""
    entered = [peer for peer in bench.peers if peer.items == count]
    ours = next((peer.figures for peer in entered if peer.figures is not None), None)
    rows = [(_name(peer), *_cells(peer.figures), _factor(ours, peer.figures)) for peer in _measured(entered)]
    return Table(f"Peers, {count:,} SMS a webhook", (*_HEAD, "relay's CPU over its"), tuple(rows))


def curves(bench: Bench) -> Table:
    """Each curve's shape and sentence."""
    rows = tuple((curve.name, curve.sentence) for curve in bench.curves)
    return Table("As the work grows", ("", "what the points say"), rows)


def all_tables(bench: Bench) -> Iterator[Table]:
    """Give those that have rows."""
    made: Sequence[Callable[[Bench], Table]] = (whole_path, memory, items, curves)
    tables = [make(bench) for make in made]
    tables[3:3] = [peers(bench, count) for count in sorted({peer.items for peer in bench.peers})]
    return (table for table in tables if table.rows)


def show(bench: Bench, console: Console) -> None:
    """Draw everything."""
    for table in all_tables(bench):
        drawn = Drawn(title=table.title, title_justify="left", title_style="bold")
        for place, name in enumerate(table.head):
            drawn.add_column(name, justify="right" if place and table.title != "As the work grows" else "left")
        for row in table.rows:
            drawn.add_row(*(cell.replace("**", "").replace("`", "") for cell in row))
        console.print(drawn)
    for peer in bench.peers:
        if peer.figures is None:
            console.print(f"{peer.name}: not run. {peer.missing}")
    ratio = f"{bench.ratio_to_floor:.2f} times the floor"
    console.print(f"The whole path costs [bold]{ratio}[/]; medians of {bench.tempo.runs} runs on {bench.kafka}.")


_HEAD = ("", "CPU µs", "CPU s/10,000", "accepted/s", "p50 ms", "p99 ms", "p99.9 ms", "MiB")


def _cells(figures: Figures) -> tuple[str, ...]:
    return (
        f"{figures.us_per_webhook:.0f}",
        f"{figures.cpu_s_per_10k:.2f}",
        f"{figures.accepted_per_s:,.0f}",
        f"{figures.p50_ms:.2f}",
        f"{figures.p99_ms:.2f}",
        f"{figures.p999_ms:.2f}",
        f"{figures.resident_mib:.0f}",
    )


def _measured(entered: Sequence[Peer]) -> Iterator["_Measured"]:
    return (_Measured(peer.name, peer.figures) for peer in entered if peer.figures is not None)


@dataclass(frozen=True, slots=True)
class _Measured:
    name: str
    figures: Figures


def _name(peer: _Measured) -> str:
    return f"**{peer.name}**" if peer.name == "Sofy Relay" else peer.name


def _factor(ours: Figures | None, theirs: Figures) -> str:
    return "–" if ours is None or ours is theirs else f"{ours.cpu_s_per_10k / theirs.cpu_s_per_10k:.2f}"
