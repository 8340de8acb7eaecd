"""A guard that outlives us: kills a process that we started, if we die without having stopped it."""

import subprocess
from pathlib import Path

_SCRIPT = """
read -r word && exit 0
kill -CONT "$1"; kill -KILL "$1"; rm -rf -- "$2"
"""


class Guard:
    """Kills the process `pid` and removes `folder` when this process ends, even by SIGKILL, before `dismiss`.

    A shell that reads a pipe whose other end only we hold: a word sends it home, the end of the file means
    that we are gone. (PR_SET_PDEATHSIG would kill the broker when the *thread* that started it ends.)
    """

    def __init__(self, pid: int, folder: Path) -> None:
        self._shell = subprocess.Popen(  # noqa: S603 - our own arguments only
            ["/bin/sh", "-c", _SCRIPT, "guard", str(pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Send the guard home: the process has been reaped. Blocks until the guard is gone."""
        self._shell.communicate(b"dismissed\n")
