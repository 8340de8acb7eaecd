"""How a command asks Kafka something: one sentence on stderr if it cannot be had, and nothing of the client's own."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from relay.cli.terminal import fail, plain

if TYPE_CHECKING:
    from relay.streams.standing import Progress

Answer = TypeVar("Answer")

_SHOWN_EVERY_S: Final = 0.1


def answered(ask: Callable[["Progress"], Coroutine[Any, Any, Answer]]) -> Answer:
    """Run what asks Kafka, with a bar on stderr if that is a terminal, of which nothing stays.

    Ends the command with one sentence, exit 1, if Kafka cannot be asked.
    """
    from relay.publishing.cluster import ClusterUnreachableError
    from relay.publishing.connection import UnusableConnectionError
    from relay.streams.tail import TopicMissingError

    # What aiokafka would warn of comes as an exception too; without a handler Python writes it to stderr.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        with _progress_bar() as progress:
            return asyncio.run(ask(progress))
    except (ClusterUnreachableError, TopicMissingError, UnusableConnectionError) as error:
        fail(plain(str(error)))


@contextmanager
def _progress_bar() -> Iterator["Progress"]:
    from rich.console import Console
    from rich.progress import Progress as Bar

    screen = Console(stderr=True)
    # What is printed meanwhile stands above the bar; where stdout is no terminal it must not go to this one.
    to_terminal = sys.stdout.isatty()
    with Bar(console=screen, transient=True, disable=not screen.is_terminal, redirect_stdout=to_terminal) as bar:
        task = bar.add_task("", total=None)
        shown_at = 0.0

        def show(what: str, done: int, total: int) -> None:
            nonlocal shown_at
            now = time.monotonic()
            if now >= shown_at + _SHOWN_EVERY_S:
                shown_at = now
                bar.update(task, description=plain(what), completed=done, total=total)

        yield show
