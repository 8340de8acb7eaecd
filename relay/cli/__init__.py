"""The command `relay`: one short file a command, registered here.

Command modules import what they need when they run, so that ``relay --help`` is quick.
"""

import sys
from typing import Annotated

import typer

from relay import __version__
from relay.cli import (
    check,
    dead_letters,
    demo,
    erase,
    project,
    reconcile,
    schemas,
    serve,
    simulate,
    tail,
    topics,
    webhooks,
)

app = typer.Typer(
    name="relay",
    no_args_is_help=True,
    rich_markup_mode="rich" if sys.stdout.isatty() else None,  # boxes and colours are for terminals
    pretty_exceptions_enable=False,  # they would show local variables, secrets among them
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: relay check && relay serve",
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - the signature that typer calls
    if asked:
        typer.echo(f"relay {__version__}")
        raise typer.Exit


@app.callback()
def _relay(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Sofy's SMS status webhooks in, durable Kafka records out. Settings: RELAY_* variables."""
    del version


app.command("serve", epilog=serve.EXAMPLE)(serve.serve)
app.command("check", epilog=check.EXAMPLE)(check.check)
app.command("demo", epilog=demo.EXAMPLE)(demo.demo)
app.command("simulate", epilog=simulate.EXAMPLE)(simulate.simulate)
app.command("tail", epilog=tail.EXAMPLE)(tail.tail)
app.command("project", epilog=project.EXAMPLE)(project.project)
app.command("erase", epilog=erase.EXAMPLE)(erase.erase)
app.command("reconcile", epilog=reconcile.EXAMPLE)(reconcile.reconcile)
app.add_typer(dead_letters.app, name="dead-letters", epilog=dead_letters.EXAMPLE)
app.add_typer(topics.app, name="topics", epilog=topics.EXAMPLE)
app.add_typer(webhooks.app, name="webhooks", epilog=webhooks.EXAMPLE)
app.add_typer(schemas.app, name="schemas", epilog=schemas.EXAMPLE)


def main() -> None:
    """Run the command that `sys.argv` names; ends the process."""
    app(prog_name="relay")
