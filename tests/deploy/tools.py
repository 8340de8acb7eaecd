"""The programs that the checks of `deploy/` need: found, or missing with a reason that says what to install."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
_DEBIAN = dict.fromkeys(("promtool", "prometheus"), "apt-get install prometheus")
_GO = {
    "kustomize": "go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.0",
    "actionlint": "go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7",
}


def tool(name: str) -> Path:
    """Give the program's path; skip the test where it is missing.

    With RELAY_REQUIRE_OPS=1 a missing Debian package is a failure, with RELAY_REQUIRE_GO=1 a missing Go program.
    """
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), _go_programs())))
    if found is not None:
        return Path(found)
    reason = f"{name} is missing: {(_DEBIAN | _GO)[name]}"
    if os.environ.get("RELAY_REQUIRE_OPS" if name in _DEBIAN else "RELAY_REQUIRE_GO") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def run(program: Path, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run it to its end, at most two minutes; both streams as text. Its exit status is the caller's to judge."""
    return subprocess.run(  # noqa: S603 - our own arguments only
        [program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


def _go_programs() -> str:
    """Where `go install` puts programs."""
    return os.environ.get("GOBIN") or str(Path(os.environ.get("GOPATH") or Path.home() / "go") / "bin")
