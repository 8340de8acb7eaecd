"""The manifests keep to what `checks` asks, and each check finds what it is there to find."""

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from relay.http.admin import Version, admin_app
from relay.observability.health import Health
from relay.settings import Settings
from relay.settings.environment import load
from tests.deploy.kubernetes import checks
from tests.deploy.kubernetes.manifests import (
    COMPONENTS,
    OVERLAYS,
    WHOLE,
    Manifest,
    built,
    built_with,
    of_kind,
    the_deployment,
)
from tests.deploy.kubernetes.mounted import stand_ins
from tests.deploy.tools import DEPLOY

pytestmark = pytest.mark.ops

SERVING = ("dev", "production", WHOLE)


def defaults() -> Settings:
    return load({"RELAY_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092"}).settings


def paths() -> frozenset[str]:
    app = admin_app(CollectorRegistry(), Health(producer_alive=lambda: True), Version("0", 1), b"{}")
    return frozenset(str(route.path) for route in app.routes)  # type: ignore[attr-defined]  # all are Routes


CHECKS: dict[str, Callable[[Sequence[Manifest]], Iterator[str]]] = {
    "labels": checks.labels,
    "selectors": checks.selectors,
    "ports": lambda manifests: checks.ports(manifests, defaults()),
    "probes": lambda manifests: checks.probes(manifests, paths()),
    "grace": lambda manifests: checks.grace(manifests, defaults()),
    "hardening": checks.hardening,
    "mounts": checks.mounts,
    "references": checks.references,
    "environment": checks.environment,
    "replicas": checks.replicas,
    "images": lambda manifests: checks.images(manifests, by_digest=True),
    "ingresses": lambda manifests: checks.ingresses(manifests, defaults()),
}


@pytest.mark.parametrize("overlay", SERVING)
@pytest.mark.parametrize("check", [name for name in CHECKS if name != "images"])
def test_an_overlay_keeps_to(check: str, overlay: str) -> None:
    assert list(CHECKS[check](built(overlay))) == []


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("check", [name for name in CHECKS if name != "images"])
def test_the_base_with_one_component_keeps_to(check: str, component: str, tmp_path: Path) -> None:
    assert list(CHECKS[check](built_with(component, tmp_path))) == []


@pytest.mark.parametrize(("overlay", "by_digest"), [("dev", False), ("production", True), (WHOLE, True)])
def test_an_image_is_what_it_says(overlay: str, by_digest: bool) -> None:
    assert list(checks.images(built(overlay), by_digest=by_digest)) == []


@pytest.mark.parametrize("overlay", SERVING)
def test_the_settings_of_an_overlay_start_a_relay_without_a_warning(overlay: str, tmp_path: Path) -> None:
    template = the_deployment(built(overlay))["spec"]["template"]
    found = checks.variables(template["spec"]["containers"][0], built(overlay))

    loaded = load(stand_ins(found, tmp_path), to_serve=True)

    assert list(loaded.warnings) == []


def test_production_lets_no_text_of_an_sms_through() -> None:
    template = the_deployment(built("production"))["spec"]["template"]

    found = checks.variables(template["spec"]["containers"][0], built("production"))

    assert found["RELAY_PRIVACY__BODY"] == "drop"
    assert found["RELAY_KAFKA__SECURITY_PROTOCOL"] == "SASL_SSL"


