"""`relay demo`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.terminal import WRONG_SETTINGS, console, fail

if TYPE_CHECKING:
    from relay.demo.run import Order, Result
    from relay.demo.screen import Screen

EXAMPLE = "Example: relay demo --seconds 20"

_INTERRUPTED = 130
_DEFAULT_RATE = 150.0


def demo(
    *,
    seconds: Annotated[float | None, typer.Option(min=0.1, metavar="N", help="End by itself after N seconds.")] = None,
    kafka: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Use this Kafka instead of the embedded one.")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=1, max=2000, metavar="N", help="Status items that Sofy sends a second.")
    ] = _DEFAULT_RATE,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the ledger as one JSON object, the last line of stdout.")
    ] = False,
) -> None:
    """See the relay work: an embedded Kafka, the relay, and a simulated Sofy that sends invented SMS statuses.

    Ctrl-C or --seconds ends it with the ledger, read back from Kafka. Exit 1 if anything was lost.
    """
    try:
        from relay.demo.run import Order
        from relay.demo.stage import DemoError
    except ImportError as error:
        if error.name != "confluent_kafka":
            raise
        fail("The demo needs more than the relay does: install sofy-relay[demo].", WRONG_SETTINGS)
    try:
        result = _run(Order(seconds=seconds, kafka=kafka, rate=rate), as_json=as_json)
    except DemoError as error:
        fail(str(error), WRONG_SETTINGS)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    _print(result, as_json=as_json)
    raise typer.Exit(0 if result.good else 1)


def _run(order: "Order", *, as_json: bool) -> "Result":
    from relay.demo.run import run
    from relay.demo.screen import LiveScreen, PlainScreen

    screen: Screen = PlainScreen()
    if sys.stdout.isatty() and not as_json:
        screen = LiveScreen(console())
    return run(order, screen)


def _print(result: "Result", *, as_json: bool) -> None:
    from relay.demo.view import ledger_table

    if result.trouble:
        typer.echo(f"The ledger is not complete: {result.trouble}", err=True)
    if as_json:
        typer.echo(json.dumps({**asdict(result.ledger), "complete": not result.trouble}))
    else:
        console().print(ledger_table(result.ledger))
