"""`python -m tests.benchmark.profile`: where the serving process spends its time under load, as a flame graph."""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from tests.benchmark.load import Load, NoLoadGeneratorError, require
from tests.benchmark.machine import Cores
from tests.benchmark.measuring import Target
from tests.benchmark.stand import embedded_kafka, real_kafka
from tests.benchmark.whole_path import fitting
from tests.kafka.jars import KafkaUnavailableError

FOLDER: Final = Path("build") / "bench"
_RATE: Final = 500
_TITLE: Final = re.compile(r'(<text id="title"[^>]*>)[^<]*</text>')
_BESIDE_S: Final = 2.0
"""The load goes on for so long after the profile."""
_MOST: Final = 60
_EVERYWHERE: Final = 0.99
"""What is on so many stacks is what runs the program: it says nothing."""

app = typer.Typer(add_completion=False)


class ProfileError(Exception):
    """There is no profile; the text says why."""


@app.command(epilog="Example: python -m tests.benchmark.profile --items 1000")
def profile(
    *,
    items: Annotated[int, typer.Option(min=1, max=4_000, help="SMS in a webhook.")] = 1,
    connections: Annotated[int, typer.Option(min=0, max=4_000, help="0: so many as saturate, 64 at most.")] = 0,
    seconds: Annotated[int, typer.Option(min=1, max=600, help="How long it is looked at.")] = 20,
    new_recipients: Annotated[bool, typer.Option("--new-recipients", help="Each SMS to another number.")] = False,
    embedded: Annotated[bool, typer.Option("--embedded", help="On the embedded broker, without a JVM.")] = False,
) -> None:
    """Saturate `relay serve` and sample it with py-spy.

    Leaves a flame graph (SVG) and the stacks in build/bench/, and prints what share of the time each function was on
    the stack. Each sample stops the process for a moment, so that calls into the kernel look larger than they are: a
    share is a hint, and `make bench` the proof. Wants the right to look into a process that is not its child: root, or
    kernel.yama.ptrace_scope=0.
    """
    console = Console(highlight=False)
    by = connections or fitting(items)
    name = f"profile-{items}-items-{by}-connections{'-new' if new_recipients else ''}"
    load = Load(items=items, connections=by, seconds=seconds + _BESIDE_S, new_recipients=new_recipients)
    try:
        require()
        stacks = _sampled(load, seconds, name, embedded=embedded)
    except (NoLoadGeneratorError, KafkaUnavailableError, ProfileError) as error:
        console.print(str(error))
        raise typer.Exit(2) from None
    _show(stacks, console)
    console.print(f"{FOLDER / name}.svg and {name}.txt written.")


def shares(stacks: Iterable[str]) -> tuple[Counter[str], Counter[str], int]:
    """Count samples by function: on the stack anywhere, and at its end; and all of them.

    A line of `stacks` is a stack as py-spy writes it: its functions from the outermost on, and how often it was seen.
    """
    inside: Counter[str] = Counter()
    itself: Counter[str] = Counter()
    total = 0
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        functions = [_without_line(frame) for frame in stack.split(";")]
        itself[functions[-1]] += int(count)
        for function in set(functions):
            inside[function] += int(count)
        total += int(count)
    return inside, itself, total


def _without_line(frame: str) -> str:
    head, colon, line = frame.rstrip(")").rpartition(":")
    return f"{head})" if colon and line.isdigit() else frame


def _sampled(load: Load, seconds: int, name: str, *, embedded: bool) -> list[str]:
    spy = shutil.which("py-spy", path=sysconfig.get_path("scripts")) or shutil.which("py-spy")
    if spy is None:
        message = "There is no py-spy: pip install -r tests/benchmark/requirements.lock"
        raise ProfileError(message)
    FOLDER.mkdir(parents=True, exist_ok=True)
    cores = Cores.split()
    with embedded_kafka(cores) if embedded else real_kafka(cores) as stand, stand.relay() as relay:
        target = Target("", relay.server, load, relay.paths, stand.source)
        target.warm_up()
        stacks = FOLDER / f"{name}.txt"
        for form, file in (("raw", stacks), ("flamegraph", stacks.with_suffix(".svg"))):
            options = ("--rate", str(_RATE), "--duration", str(seconds), "--format", form, "--output", str(file))
            spying = subprocess.Popen(  # noqa: S603 - our own arguments only
                [spy, "record", "--pid", str(relay.server.pid), *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            target.run()
            said, _ = spying.communicate()
            if spying.returncode != 0:
                message = f"py-spy could not look into the relay; it said: {said[-2000:]}"
                raise ProfileError(message)
    graph = stacks.with_suffix(".svg")
    graph.write_text(titled(graph.read_text(encoding="utf-8"), name), encoding="utf-8")
    return stacks.read_text(encoding="utf-8").splitlines()


def titled(graph: str, title: str) -> str:
    """Give a flame graph with this title: py-spy's is its command line, which names places on somebody's machine."""
    return _TITLE.sub(lambda found: f"{found[1]}{title}</text>", graph, count=1)


def _show(stacks: Iterable[str], console: Console) -> None:
    inside, itself, total = shares(stacks)
    table = Table("function", "on the stack", "itself")
    told = [(function, count) for function, count in inside.most_common() if count < _EVERYWHERE * total]
    for function, count in told[:_MOST]:
        table.add_row(function, f"{count / total:.1%}", f"{itself[function] / total:.1%}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(app())
