"""What is installed into the image: locked, hashed, and the very versions that the tests ran with."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.tools import DEPLOY

pytestmark = pytest.mark.ops

_PROJECT: Final = DEPLOY.parent / "pyproject.toml"
_MAIN: Final = DEPLOY.parent / "requirements.lock"
_EXTRAS: Final = ("otel", "redis")
"""Those of the image."""
_HASH: Final = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Locked:
    """One package of a lock: its version as written, and the hashes of its files."""

    version: str
    hashes: frozenset[str]


def read(lock: Path) -> dict[str, Locked]:
    text = lock.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {name: locked for line in lines for name, locked in _package(line)}


def _package(line: str) -> Iterator[tuple[str, Locked]]:
    requirement = Requirement(line.partition(" --hash=")[0].strip())
    yield canonicalize_name(requirement.name), Locked(str(requirement.specifier), frozenset(_HASH.findall(line)))


@pytest.mark.parametrize("lock", ["requirements.lock", "build.lock"])
def test_a_lock_of_the_image_is_a_part_of_the_main_one(lock: str) -> None:
    main = read(_MAIN)

    for name, locked in read(DEPLOY / lock).items():
        assert locked.version.startswith("==")
        assert locked.hashes
        assert main.get(name) == locked, f"{name} differs from requirements.lock: make lock"


def test_it_locks_what_serving_needs_with_the_shared_window_and_tracing() -> None:
    project = tomllib.loads(_PROJECT.read_text())["project"]
    asked = [*project["dependencies"], *(it for extra in _EXTRAS for it in project["optional-dependencies"][extra])]

    locked = read(DEPLOY / "requirements.lock")

    assert {canonicalize_name(Requirement(it).name) for it in asked} <= set(locked)


def test_it_locks_nothing_of_the_demo_or_of_development() -> None:
    project = tomllib.loads(_PROJECT.read_text())
    extras = project["project"]["optional-dependencies"]
    served = {Requirement(it).name for extra in _EXTRAS for it in extras[extra]}
    others = [*extras["demo"], *project["dependency-groups"]["dev"]]

    locked = read(DEPLOY / "requirements.lock")

    assert not {canonicalize_name(Requirement(it).name) for it in others} - served & set(locked)


def test_the_build_back_end_is_the_projects() -> None:
    asked = tomllib.loads(_PROJECT.read_text())["build-system"]["requires"]

    locked = read(DEPLOY / "build.lock")

    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(locked[requirement.name].version.removeprefix("=="))
