"""`relay simulate`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer

from relay.cli.terminal import WRONG_SETTINGS, console, fail

if TYPE_CHECKING:
    import socket

    from relay.simulator.ledger import Ledger
    from relay.simulator.run import Order

EXAMPLE = (
    "Example: relay simulate --target http://127.0.0.1:8080/webhooks/sofy/a-long-random-token --count 50 "
    "--time-scale 0.1"
)

_LISTEN: Final = "127.0.0.1:8090"
_RATE: Final = 5.0
_INTERRUPTED: Final = 130
_HIGHEST_PORT: Final = 65_535


def simulate(  # noqa: PLR0913 - one parameter an option
    *,
    target: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Post webhooks of invented SMS here: v1 (its token in the path), or v2."),
    ] = None,
    secret: Annotated[
        str | None, typer.Option(metavar="SECRET", help="Sign the webhooks to the target with it, as v2 does.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=10_000, metavar="N", help=f"Invented SMS a second, about two webhooks each [{_RATE:g}]."
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="End after N invented SMS, once all their webhooks have ended."),
    ] = None,
    time_scale: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="FACTOR",
            help="Multiply the delays of lives and replays: 0.1 is ten times as fast. Never the 4 s for an answer.",
        ),
    ] = 1.0,
    retry_schedule: Annotated[
        str | None,
        typer.Option(
            metavar="DELAYS",
            help="Delays before the ten replays, such as 1,2,4 or 30s,5m,1h; the last one repeats. The default is an "
            "assumption, for Sofy says no figures: 5 s, doubled each time, 85 min in all.",
        ),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FAULTS",
            help="timeout, 5xx, duplicate, reorder, malformed; several with commas, each with a share if it is not "
            "0.1: duplicate=0.5.",
        ),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help=f"Where its REST is served; /docs describes it [{_LISTEN}].")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same seed invents the same SMS.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the ledger as one JSON object, the last line of stdout.")
    ] = False,
) -> None:
    """Be a Sofy to develop against: its REST, its webhooks with the 4 s limit, ten replays, v1 and v2.

    SMS come from --target, --rate or --count (invented), and from the REST; nothing is ever sent to a phone.
    Ends with its ledger after --count, or Ctrl-C. Exit 1 if a webhook was discarded.
    """
    from relay.simulator.faults import FaultError, parse_faults
    from relay.simulator.run import Order
    from relay.simulator.schedule import ReplaySchedule, ScheduleError, parse_delays

    invents = target is not None or rate is not None or count is not None
    if target is not None:
        _check_url(target)
    elif secret is not None:
        fail("--secret signs the webhooks to --target: give both, or register through the REST.", WRONG_SETTINGS)
    try:
        delays = {} if retry_schedule is None else {"delays_s": parse_delays(retry_schedule)}
        faults = parse_faults(",".join(fault or ()))
    except ScheduleError as error:
        fail(f"--retry-schedule: {error}.", WRONG_SETTINGS)
    except FaultError as error:
        fail(f"--fault: {error}.", WRONG_SETTINGS)
    order = Order(
        target=target,
        secret=secret,
        rate=(rate or _RATE) if invents else None,
        count=count,
        time_scale=time_scale,
        schedule=ReplaySchedule(scale=time_scale, **delays),
        faults=faults,
        seed=seed,
    )
    ledger = _run(order, _listener(listen, needed=target is None))
    _print(ledger, as_json=as_json)
    raise typer.Exit(1 if ledger.discarded else 0)


def _check_url(target: str) -> None:
    parts = urlsplit(target)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        # Not repeated: it may hold a token.
        fail("--target takes an absolute http or https URL.", WRONG_SETTINGS)


def _listener(listen: str | None, *, needed: bool) -> "socket.socket | None":
    """Give the REST's socket. On a usual address that is taken, a run that does not need the REST goes without."""
    from relay.simulator.server import ListenError
    from relay.simulator.server import listen as bind

    host, colon, port = (listen or _LISTEN).rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        fail("--listen takes HOST:PORT, such as 127.0.0.1:8090 or [::1]:8090.", WRONG_SETTINGS)
    try:
        listener = bind(host.strip("[]"), int(port))
    except ListenError as error:
        if needed or listen is not None:
            fail(str(error), WRONG_SETTINGS)
        typer.echo(f"The REST is not served. {error}", err=True)
        return None
    typer.echo(f"Sofy's REST: http://{host}:{listener.getsockname()[1]}/docs", err=True)
    return listener


def _run(order: "Order", listener: "socket.socket | None") -> "Ledger":
    from rich.console import Console

    from relay.simulator.run import run

    try:
        return run(order, listener, Console(file=sys.stderr, highlight=False, markup=False, emoji=False))
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def _print(ledger: "Ledger", *, as_json: bool) -> None:
    counts = asdict(ledger)
    if as_json:
        typer.echo(json.dumps(counts))
        return
    screen = console()
    for name, number in counts.items():
        screen.print(f"{name:<13} {number:>9,}")
