"""The workflows: well formed, pinned, and with no more rights than each job needs."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deploy.image.programs import installed
from tests.deploy.tools import DEPLOY, run, tool

pytestmark = pytest.mark.ops

WORKFLOWS: Final = sorted((DEPLOY.parent / ".github" / "workflows").iterdir())
_USES: Final = re.compile(r"^\s*(?:- )?uses: (.+)$", re.MULTILINE)
_PINNED: Final = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
_WRITES: Final = {"attestations": "write", "contents": "read", "id-token": "write", "packages": "write"}
_READS: Final = {"contents": "read"}


def read(name: str) -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load((DEPLOY.parent / ".github" / "workflows" / name).read_text())
    return workflow


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(workflow.name)["jobs"]
    return found


def uses(workflow: Path) -> list[str]:
    return _USES.findall(workflow.read_text())


def test_there_is_one_for_every_change_and_one_for_a_release() -> None:
    assert [workflow.name for workflow in WORKFLOWS] == ["ci.yaml", "release.yaml"]


def test_actionlint_finds_nothing() -> None:
    linted = run(tool("actionlint"), "-no-color", *WORKFLOWS)

    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda it: it.name)
def test_it_is_a_workflow_by_githubs_schema(workflow: Path) -> None:
    checked = run(installed("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", workflow)

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda it: it.name)
def test_every_action_is_pinned_by_its_commit_and_says_which_version_that_is(workflow: Path) -> None:
    others = [it for it in uses(workflow) if not _PINNED.fullmatch(it) and not it.startswith("./")]

    assert uses(workflow)
    assert others == []


def test_an_action_has_one_version_in_all_workflows() -> None:
    pinned = {it for workflow in WORKFLOWS for it in uses(workflow) if "@" in it}

    assert len({it.partition("@")[0] for it in pinned}) == len(pinned)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda it: it.name)
def test_nothing_is_permitted_but_what_a_job_asks_for(workflow: Path) -> None:
    asked = {name: job["permissions"] for name, job in jobs(workflow).items()}

    assert read(workflow.name)["permissions"] == {}
    assert all(rights == (_WRITES if name == "image" else _READS) for name, rights in asked.items())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda it: it.name)
def test_every_job_ends_and_every_checkout_forgets_its_token(workflow: Path) -> None:
    own = [job for job in jobs(workflow).values() if "uses" not in job]
    checkouts = [step for job in own for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]

    assert read(workflow.name)["concurrency"]["group"]
    assert all(job["timeout-minutes"] <= 90 for job in own)
    assert len(checkouts) == len(own)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_every_change_runs_what_the_project_runs() -> None:
    commands = [step.get("run") for job in read("ci.yaml")["jobs"].values() for step in job["steps"]]

    assert ".ci/run" in commands
    assert "make test" in commands


def test_every_python_that_the_project_promises_is_tested() -> None:
    project = (DEPLOY.parent / "pyproject.toml").read_text()
    promised = re.findall(r"Programming Language :: Python :: (3\.\d+)", project)
    ci = read("ci.yaml")["jobs"]

    first = next(
        step["with"]["python-version"] for step in ci["everything"]["steps"] if "python-version" in step.get("with", {})
    )

    assert [first, *ci["python"]["strategy"]["matrix"]["python"]] == promised


def test_an_image_gets_its_name_after_everything_else() -> None:
    release = read("release.yaml")["jobs"]["image"]
    steps = [step.get("uses", step["name"]).partition("@")[0] for step in release["steps"]]

    after_the_build = steps[steps.index("docker/build-push-action") :]

    assert release["needs"] == "checks"
    assert after_the_build == [
        "docker/build-push-action",
        "anchore/sbom-action",
        "anchore/scan-action",
        "actions/attest",
        "actions/attest",
        "sigstore/cosign-installer",
        "Sign",
        "Give it its name",
        "Say how to use it",
    ]


def test_the_build_gives_every_argument_of_the_recipe_that_a_release_knows() -> None:
    build = next(step for step in read("release.yaml")["jobs"]["image"]["steps"] if step.get("id") == "build")
    declared = set(re.findall(r"^ARG (\w+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))

    given = {line.partition("=")[0] for line in build["with"]["build-args"].splitlines()}

    assert declared - given == {"LICENSES"}
    assert given <= declared
    assert build["with"]["file"] == "deploy/Dockerfile"
    assert "tags" not in build["with"]


def test_the_release_starts_from_the_base_that_the_recipe_names() -> None:
    assert f"ARG PYTHON_IMAGE={read('release.yaml')['env']['BASE']}\n" in (DEPLOY / "Dockerfile").read_text()
