"""The numbers and words that every installation keeps: as one table a kind, so that a slip of the pen is found.

As `tests.deploy.kubernetes.checks`: functions from what was built to sentences about what is otherwise. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from relay.settings import Settings
from relay.settings.environment import load
from tests.deploy.kubernetes.checks import STABLE, variables
from tests.deploy.kubernetes.manifests import Manifest, named, of_kind, pods, the_deployment

_ABSENT: Final = None
_TABLE: Final[Mapping[str, Mapping[str, object]]] = {
    "Deployment": {
        "spec.strategy.rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        "spec.template.spec.terminationGracePeriodSeconds": 45,
        "spec.template.spec.containers.0.startupProbe.periodSeconds": 2,
        "spec.template.spec.containers.0.startupProbe.failureThreshold": 30,
        "spec.template.spec.containers.0.livenessProbe.periodSeconds": 10,
        "spec.template.spec.containers.0.livenessProbe.failureThreshold": 3,
        "spec.template.spec.containers.0.readinessProbe.periodSeconds": 5,
        "spec.template.spec.containers.0.readinessProbe.failureThreshold": 2,
    },
    "PodDisruptionBudget": {"spec.maxUnavailable": 1, "spec.unhealthyPodEvictionPolicy": "AlwaysAllow"},
    "HorizontalPodAutoscaler": {
        "spec.scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "sofy-relay"},
        "spec.metrics.0.resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
        "spec.metrics.1": _ABSENT,
        "spec.behavior.scaleDown.stabilizationWindowSeconds": 300,
    },
    "CronJob": {
        "spec.concurrencyPolicy": "Forbid",
        "spec.suspend": False,
        "spec.timeZone": "Etc/UTC",
        "spec.jobTemplate.spec.backoffLimit": 0,
        "spec.jobTemplate.spec.template.spec.restartPolicy": "Never",
    },
    "PodMonitor": {"spec.jobLabel": "app.kubernetes.io/name"},
    "ServiceAccount": {"automountServiceAccountToken": False},
    "Namespace": {"metadata.labels.pod-security~kubernetes~io/enforce": "restricted"},
}
"""What stands where, by kind. A dot within a name is written `~`."""
_IDLE_S: Final = 60
"""How long ingress-nginx keeps an idle connection to the relay, unless its own configuration says otherwise."""


def table(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Each kind has what its row says."""
    for manifest in manifests:
        for path, wanted in _TABLE.get(manifest["kind"], {}).items():
            found = _at(manifest, path)
            if found != wanted:
                yield f"{named(manifest)}: {path.replace('~', '.')} is {found!r}, not {wanted!r}"


def resources(manifests: Sequence[Manifest]) -> Iterator[str]:
    """A CPU request without a limit, for throttling is lag; memory has both."""
    for manifest, template in pods(manifests):
        for container in template["spec"]["containers"]:
            found = {what: set(names) for what, names in container.get("resources", {}).items()}
            if found != {"requests": {"cpu", "memory"}, "limits": {"memory"}}:
                yield f"{named(manifest)}: resources {found}"


def spread(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Pods of one version stand in different zones."""
    deployment = the_deployment(manifests)
    found = deployment["spec"]["template"]["spec"].get("topologySpreadConstraints", ())
    zones = [each for each in found if each["topologyKey"] == "topology.kubernetes.io/zone"]
    if not zones or any(each.get("matchLabelKeys") != ["pod-template-hash"] for each in zones):
        yield f"{named(deployment)}: does not spread over zones, each version by itself"


def dashboard(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Where the relay is watched, Grafana's sidecar finds the dashboard, and under the same name after a change."""
    if not of_kind(manifests, "PrometheusRule"):
        return
    shown = [
        each["metadata"]["name"]
        for each in of_kind(manifests, "ConfigMap")
        if each["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
    ]
    if shown != ["sofy-relay-dashboard"]:
        yield f"dashboards {shown}, not sofy-relay-dashboard alone"


def way_in(manifests: Sequence[Manifest]) -> Iterator[str]:
    """The ingress leads where webhooks are taken, to a port of a Service that there is, and closes first when idle."""
    settings = own_settings(manifests)
    services = {
        each["metadata"]["name"]: {port["name"] for port in each["spec"]["ports"]} for each in _services(manifests)
    }
    for manifest in of_kind(manifests, "Ingress"):
        for rule in manifest["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                to = path["backend"]["service"]
                if to["port"].get("name") not in services.get(to["name"], ()):
                    yield f"{named(manifest)}: there is no {to}"
                if path["path"] != f"{settings.http.base_path}/webhooks/sofy":
                    yield f"{named(manifest)}: {path['path']} is not just where the relay takes webhooks"
        if settings.http.keep_alive_s <= _IDLE_S:
            yield f"{named(manifest)}: the relay closes idle connections first, after {settings.http.keep_alive_s} s"


def denial(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Nothing gets in or out but by a policy, and none lets everybody in, or the relay out to everywhere."""
    policies = of_kind(manifests, "NetworkPolicy")
    if {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} not in [each["spec"] for each in policies]:
        yield "no NetworkPolicy denies everything"
    relay = the_deployment(manifests)["spec"]["template"]["metadata"]["labels"]
    for policy in policies:
        spec = policy["spec"]
        rules = [(rule, rule.get("from")) for rule in spec.get("ingress", ())]
        rules += [(rule, rule.get("to")) for rule in spec.get("egress", ())]
        for rule, peers in rules:
            if not peers or not rule.get("ports"):
                yield f"{named(policy)}: lets everybody, or every port, through"
            if spec["podSelector"].get("matchLabels", {}).items() <= relay.items() and any(
                "ipBlock" in peer for peer in peers or ()
            ):
                yield f"{named(policy)}: lets the relay out of the cluster"


def own_settings(manifests: Sequence[Manifest]) -> Settings:
    """Give the settings of the relay's ports as these manifests have them; no other group is to be used.

    Raises:
        SettingsError: one of them is of no use.
    """
    [container] = the_deployment(manifests)["spec"]["template"]["spec"]["containers"]
    return load(variables(container, manifests), groups={"http", "admin"}).settings


def _services(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Give those that lead to the relay's pods."""
    labels = the_deployment(manifests)["spec"]["template"]["metadata"]["labels"]
    wanted = {name: labels[name] for name in STABLE}
    return [each for each in of_kind(manifests, "Service") if each["spec"]["selector"] == wanted]


def _at(manifest: Manifest, path: str) -> object:
    """Give what stands there, or None."""
    found: Any = manifest
    for step in path.split("."):
        name = step.replace("~", ".")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, Sequence) and int(name) < len(found):
            found = found[int(name)]
        else:
            return _ABSENT
    return found
