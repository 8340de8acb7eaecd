"""`relay serve`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import os
import signal
import sys

import typer

from relay.cli.terminal import WRONG_SETTINGS, fail, settings_or_exit

EXAMPLE = (
    "Example: RELAY_KAFKA__BOOTSTRAP_SERVERS=localhost:9092 RELAY_SOFY__TOKENS='[\"a-long-random-token\"]' relay serve"
)


def serve() -> None:
    """Run the relay until SIGTERM or SIGINT, then drain and exit 0.

    Wrong settings or a port in use: exit 2. Kafka being away is no reason to exit: it answers 503 until Kafka is back.
    """
    # Until the relay takes the signals over nothing was accepted, so there is nothing to drain.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    loaded = settings_or_exit(to_serve=True)
    from relay.app import run
    from relay.http.servers import ListenError
    from relay.traced import CannotTraceError

    try:
        code = run(loaded, os.environ)
    except (ListenError, CannotTraceError) as error:
        fail(str(error), WRONG_SETTINGS)
    raise typer.Exit(code)
