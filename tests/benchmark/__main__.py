"""`python -m tests.benchmark`: what a webhook costs, beside its floors and peers, and as the work grows."""

import shutil
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from relay import __version__
from tests.benchmark import curves, load, machine, report, start_up, table, whole_path
from tests.benchmark.figures import FILE, Bench, Tempo
from tests.benchmark.machine import Cores
from tests.benchmark.measuring import NothingAcceptedError
from tests.benchmark.peers import running as peers
from tests.benchmark.server import ServerError
from tests.benchmark.stand import Stand, embedded_kafka, real_kafka
from tests.kafka.jars import KafkaUnavailableError

PLOTS: Final = Path("build") / "bench"
_QUICK: Final = Tempo(runs=3, seconds=3.0)
_MOST_RUNS_A_POINT: Final = 5
_SHARE_OF_A_POINT: Final = 0.6
_WIDTH: Final = 120
"""Of the tables, where no terminal says its own."""

app = typer.Typer(add_completion=False)


class Part(StrEnum):
    """What can be measured beside the whole path and its floors, which every run measures."""

    ITEMS = "items"
    PEERS = "peers"
    CURVES = "curves"
    START_UP = "start-up"


@app.command(epilog="Example: python -m tests.benchmark --only curves --runs 3")
def bench(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A minute on the embedded broker: path and floors.")] = False,
    runs: Annotated[int, typer.Option(min=1, max=100, help="Runs whose medians are told.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Length of a run.")] = 5.0,
    only: Annotated[list[Part] | None, typer.Option(help="Beside the whole path; by default all.")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Renew docs/performance.md and its plots.")] = False,
) -> None:
    """Measure the relay on a real local Kafka; leave bench.json here and the plots in build/bench/."""
    console = Console(stderr=True, highlight=False)
    cores = Cores.split()
    if publish and (quick or only):
        console.print("--publish wants everything measured: leave --quick and --only away.")
        raise typer.Exit(2)
    try:
        load.require()
        found = _quickly(cores, console) if quick else _wholly(cores, Tempo(runs=runs, seconds=seconds), only, console)
    except (load.NoLoadGeneratorError, KafkaUnavailableError) as error:
        console.print(str(error))
        raise typer.Exit(2) from None
    except (NothingAcceptedError, ServerError) as error:
        console.print(str(error), markup=False)
        raise typer.Exit(1) from None
    found.write(FILE)
    table.show(found, Console(width=None if sys.stdout.isatty() else _WIDTH))
    drawn = _draw(found, console)
    if publish:
        _publish(found, drawn)


def _quickly(cores: Cores, console: Console) -> Bench:
    return _measured(embedded_kafka(cores), _QUICK, (), console)


def _wholly(cores: Cores, tempo: Tempo, only: list[Part] | None, console: Console) -> Bench:
    return _measured(real_kafka(cores), tempo, tuple(Part) if only is None else tuple(only), console)


def _measured(kafka: AbstractContextManager[Stand], tempo: Tempo, parts: Iterable[Part], console: Console) -> Bench:
    point = Tempo(runs=min(tempo.runs, _MOST_RUNS_A_POINT), seconds=max(1.0, round(tempo.seconds * _SHARE_OF_A_POINT)))
    say = _saying(console)
    with kafka as stand:
        console.print(f"On {stand.kafka}, {tempo.runs} runs of {tempo.seconds:g} s.")
        path = whole_path.run(stand, tempo, say)
        return Bench(
            ratio_to_floor=path.ratio_to_floor,
            machine=machine.describe(),
            kafka=stand.kafka,
            relay=__version__,
            day=f"{datetime.now(UTC):%Y-%m-%d}",
            tempo=tempo,
            whole_path=path,
            items=tuple(whole_path.items(stand, tempo, say)) if Part.ITEMS in parts else (),
            start_up=start_up.run(stand, tempo.runs, say) if Part.START_UP in parts else None,
            peers=tuple(peers.run(stand, tempo, say)) if Part.PEERS in parts else (),
            curves=tuple(curves.run(stand, point, say)) if Part.CURVES in parts else (),
        )


def _saying(console: Console) -> Callable[[str], None]:
    began = time.monotonic()
    return lambda line: console.print(f"{time.monotonic() - began:6.0f} s  {line}", soft_wrap=True)


def _draw(found: Bench, console: Console) -> list[Path]:
    if find_spec("matplotlib") is None:
        console.print("No plots: matplotlib is not installed (pip install -r tests/benchmark/requirements.lock).")
        return []
    from tests.benchmark import plots  # noqa: PLC0415 - the figures are worth having without it

    files = plots.draw(found, PLOTS)
    console.print(f"{FILE} and {len(files)} plots in {PLOTS}/ written.")
    return files


def _publish(found: Bench, drawn: Iterable[Path]) -> None:
    report.FOLDER.mkdir(parents=True, exist_ok=True)
    found.write(report.FOLDER / FILE.name)
    for plot in drawn:
        shutil.copy(plot, report.FOLDER)
    report.write()


if __name__ == "__main__":
    sys.exit(app())
