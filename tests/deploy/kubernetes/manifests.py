"""The manifests as kustomize builds them, and the way to what they hold."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy.tools import DEPLOY, run, tool

Manifest = Mapping[str, Any]

KUSTOMIZE: Final = DEPLOY / "kustomize"
OVERLAYS: Final = ("dev", "production", "kafka")
COMPONENTS: Final = tuple(sorted(path.name for path in (KUSTOMIZE / "components").iterdir()))


@cache
def built(overlay: str) -> tuple[Manifest, ...]:
    """Build one overlay. Skips the test where there is no kustomize."""
    return _built(KUSTOMIZE / "overlays" / overlay)


def built_with(component: str, folder: Path) -> tuple[Manifest, ...]:
    """Build the base with one component alone, from a kustomization in `folder`, which lies beside the project."""
    base, wanted = (_relative(folder, KUSTOMIZE / name) for name in ("base", f"components/{component}"))
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": "sofy-relay",
                "resources": [base],
                "components": [wanted],
            }
        )
    )
    return _built(folder)


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def pods(manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """Give each workload with its pod template."""
    for manifest in of_kind(manifests, "Deployment", "Job"):
        yield manifest, manifest["spec"]["template"]


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
