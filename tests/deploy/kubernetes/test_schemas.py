"""Every object is what its API server would take: Kubernetes' own by its schemas, custom resources by narrow ones."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.deploy.kubernetes.manifests import COMPONENTS, OVERLAYS, WHOLE, built, built_with
from tests.deploy.kubernetes.schemas import OURS, VERSIONS, refusals

pytestmark = pytest.mark.ops


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", [*OVERLAYS, WHOLE])
def test_an_overlay_is_valid(overlay: str, version: str) -> None:
    assert [refusal for manifest in built(overlay) for refusal in refusals(manifest, version)] == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_is_valid(component: str, tmp_path: Path) -> None:
    found = built_with(component, tmp_path)

    assert [refusal for manifest in found for refusal in refusals(manifest, VERSIONS[-1])] == []


@pytest.mark.parametrize("schema", OURS.values(), ids=OURS)
def test_a_schema_of_ours_is_one(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "broken",
    [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"prots": []}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": "three"}},
        {"apiVersion": "example.com/v1", "kind": "Unheard", "metadata": {"name": "a"}, "spec": {}},
        {"apiVersion": "kafka.strimzi.io/v1beta2", "kind": "KafkaTopic", "metadata": {"name": "a"}, "spec": {}},
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": {"name": "a"},
            "spec": {"port": 1},
        },
    ],
    ids=["a misspelt field", "a word for a number", "an unknown kind", "another version", "an unknown field"],
)
def test_what_no_api_server_would_take_is_found(broken: dict[str, Any]) -> None:
    assert refusals(broken, VERSIONS[-1]) != []
