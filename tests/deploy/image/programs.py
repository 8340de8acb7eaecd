"""The programs of the dependency group `ops`: beside this Python, where `make ops` puts them."""

import os
import sys
from pathlib import Path

import pytest


def installed(name: str) -> Path:
    """Give the program's path; skip the test where it is missing, fail it with RELAY_REQUIRE_OPS=1."""
    program = Path(sys.executable).parent / name
    if program.exists():
        return program
    reason = f"{name} is missing: `make ops` installs it"
    if os.environ.get("RELAY_REQUIRE_OPS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
