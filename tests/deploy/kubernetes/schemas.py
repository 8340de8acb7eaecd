"""What an API server would refuse, as sentences: Kubernetes' own kinds by its schemas, custom resources by ours."""

import json
from typing import Final

import kubernetes_validate
from jsonschema import Draft202012Validator
from kubernetes_validate.utils import all_versions

from tests.deploy.kubernetes.manifests import Manifest, named
from tests.deploy.tools import DEPLOY

_OLDEST: Final = 30
VERSIONS: Final = tuple(it for it in dict.fromkeys(all_versions()) if int(it.split(".")[1]) >= _OLDEST)
"""Every Kubernetes from 1.30 on that the library knows, oldest first."""
OURS: Final = {path.stem: json.loads(path.read_text()) for path in sorted((DEPLOY / "schemas").glob("*.json"))}
"""Our narrow schemas, by kind in lower case."""


def refusals(manifest: Manifest, version: str) -> list[str]:
    """Say what is wrong with a manifest by the schema of its kind; that there is none is wrong as well."""
    ours = OURS.get(manifest["kind"].lower())
    if ours is not None:
        return [
            f"{named(manifest)}: {it.json_path} {it.message}" for it in Draft202012Validator(ours).iter_errors(manifest)
        ]
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return [f"{named(manifest)}: {error.message}"]
    return []