def test_everything_is_denied_first_and_only_the_operators_job_may_reach_sofy(tmp_path: Path) -> None:
    denied = [each for each in of_kind(built("production"), "NetworkPolicy") if not each["spec"]["podSelector"]]
    [asking] = [
        each
        for each in of_kind(built_with("sofy-api", tmp_path), "NetworkPolicy")
        if any("ipBlock" in peer for rule in each["spec"].get("egress", ()) for peer in rule["to"])
    ]

    assert [each["spec"]["policyTypes"] for each in denied] == [["Ingress", "Egress"]]
    assert asking["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "sofy-relay-operator"


def test_the_namespace_takes_hardened_pods_only() -> None:
    for overlay in SERVING:
        [namespace] = of_kind(built(overlay), "Namespace")

        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_deploy_readme_names_each_secret_that_comes_from_outside() -> None:
    text = (DEPLOY / "README.md").read_text()

    assert [name for name in checks.OUTSIDE if name not in text] == []


def pod(manifests: list[Any]) -> Any:  # noqa: ANN401 - YAML
    return the_deployment(manifests)["spec"]["template"]["spec"]


def one(manifests: list[Any], kind: str) -> Any:  # noqa: ANN401 - YAML
    return of_kind(manifests, kind)[0]


def settings_map(manifests: list[Any]) -> Any:  # noqa: ANN401 - YAML
    return next(each["data"] for each in of_kind(manifests, "ConfigMap") if "RELAY_LOG__FORMAT" in each["data"])


BREAKS: list[tuple[str, str, Callable[[list[Any]], object]]] = [
    ("labels", "a label missing", lambda all_: one(all_, "Service")["metadata"]["labels"].clear()),
    (
        "selectors",
        "a selector by version",
        lambda all_: one(all_, "Service")["spec"]["selector"].update({"app.kubernetes.io/version": "1"}),
    ),
    (
        "selectors",
        "a selector of nobody",
        lambda all_: one(all_, "PodMonitor")["spec"]["selector"]["matchLabels"].update(
            {"app.kubernetes.io/name": "relay"}
        ),
    ),
    ("ports", "another port", lambda all_: pod(all_)["containers"][0]["ports"][0].update(containerPort=8000)),
    ("ports", "an unknown name", lambda all_: one(all_, "Service")["spec"]["ports"][0].update(targetPort="web")),
    ("ports", "metrics on the Service", lambda all_: one(all_, "Service")["spec"]["ports"][0].update(name="admin")),
    (
        "probes",
        "liveness by readiness",
        lambda all_: pod(all_)["containers"][0]["livenessProbe"]["httpGet"].update(path="/readyz"),
    ),
    (
        "probes",
        "a path that is not there",
        lambda all_: one(all_, "PodMonitor")["spec"]["podMetricsEndpoints"][0].update(path="/prometheus"),
    ),
    ("grace", "too short a grace period", lambda all_: pod(all_).update(terminationGracePeriodSeconds=20)),
    ("grace", "no pause", lambda all_: pod(all_)["containers"][0].pop("lifecycle")),
    ("hardening", "root", lambda all_: pod(all_)["securityContext"].update(runAsNonRoot=False)),
    (
        "hardening",
        "a writable root",
        lambda all_: pod(all_)["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    ("hardening", "a CPU limit", lambda all_: pod(all_)["containers"][0]["resources"]["limits"].update(cpu="1")),
    (
        "hardening",
        "root in a CronJob",
        lambda all_: one(all_, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["securityContext"].clear(),
    ),
    ("hardening", "Service links", lambda all_: pod(all_).update(enableServiceLinks=True)),
    ("mounts", "a subPath", lambda all_: pod(all_)["containers"][0]["volumeMounts"][1].update(subPath="tokens")),
    ("mounts", "no such volume", lambda all_: pod(all_)["volumes"].pop()),
    (
        "references",
        "no such ConfigMap",
        lambda all_: pod(all_)["containers"][0]["envFrom"][0]["configMapRef"].update(name="settings"),
    ),
    (
        "references",
        "no such Secret",
        lambda all_: next(each for each in pod(all_)["volumes"] if "secret" in each)["secret"].update(secretName="x"),
    ),
    ("environment", "no such setting", lambda all_: settings_map(all_).update(RELAY_HTTP__TIMEOUT="3")),
    (
        "environment",
        "none of OpenTelemetry's",
        lambda all_: settings_map(all_).update(OTEL_EXPORTER_ENDPOINT="http://c"),
    ),
    (
        "environment",
        "a file that no Secret holds",
        lambda all_: settings_map(all_).update(RELAY_SOFY__TOKENS_FILE="/var/run/secrets/tokens"),
    ),
    ("replicas", "a fixed number of pods", lambda all_: one(all_, "Deployment")["spec"].update(replicas=3)),
    ("images", "a tag", lambda all_: pod(all_)["containers"][0].update(image="ghcr.io/sofy-relay/sofy-relay:latest")),
    (
        "ingresses",
        "a body limit below ours",
        lambda all_: one(all_, "Ingress")["metadata"]["annotations"].update(
            {"nginx.ingress.kubernetes.io/proxy-body-size": "1m"}
        ),
    ),
    ("ingresses", "no TLS", lambda all_: one(all_, "Ingress")["spec"].pop("tls")),
]


@pytest.mark.parametrize(("check", "what", "break_it"), BREAKS, ids=[what for _, what, _ in BREAKS])
def test_a_manifest_broken_so_is_found(check: str, what: str, break_it: Callable[[list[Any]], object]) -> None:
    broken: list[Any] = copy.deepcopy(list(built(WHOLE)))
    assert list(CHECKS[check](broken)) == []

    break_it(broken)

    assert list(CHECKS[check](broken)) != [], what


def test_each_check_is_seen_to_find_something() -> None:
    assert {check for check, _, _ in BREAKS} == set(CHECKS)


def test_every_overlay_is_looked_at() -> None:
    assert {path.name for path in (DEPLOY / "kustomize" / "overlays").iterdir()} == set(OVERLAYS)
