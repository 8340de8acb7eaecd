"""What holds of the files as they lie there: all of this runs where there is no kustomize."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from relay import __version__
from relay.settings import Settings
from relay.settings.environment import FILE_SUFFIX, KNOWN, load
from tests.deploy.kubernetes import checks, joints, plain
from tests.deploy.kubernetes.manifests import KUSTOMIZE, Manifest
from tests.deploy.kubernetes.schemas import VERSIONS, refusals
from tests.deploy.tools import DEPLOY

pytestmark = pytest.mark.ops

RESOURCES = plain.resources(KUSTOMIZE)
SECRET = {"tokens", "secrets", "accounts", "sasl_password", "api_token", "api_key_id", "api_key_secret", "key", "store"}
EVERYTHING = [manifest for manifests in RESOURCES.values() for manifest in manifests]


def defaults() -> Settings:
    return load({"RELAY_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092"}).settings


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
@pytest.mark.parametrize("file", RESOURCES)
def test_a_resource_is_one_that_an_api_server_takes(file: str, version: str) -> None:
    assert [problem for manifest in RESOURCES[file] for problem in refusals(manifest, version)] == []


@pytest.mark.parametrize(
    "check",
    [
        checks.selectors,
        lambda manifests: checks.ports(manifests, defaults()),
        lambda manifests: checks.grace(manifests, defaults()),
        checks.hardening,
        checks.mounts,
        checks.replicas,
        lambda manifests: checks.ingresses(manifests, defaults()),
        lambda manifests: joints.version(manifests, __version__),
        lambda manifests: joints.user(manifests, (DEPLOY / "Dockerfile").read_text()),
    ],
    ids=["selectors", "ports", "grace", "hardening", "mounts", "replicas", "ingresses", "version", "user"],
)
def test_the_resources_together_keep_to(check: Callable[[Sequence[Manifest]], Iterator[str]]) -> None:
    assert list(check(EVERYTHING)) == []


@pytest.mark.parametrize(("file", "variables"), plain.settings(KUSTOMIZE).items())
def test_a_file_of_settings_holds_settings_and_no_secret(file: str, variables: dict[str, str]) -> None:
    unknown = [name for name in variables if name.removesuffix(FILE_SUFFIX) not in KNOWN]
    given = [name for name in variables if name in KNOWN and KNOWN[name].field in SECRET]

    assert unknown == [], file
    assert given == [], file


def test_no_file_is_missing_and_none_is_forgotten() -> None:
    assert list(plain.loose_ends(KUSTOMIZE)) == []


def test_a_file_that_is_missing_and_one_that_is_forgotten_are_found(tmp_path: Path) -> None:
    copied = Path(shutil.copytree(KUSTOMIZE, tmp_path / "kustomize"))
    (copied / "base" / "service.yaml").rename(copied / "base" / "services.yaml")

    told = list(plain.loose_ends(copied))

    assert [sentence.split(":")[0] for sentence in told] == ["base", "base/services.yaml"]
