"""The manifests keep the conventions to the letter, and each slip is found."""

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.kubernetes import checks, conventions
from tests.deploy.kubernetes.manifests import COMPONENTS, WHOLE, Manifest, built, built_with, of_kind, the_deployment

pytestmark = pytest.mark.ops

CHECKS: dict[str, Callable[[Sequence[Manifest]], Iterator[str]]] = {
    "table": conventions.table,
    "resources": conventions.resources,
    "spread": conventions.spread,
    "dashboard": conventions.dashboard,
    "way_in": conventions.way_in,
    "denial": conventions.denial,
    "ports": lambda manifests: checks.ports(manifests, conventions.own_settings(manifests)),
    "grace": lambda manifests: checks.grace(manifests, conventions.own_settings(manifests)),
    "ingresses": lambda manifests: checks.ingresses(manifests, conventions.own_settings(manifests)),
}


@pytest.mark.parametrize("overlay", ["dev", "production", WHOLE])
@pytest.mark.parametrize("check", CHECKS)
def test_an_overlay_keeps_to(check: str, overlay: str) -> None:
    assert list(CHECKS[check](built(overlay))) == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_base_with_one_component_keeps_to_all(component: str, tmp_path: Path) -> None:
    found = built_with(component, tmp_path)

    assert [sentence for check in CHECKS.values() for sentence in check(found)] == []


def pod(manifests: Sequence[Any]) -> Any:  # noqa: ANN401 - YAML
    return the_deployment(manifests)["spec"]["template"]["spec"]


def relay(manifests: Sequence[Any]) -> Any:  # noqa: ANN401 - YAML
    return pod(manifests)["containers"][0]


def one(manifests: Sequence[Any], kind: str) -> Any:  # noqa: ANN401 - YAML
    return of_kind(manifests, kind)[0]


def settings(manifests: Sequence[Any]) -> Any:  # noqa: ANN401 - YAML
    return next(it["data"] for it in of_kind(manifests, "ConfigMap") if "RELAY_KAFKA__BOOTSTRAP_SERVERS" in it["data"])


def way(manifests: Sequence[Any]) -> Any:  # noqa: ANN401 - YAML
    return one(manifests, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]


def without_denial(manifests: Sequence[Any]) -> None:
    for policy in of_kind(manifests, "NetworkPolicy"):
        policy["spec"].setdefault("podSelector", {})["matchLabels"] = {"app.kubernetes.io/name": "sofy-relay"}


def out_of_the_cluster(manifests: Sequence[Any]) -> None:
    rule = next(rule for each in of_kind(manifests, "NetworkPolicy") for rule in each["spec"].get("egress", ()))
    rule["to"].append({"ipBlock": {"cidr": "0.0.0.0/0"}})


def in_from_everywhere(manifests: Sequence[Any]) -> None:
    next(rule for each in of_kind(manifests, "NetworkPolicy") for rule in each["spec"].get("ingress", ())).pop("from")


BREAKS: list[tuple[str, str, Callable[[Sequence[Any]], object]]] = [
    ("table", "an impatient start", lambda all_: relay(all_)["startupProbe"].pop("failureThreshold")),
    ("table", "an impatient liveness probe", lambda all_: relay(all_)["livenessProbe"].update(periodSeconds=1)),
    ("table", "a rollout that takes pods away", lambda all_: the_deployment(all_)["spec"].pop("strategy")),
    ("table", "a job by another label", lambda all_: one(all_, "PodMonitor")["spec"].pop("jobLabel")),
    (
        "table",
        "nodes that cannot be drained",
        lambda all_: one(all_, "PodDisruptionBudget")["spec"].pop("unhealthyPodEvictionPolicy"),
    ),
    ("table", "two reconciliations at once", lambda all_: one(all_, "CronJob")["spec"].pop("concurrencyPolicy")),
    (
        "table",
        "a reconciliation that is tried six times more",
        lambda all_: one(all_, "CronJob")["spec"]["jobTemplate"]["spec"].pop("backoffLimit"),
    ),
    (
        "table",
        "an autoscaler of something else",
        lambda all_: one(all_, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"].update(name="relay"),
    ),
    (
        "table",
        "a namespace for anything",
        lambda all_: one(all_, "Namespace")["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "baseline"}
        ),
    ),
    ("resources", "no memory limit", lambda all_: relay(all_)["resources"]["limits"].pop("memory")),
    ("resources", "no CPU request", lambda all_: relay(all_)["resources"]["requests"].pop("cpu")),
    ("spread", "one zone for all", lambda all_: pod(all_)["topologySpreadConstraints"].pop(0)),
    ("spread", "old pods count", lambda all_: pod(all_)["topologySpreadConstraints"][0].pop("matchLabelKeys")),
    (
        "dashboard",
        "a dashboard that nobody finds",
        lambda all_: [each["metadata"].pop("labels", None) for each in of_kind(all_, "ConfigMap")],
    ),
    ("way_in", "an ingress to no Service", lambda all_: way(all_)["backend"]["service"].update(name="relay")),
    ("way_in", "an ingress to every path", lambda all_: way(all_).update(path="/")),
    ("way_in", "a base path that the ingress has not", lambda all_: settings(all_).update(RELAY_HTTP__BASE_PATH="/a")),
    ("way_in", "the relay closes first", lambda all_: settings(all_).update(RELAY_HTTP__KEEP_ALIVE_S="30")),
    ("denial", "nothing denied", without_denial),
    ("denial", "the relay reaches Sofy", out_of_the_cluster),
    ("denial", "everybody may scrape", in_from_everywhere),
    ("ports", "a setting that moves the port", lambda all_: settings(all_).update(RELAY_HTTP__PORT="9000")),
    ("grace", "too short for its drain", lambda all_: pod(all_).update(terminationGracePeriodSeconds=20)),
    (
        "ingresses",
        "an ingress that gives up first",
        lambda all_: one(all_, "Ingress")["metadata"]["annotations"].update(
            {"nginx.ingress.kubernetes.io/proxy-read-timeout": "3"}
        ),
    ),
]


@pytest.mark.parametrize(("check", "what", "break_it"), BREAKS, ids=[what for _, what, _ in BREAKS])
def test_a_slip_is_found(check: str, what: str, break_it: Callable[[Sequence[Any]], object]) -> None:
    broken = copy.deepcopy(built(WHOLE))
    assert list(CHECKS[check](broken)) == []

    break_it(broken)

    assert list(CHECKS[check](broken)) != [], what


def test_each_check_is_seen_to_find_something() -> None:
    assert {check for check, _, _ in BREAKS} == set(CHECKS)
