"""The component that traces: it sets what it must, may reach the collector it names, and says whose spans they are."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from opentelemetry.sdk.resources import OTELResourceDetector
from opentelemetry.semconv.attributes import k8s_attributes, service_attributes

from relay.settings.environment import load
from tests.deploy.kubernetes.checks import variables
from tests.deploy.kubernetes.manifests import Manifest, built_with, of_kind, the_deployment

pytestmark = pytest.mark.ops


@pytest.fixture
def manifests(tmp_path: Path) -> tuple[Manifest, ...]:
    return built_with("otlp", tmp_path)


def environment(manifests: tuple[Manifest, ...]) -> dict[str, str]:
    [container] = the_deployment(manifests)["spec"]["template"]["spec"]["containers"]
    return variables(container, manifests)


def test_it_switches_tracing_on_and_nothing_of_it_is_unknown(manifests: tuple[Manifest, ...]) -> None:
    loaded = load({"RELAY_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092", **environment(manifests)})

    assert loaded.settings.tracing.enabled
    assert loaded.warnings == ()


def test_the_relay_may_reach_the_collector_that_the_settings_name(manifests: tuple[Manifest, ...]) -> None:
    endpoint = urlsplit(environment(manifests)["OTEL_EXPORTER_OTLP_ENDPOINT"])
    relay = the_deployment(manifests)["spec"]["template"]["metadata"]["labels"]

    ways = {
        (peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
        for policy in of_kind(manifests, "NetworkPolicy")
        if policy["metadata"]["name"] == "sofy-relay-otlp"
        and policy["spec"]["podSelector"]["matchLabels"].items() <= relay.items()
        for rule in policy["spec"]["egress"]
        for peer in rule["to"]
        for port in rule["ports"]
    }

    assert endpoint.hostname is not None
    assert ways == {(endpoint.hostname.split(".")[1], endpoint.port)}


def test_spans_say_by_the_conventions_names_which_pod_they_are_of(
    manifests: tuple[Manifest, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "OTEL_RESOURCE_ATTRIBUTES", environment(manifests)["OTEL_RESOURCE_ATTRIBUTES"])

    told = dict(OTELResourceDetector().detect().attributes)

    conventions = {
        value
        for module in (k8s_attributes, service_attributes)
        for name, value in vars(module).items()
        if name.startswith(("K8S_", "SERVICE_"))
    }
    assert told["k8s.pod.name"] == "<metadata.name>"
    assert told["k8s.pod.uid"] == told["service.instance.id"] == "<metadata.uid>"
    assert told["k8s.node.name"] == "<spec.nodeName>"
    assert told["k8s.namespace.name"] == told["service.namespace"] == "<metadata.namespace>"
    assert told["k8s.deployment.name"] == the_deployment(manifests)["metadata"]["name"]
    assert set(told) <= conventions
