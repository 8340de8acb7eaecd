"""The image's recipe: linted, from named bases, and with a last stage that can only serve."""

import pytest

from relay.settings import AdminSettings, HttpSettings
from tests.deploy.image.programs import installed
from tests.deploy.image.recipe import ROOT, Stage, seen_by_the_build, stages
from tests.deploy.tools import DEPLOY, run

pytestmark = pytest.mark.ops


def last() -> Stage:
    return stages()[-1]


def environ() -> dict[str, str]:
    return {name: value for instruction in last().all("ENV") for name, value in instruction.pairs().items()}


def test_hadolint_finds_nothing() -> None:
    linted = run(installed("hadolint"), "--config", ROOT / ".hadolint.yaml", DEPLOY / "Dockerfile")

    assert linted.returncode == 0, linted.stdout


def test_every_stage_starts_from_the_one_base_that_the_release_pins_by_digest() -> None:
    bases = {stage.instructions[0].rest.split(" AS ")[0] for stage in stages()}

    assert bases == {"${PYTHON_IMAGE}"}
    assert "ARG PYTHON_IMAGE=python:3.13-slim-bookworm\n" in (DEPLOY / "Dockerfile").read_text()


def test_it_runs_as_a_number_that_is_not_root() -> None:
    assert [user.rest for user in last().all("USER")] == ["65532:65532"]


def test_it_serves_unless_told_otherwise() -> None:
    assert last().all("ENTRYPOINT")[0].items() == ["relay"]
    assert last().all("CMD")[0].items() == ["serve"]
    assert environ()["PATH"].startswith("/opt/relay/bin:")


def test_it_exposes_the_ports_of_the_settings() -> None:
    exposed = last().all("EXPOSE")[0].rest.split()

    assert exposed == [str(HttpSettings.model_fields["port"].default), str(AdminSettings.model_fields["port"].default)]


def test_it_writes_no_bytecode_and_holds_back_no_output() -> None:
    assert (environ()["PYTHONDONTWRITEBYTECODE"], environ()["PYTHONUNBUFFERED"]) == ("1", "1")


def test_probes_are_the_clusters() -> None:
    assert last().all("HEALTHCHECK") == []


def test_the_last_stage_installs_nothing_and_keeps_no_installer() -> None:
    commands = " ".join(run.rest for run in last().all("RUN"))

    assert "pip uninstall" in commands
    assert "ensurepip" in commands
    assert not any(word in commands for word in ("pip install", "apt-get", "curl", "wget"))


def test_the_labels_say_what_it_is_and_where_it_comes_from() -> None:
    labels = last().all("LABEL")[0].pairs()
    given = {argument.rest.partition("=")[0] for argument in last().all("ARG")}

    for name, argument in {
        "version": "VERSION",
        "revision": "REVISION",
        "source": "SOURCE",
        "licenses": "LICENSES",
    }.items():
        assert labels[f"org.opencontainers.image.{name}"] == f"${{{argument}}}"
        assert argument in given


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".env",
        ".venv/bin/python",
        "deploy/compose/relay.env",
        "deploy/requirements.lock.orig",
        "relay/__pycache__/app.cpython-313.pyc",
        "requirements.lock",
        "tests/conftest.py",
    ],
)
def test_the_build_does_not_see(path: str) -> None:
    assert not seen_by_the_build(path)


def test_the_build_sees_what_it_copies_and_no_more_at_the_root() -> None:
    copied = {source for instruction in stages()[0].all("COPY") for source in instruction.rest.split()[:-1]}

    allowed = {it[1:] for it in (ROOT / ".dockerignore").read_text().splitlines() if it.startswith("!")}

    assert allowed == copied
