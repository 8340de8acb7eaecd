"""What is installed into the image: locked, hashed, and the very versions that the tests ran with."""

import tomllib
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.tools import DEPLOY
from tests.locks import read_lock

pytestmark = pytest.mark.ops

_PROJECT: Final = DEPLOY.parent / "pyproject.toml"
_MAIN: Final = DEPLOY.parent / "requirements.lock"
_EXTRAS: Final = ("otel", "redis")
"""Those of the image."""


@pytest.mark.parametrize("lock", ["requirements.lock", "build.lock"])
def test_a_lock_of_the_image_is_a_part_of_the_main_one(lock: str) -> None:
    main = read_lock(_MAIN)

    for name, locked in read_lock(DEPLOY / lock).items():
        assert locked.version
        assert locked.hashes
        assert main.get(name) == locked, f"{name} differs from requirements.lock: make lock"


def test_it_locks_what_serving_needs_with_the_shared_window_and_tracing() -> None:
    project = tomllib.loads(_PROJECT.read_text())["project"]
    asked = [*project["dependencies"], *(it for extra in _EXTRAS for it in project["optional-dependencies"][extra])]

    locked = read_lock(DEPLOY / "requirements.lock")

    assert {canonicalize_name(Requirement(it).name) for it in asked} <= set(locked)


def test_it_locks_nothing_of_the_demo_or_of_development() -> None:
    project = tomllib.loads(_PROJECT.read_text())
    extras = project["project"]["optional-dependencies"]
    served = {Requirement(it).name for extra in _EXTRAS for it in extras[extra]}
    others = [*extras["demo"], *project["dependency-groups"]["dev"]]

    locked = read_lock(DEPLOY / "requirements.lock")

    assert not {canonicalize_name(Requirement(it).name) for it in others} - served & set(locked)


def test_the_build_back_end_is_the_projects() -> None:
    asked = tomllib.loads(_PROJECT.read_text())["build-system"]["requires"]

    locked = read_lock(DEPLOY / "build.lock")

    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)].version)
