"""`python -m tests.chaos`: break everything for a while, and prove that nothing acknowledged was lost."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from tests.chaos.arena import Order, Scenario, Timeouts, run
from tests.chaos.report import show
from tests.kafka.jars import KafkaUnavailableError

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: python -m tests.chaos --minutes 10 --seed 7")
def chaos(  # noqa: PLR0913 - one parameter an option
    *,
    minutes: Annotated[float, typer.Option(min=0.5, max=600, help="How long faults go on.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Draws the faults and the SMS: the same seed, the same script.")] = 1,
    rate: Annotated[float, typer.Option(min=1, max=1000, help="SMS a second, of about two webhooks each.")] = 60.0,
    scenario: Annotated[Scenario, typer.Option(help="All faults, or one kind again and again.")] = Scenario.MIXED,
    times: Annotated[int, typer.Option(min=1, max=10_000, help="How often kills or rolling strike.")] = 100,
    timeouts: Annotated[
        Timeouts, typer.Option(help="The brokers' session and lag timeouts: quick ones, or their own.")
    ] = Timeouts.QUICK,
    as_json: Annotated[
        bool, typer.Option("--json", help="Nothing for people: only the ledger, which is stdout's last line anyway.")
    ] = False,
    history: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every attempt and fault there, a JSON object a line.")
    ] = None,
) -> None:
    """Run three real brokers, two replicas of the relay and a Sofy; break them; judge the invariants.

    Stdout's last line is the ledger as JSON. Exit 0 when every invariant held, 1 when one broke, 2 for wrong use.
    """
    console = Console(stderr=True, highlight=False, quiet=as_json)
    order = Order(seed, minutes, rate, scenario, times, timeouts, history)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(run(order, console.print))
    except KafkaUnavailableError as error:
        console.print(f"No real Kafka: {error}")
        raise typer.Exit(2) from None
    show(result, console)
    sys.stdout.write(json.dumps(result.ledger.as_json()) + "\n")
    raise typer.Exit(int(bool(result.ledger.broken)))


if __name__ == "__main__":
    app()
