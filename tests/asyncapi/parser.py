"""AsyncAPI's own parser, pinned, in a cache outside the tree, which npm fills once a machine."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.kafka.jars import cache_folder, locked

_HERE = Path(__file__).parent
_MANIFEST = ("package.json", "package-lock.json")
_INSTALL_WITHIN_S = 300.0
_PARSE_WITHIN_S = 60.0


class ParserUnavailableError(Exception):
    """The parser cannot be had on this machine; the text says why."""


def installed_parser() -> Path:
    """Give the folder that holds the parser's node_modules, as the lock file says.

    Blocks: nothing to speak of with a filled cache, else for as long as npm downloads some 10 MB. Two processes at
    once are safe: the second waits for the first.

    Raises:
        ParserUnavailableError: no Node or npm, or neither a filled cache nor a registry that answers.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            message = f"there is no {program} on the PATH: AsyncAPI's parser needs Node 20 and npm"
            raise ParserUnavailableError(message)
    version = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _MANIFEST)).hexdigest()[:12]
    home = cache_folder() / f"asyncapi-parser-{version}"
    with locked(home):
        if not home.is_dir():
            _fill(home)
    return home


def parse(home: Path, document: Path) -> dict[str, Any]:
    """Give what the parser in `home` makes of the file: `told`, null if it is no document, and `diagnostics`."""
    script = str(_HERE / "parse.mjs")
    done = subprocess.run(  # noqa: S603 - our own arguments only
        ["node", script, str(home), str(document)],  # noqa: S607 - whichever Node is on the PATH
        capture_output=True,
        text=True,
        timeout=_PARSE_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _fill(home: Path) -> None:
    """Install to `home`, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"{home.name}-") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        for name in _MANIFEST:
            shutil.copy(_HERE / name, made)
        try:
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],  # noqa: S607 - as above
                cwd=made,
                capture_output=True,
                text=True,
                timeout=_INSTALL_WITHIN_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"no answer from npm within {_INSTALL_WITHIN_S:.0f} s"
            raise ParserUnavailableError(message) from error
        if done.returncode != 0:
            message = f"npm could not install AsyncAPI's parser: {done.stderr.strip()[:400]}"
            raise ParserUnavailableError(message)
        made.rename(home)
