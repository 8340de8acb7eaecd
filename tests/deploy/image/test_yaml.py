"""All YAML of the repository, by one style."""

import pytest

from tests.deploy.image.programs import installed
from tests.deploy.tools import DEPLOY, run

pytestmark = pytest.mark.ops


def test_yamllint_finds_nothing_not_even_a_warning() -> None:
    linted = run(installed("yamllint"), "--strict", "--format", "parsable", ".", cwd=DEPLOY.parent)

    assert linted.returncode == 0, linted.stdout
