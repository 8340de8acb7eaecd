"""The command as a process of its own, as a user starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_LIMIT_S = 60.0


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Give this process's environment with `variables` as the only RELAY_ ones."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")} | dict(variables)


def relay(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ``python -m relay`` to its end."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "relay", *arguments],
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )


def start(*arguments: str, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start ``python -m relay``; the caller ends it."""
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "relay", *arguments],
        env=environment(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(*arguments: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start ``python -m relay``; should it still run when the block ends, it is killed, and never waited for."""
    with start(*arguments, env=env) as process:
        try:
            yield process
        finally:
            process.kill()
