"""`relay project`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import os
import signal
import sys

import typer

from relay.cli.terminal import WRONG_SETTINGS, fail, settings_or_exit

EXAMPLE = "Example: RELAY_KAFKA__BOOTSTRAP_SERVERS=localhost:9092 relay project"

_NEEDED = ("kafka", "topics", "http", "admin", "projector", "log")
"""Neither Sofy's tokens nor its keys: a projector's pod need not hold them."""


def project() -> None:
    """Keep the latest state of each SMS on the compacted topic, until SIGTERM or SIGINT.

    A member of a consumer group: run several, up to one a partition. Metrics and probes are on the admin port.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    loaded = settings_or_exit(groups=_NEEDED)
    from relay.http.servers import ListenError
    from relay.project import run

    try:
        code = run(loaded, os.environ)
    except ListenError as error:
        fail(str(error), WRONG_SETTINGS)
    raise typer.Exit(code)
