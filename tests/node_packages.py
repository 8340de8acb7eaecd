"""Programs and libraries from npm, pinned, in a cache outside the tree, which npm fills once a machine."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.kafka.jars import cache_folder, locked

_MANIFEST = ("package.json", "package-lock.json")
_INSTALL_WITHIN_S = 300.0


class NodeUnavailableError(Exception):
    """What npm was to give cannot be had on this machine; the text says why."""


def installed(manifest: Path, name: str) -> Path:
    """Give the folder that holds node_modules, as the lock file in the folder `manifest` says.

    `name` is for people: what it is that is installed. Blocks: nothing to speak of with a filled cache, else for as
    long as npm downloads. Two processes at once are safe: the second waits for the first.

    Raises:
        NodeUnavailableError: no Node or npm, or neither a filled cache nor a registry that answers.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            message = f"there is no {program} on the PATH: {name} needs Node 20 and npm"
            raise NodeUnavailableError(message)
    version = hashlib.sha256(b"".join((manifest / part).read_bytes() for part in _MANIFEST)).hexdigest()[:12]
    home = cache_folder() / f"{name}-{version}"
    with locked(home):
        if not home.is_dir():
            _fill(home, manifest, name)
    return home


def _fill(home: Path, manifest: Path, name: str) -> None:
    """Install to `home`, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"{home.name}-") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        for part in _MANIFEST:
            shutil.copy(manifest / part, made)
        try:
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],  # noqa: S607 - whichever is on the PATH
                cwd=made,
                capture_output=True,
                text=True,
                timeout=_INSTALL_WITHIN_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"no answer from npm within {_INSTALL_WITHIN_S:.0f} s"
            raise NodeUnavailableError(message) from error
        if done.returncode != 0:
            message = f"npm could not install {name}: {done.stderr.strip()[:400]}"
            raise NodeUnavailableError(message)
        made.rename(home)
