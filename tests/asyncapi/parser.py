"""AsyncAPI's own parser, pinned, as npm gives it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.node_packages import installed

_HERE = Path(__file__).parent
_PARSE_WITHIN_S = 60.0


def installed_parser() -> Path:
    """Give the folder that holds the parser's node_modules. Blocks, and raises, as `installed`."""
    return installed(_HERE, "asyncapi-parser")


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
