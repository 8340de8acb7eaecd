"""`python -m tests.benchmark.report`: writes the figures of docs/performance/bench.json into docs/performance.md.

What stands between two marks is made here and never by hand, so that text and figures cannot drift apart.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.benchmark import table
from tests.benchmark.figures import Bench
from tests.benchmark.peers.building import KINDS

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "docs" / "performance.md"
FOLDER: Final = ROOT / "docs" / "performance"
_MARKED: Final = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end of figures -->\n)", re.DOTALL)


def written(document: str, bench: Bench) -> str:
    """Give the document with its marked parts made of `bench`.

    Raises:
        KeyError: a mark that nobody knows.
    """
    return _MARKED.sub(lambda found: f"{found[1]}\n{PARTS[found[2]](bench)}\n{found[3]}", document)


def _machine(bench: Bench) -> str:
    told = bench.machine
    return (
        f"Measured on {bench.day}: {told['processor']}, {told['cores']} cores, {told['memory']}, {told['kernel']}, "
        f"Python {told['python']}, {bench.kafka} with one node, relay {bench.relay}. The server had one core for "
        f"itself, Kafka and the load the others. Medians of {bench.tempo.runs} runs of {bench.tempo.seconds:g} s.\n"
    )


def _ratio(bench: Bench) -> str:
    return f"The whole path costs **{bench.ratio_to_floor:.2f} times** its floor. ![](performance/whole-path.svg)\n"


def _peer_tables(bench: Bench) -> str:
    tables = [table.peers(bench, count) for count in sorted({peer.items for peer in bench.peers if peer.figures})]
    return "\n".join(f"{each.title}:\n\n{each.markdown()}" for each in tables) + "\n![](performance/peers.svg)\n"


def _peer_configurations(_bench: Bench) -> str:
    lines = []
    for kind in KINDS:
        if kind.files:
            links = ", ".join(f"[{Path(file).name}](../{file})" for file in kind.files)
            lines.append(f"- **{kind.name}**: {links}. {kind.does}\n")
    return "".join(lines)


def _missing_peers(bench: Bench) -> str:
    missing = [peer for peer in bench.peers if peer.figures is None]
    return "".join(f"- {peer.name}: `{peer.missing}`\n" for peer in missing) or "None.\n"


def _curves(bench: Bench) -> str:
    parts = []
    for curve in bench.curves:
        xs = " | ".join(_short(x) for x, _ in curve.points)
        ys = " | ".join(_short(y) for _, y in curve.points)
        rule = "---:|" * len(curve.points)
        name = re.sub(r"[^a-z0-9]+", "-", curve.name.lower()).strip("-")
        parts.append(
            f"### {curve.name}\n\n{curve.sentence}\n\n| {curve.x} | {xs} |\n|---|{rule}\n| {curve.y} | {ys} |\n\n"
            f"![](performance/{name}.svg)\n"
        )
    return "\n".join(parts)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


PARTS: Final[Mapping[str, Callable[[Bench], str]]] = {
    "machine": _machine,
    "whole-path": lambda bench: f"{table.whole_path(bench).markdown()}\n{_ratio(bench)}",
    "memory": lambda bench: table.memory(bench).markdown(),
    "items": lambda bench: table.items(bench).markdown(),
    "peers": _peer_tables,
    "peer-configurations": _peer_configurations,
    "missing-peers": _missing_peers,
    "curves": _curves,
}


def write() -> None:
    """Rewrite the document from the figures beside it."""
    bench = Bench.read(FOLDER / "bench.json")
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), bench), encoding="utf-8")


if __name__ == "__main__":
    write()
    sys.stdout.write(f"{DOCUMENT.name} says what {FOLDER.name}/bench.json holds.\n")
