"""The folder of manifests as files, for what can be said without kustomize."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy.kubernetes.manifests import Manifest

_LISTS: Final = ("resources", "components", "transformers")
_GENERATORS: Final = ("configMapGenerator", "secretGenerator")


def resources(root: Path) -> dict[str, list[Manifest]]:
    """Give the manifests of each file that a kustomization lists as a resource, by the file's path below `root`."""
    listed = {
        folder / name: None
        for folder, kustomization in _kustomizations(root)
        for name in kustomization.get("resources", ())
        if (folder / name).is_file()
    }
    return {str(path.relative_to(root.resolve())): list(yaml.safe_load_all(path.read_text())) for path in listed}


def settings(root: Path) -> dict[str, dict[str, str]]:
    """Give the variables of each file of settings, by the file's path below `root`."""
    found = {}
    for path in sorted(root.rglob("*.env")):
        lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
        found[str(path.relative_to(root))] = dict(line.split("=", 1) for line in lines)
    return found


def loose_ends(root: Path) -> Iterator[str]:
    """Every file that a kustomization names is there, and every file is named by one, or is an example."""
    named: set[Path] = set()
    for folder, kustomization in _kustomizations(root):
        named.add(folder / "kustomization.yaml")
        for name in _names(kustomization):
            path = (folder / name).resolve()
            named.add(path)
            if not path.exists():
                yield f"{folder.relative_to(root.resolve())}: names {name}, which is not there"
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.resolve() not in named and not path.name.endswith(".example.yaml"):
            yield f"{path.relative_to(root)}: no kustomization names it"


def _kustomizations(root: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for path in sorted(root.resolve().rglob("kustomization.yaml")):
        yield path.parent, yaml.safe_load(path.read_text())


def _names(kustomization: Mapping[str, Any]) -> Iterator[str]:
    for key in _LISTS:
        yield from kustomization.get(key, ())
    yield from (patch["path"] for patch in kustomization.get("patches", ()) if "path" in patch)
    for generator in itertools.chain.from_iterable(kustomization.get(key, ()) for key in _GENERATORS):
        yield from generator.get("envs", ())
        yield from (name.rpartition("=")[2] for name in generator.get("files", ()))
