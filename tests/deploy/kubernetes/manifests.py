"""The manifests as kustomize builds them, and the way to what they hold."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from tests.deploy.tools import DEPLOY, run, tool

Manifest = Mapping[str, Any]

KUSTOMIZE: Final = DEPLOY / "kustomize"
OVERLAYS: Final = ("dev", "production", "kafka")
WHOLE: Final = "production, with all that is commented out in it"
"""For `built`, beside the overlays."""
WORKLOADS: Final = ("Deployment", "Job", "CronJob")
COMPONENTS: Final = tuple(sorted(path.name for path in (KUSTOMIZE / "components").iterdir()))


@cache
def built(overlay: str) -> tuple[Manifest, ...]:
    """Build one overlay, or `WHOLE`. Skips the test where there is no kustomize."""
    if overlay != WHOLE:
        return _built(KUSTOMIZE / "overlays" / overlay)
    with TemporaryDirectory() as folder:
        copied = shutil.copytree(KUSTOMIZE, Path(folder, "kustomize")) / "overlays" / "production"
        file = copied / "kustomization.yaml"
        text, count = re.subn(r"^( +)# (- \S+)$", r"\1\2", file.read_text(), flags=re.MULTILINE)
        assert count, "nothing is commented out in it"
        file.write_text(text)
        return _built(copied)


def built_with(component: str, folder: Path, *beside: str) -> tuple[Manifest, ...]:
    """Build the base with a component, alone but for those `beside` it, from a kustomization in `folder`.

    It lies outside the project.
    """
    base, *wanted = (
        _relative(folder, KUSTOMIZE / name)
        for name in ("base", *(f"components/{each}" for each in (component, *beside)))
    )
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": "sofy-relay",
                "resources": [base],
                "components": wanted,
            }
        )
    )
    return _built(folder)


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def pods(manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """Give each workload with its pod template."""
    for manifest in of_kind(manifests, *WORKLOADS):
        spec = manifest["spec"]["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else manifest["spec"]
        yield manifest, spec["template"]


def the_deployment(manifests: Sequence[Manifest]) -> Manifest:
    """Give the relay's own."""
    [deployment] = [each for each in of_kind(manifests, "Deployment") if each["metadata"]["name"] == "sofy-relay"]
    return deployment


def named(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def _built(folder: Path) -> tuple[Manifest, ...]:
    done = run(tool("kustomize"), "build", folder)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def _relative(start: Path, target: Path) -> str:
    return os.path.relpath(target.resolve(), start.resolve())
