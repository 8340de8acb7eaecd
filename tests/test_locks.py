"""The lock files: each is whole, and is installed as it stands, whatever was released since."""

import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from tests.deploy.image.recipe import ROOT, stages
from tests.locks import read_lock

LOCKS = sorted([ROOT / "requirements.lock", *ROOT.glob("deploy/*.lock"), *ROOT.glob("tests/*/*.lock")])


def needs(distribution: Distribution, extras: frozenset[str]) -> list[Requirement]:
    """What it needs on this machine, with those of its extras."""
    asked = [Requirement(text) for text in distribution.requires or ()]
    return [
        it for it in asked if it.marker is None or any(it.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


@pytest.fixture(scope="module")
def installs() -> list[str]:
    """Every command of ours that installs a lock: those of make, which names them itself, and of the image."""
    make = ["make", "--dry-run", "--always-make", "ops", "page", "bench"]
    made = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own arguments
    runs = [run.rest for stage in stages() for run in stage.all("RUN")]
    commands = [*made.stdout.splitlines(), *(command for run in runs for command in run.split("&&"))]
    return [command.strip() for command in commands if " install " in command and ".lock" in command]


def test_every_lock_is_installed_by_a_command_of_ours(installs: list[str]) -> None:
    installed = {word for command in installs for word in command.split() if word.endswith(".lock")}

    assert installed == {str(lock.relative_to(ROOT)) for lock in LOCKS}


def test_a_lock_is_installed_by_its_hashes_and_nothing_is_resolved(installs: list[str]) -> None:
    # A newer release of what another package asks for with an extra broke the set-up: pip 23.2 looks past the pin.
    for command in installs:
        assert "--require-hashes" in command
        assert "--no-deps" in command


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_holds_all_that_is_needed_by_what_it_holds(lock: Path) -> None:
    installed = {canonicalize_name(it.name): it for it in distributions()}
    versions = {name: locked.version for name, locked in read_lock(lock).items() if locked.is_for_here}
    todo: list[tuple[NormalizedName, frozenset[str]]] = [(name, frozenset()) for name in versions]
    seen = set(todo)
    for name, extras in todo:
        if name not in installed:  # a tool of another target
            continue
        for needed in needs(installed[name], extras):
            found = canonicalize_name(needed.name)
            assert found in versions, f"{name} needs {needed}, which is not in the lock: make lock"
            assert needed.specifier.contains(versions[found], prereleases=True), f"{name} needs {needed}: make lock"
            step = (found, frozenset(needed.extras))
            if step not in seen:
                seen.add(step)
                todo.append(step)


def test_what_is_installed_fits_together() -> None:
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr
