"""What the manifests must keep to, as functions from what was built to sentences about what does not. Pure.

Where a check compares with the relay, it takes the value from the code: a changed default or name makes it fail.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk import environment_variables

from relay.app import ADMIN_STOP_S, PRODUCER_STOP_S, TRACING_STOP_S, WINDOW_CLOSE_S
from relay.settings import Settings
from relay.settings.environment import FILE_SUFFIX, KNOWN
from relay.streams.projector import REVOKED_WITHIN_S, STOP_LIMIT_S
from tests.deploy.kubernetes.manifests import WORKLOADS, Manifest, named, of_kind, pods

STABLE: Final = ("app.kubernetes.io/name", "app.kubernetes.io/instance")
EVERYWHERE: Final = (*STABLE, "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by")
ON_WORKLOADS: Final = (*EVERYWHERE, "app.kubernetes.io/component", "app.kubernetes.io/version")
OUTSIDE: Final = {
    "sofy-relay-webhooks": {"tokens", "secrets"},
    "sofy-relay": {"password"},
    "sofy-relay-projector": {"password"},
    "sofy-relay-operator": {"password"},
    "kafka-cluster-ca-cert": {"ca.crt"},
    "sofy-relay-api": {"token"},
    "sofy-relay-redis": {"url"},
    "sofy-relay-tls": {"tls.crt", "tls.key"},
}
"""Secrets that a person, Strimzi or the ingress brings, with their keys: `deploy/README.md` names each."""
OPENTELEMETRYS: Final = frozenset(
    value for name, value in vars(environment_variables).items() if name.startswith("OTEL_")
)
"""The variables that OpenTelemetry reads; docs/tracing.md has those that matter."""
_PARTS: Final = "OTEL_RESOURCE_ATTRIBUTES_"
_REFERENCE: Final = re.compile(r"\$\(([A-Z_]+)\)")
_DIGEST: Final = re.compile(r"[^@]+@sha256:[0-9a-f]{64}")


def labels(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Each object has the recommended labels; workloads and their pods have all six."""
    for manifest in manifests:
        wanted = ON_WORKLOADS if manifest["kind"] in WORKLOADS else EVERYWHERE
        if manifest["kind"] in {"Namespace", "ConfigMap", "Secret", "KafkaTopic", "KafkaUser"}:
            continue
        missing = [name for name in wanted if name not in manifest["metadata"].get("labels", {})]
        if missing:
            yield f"{named(manifest)}: no label {', '.join(missing)}"
    for manifest, template in pods(manifests):
        missing = [name for name in ON_WORKLOADS if name not in template["metadata"]["labels"]]
        if missing:
            yield f"{named(manifest)}: its pods have no label {', '.join(missing)}"


def selectors(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Whatever chooses pods chooses by name and instance alone, and finds some."""
    found = [template["metadata"]["labels"] for _, template in pods(manifests)]
    for manifest in manifests:
        for selector in _pod_selectors(manifest):
            if tuple(sorted(selector)) != tuple(sorted(STABLE)):
                yield f"{named(manifest)}: selects by {sorted(selector)}"
            if not any(selector.items() <= each.items() for each in found):
                yield f"{named(manifest)}: selects no pod"


def ports(manifests: Sequence[Manifest], settings: Settings) -> Iterator[str]:
    """The container listens where the settings say; Service, PodMonitor, policies and probes name its ports."""
    listening = {"http": settings.http.port, "admin": settings.admin.port}
    for manifest in of_kind(manifests, "Deployment"):
        [container] = manifest["spec"]["template"]["spec"]["containers"]
        declared = {port["name"]: port["containerPort"] for port in container["ports"]}
        if declared != (listening if serves(container) else {"admin": listening["admin"]}):
            yield f"{named(manifest)}: ports {declared}, the relay listens on {listening}"
    for manifest, name in _named_ports(manifests):
        if name not in listening:
            yield f"{named(manifest)}: there is no port {name}"
    for manifest in of_kind(manifests, "Service", "Ingress"):
        if "admin" in str(manifest["spec"]):
            yield f"{named(manifest)}: the admin port is never exposed"


def probes(manifests: Sequence[Manifest], paths: frozenset[str]) -> Iterator[str]:
    """Each probe asks the admin port for a path that it has."""
    wanted = {"startupProbe": "/startupz", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    for manifest in of_kind(manifests, "Deployment"):
        [container] = manifest["spec"]["template"]["spec"]["containers"]
        for probe, path in wanted.items():
            asked = container.get(probe, {}).get("httpGet", {})
            if asked != {"path": path, "port": "admin"} or path not in paths:
                yield f"{named(manifest)}: {probe} asks {asked}"
    for manifest in of_kind(manifests, "PodMonitor"):
        for endpoint in manifest["spec"]["podMetricsEndpoints"]:
            if endpoint["path"] not in paths or endpoint["port"] != "admin":
                yield f"{named(manifest)}: scrapes {endpoint['port']}{endpoint['path']}"


def grace(manifests: Sequence[Manifest], settings: Settings) -> Iterator[str]:
    """The grace period holds the pause before SIGTERM and every limit of the shutdown."""
    relay_s = settings.http.drain_s + PRODUCER_STOP_S + WINDOW_CLOSE_S + TRACING_STOP_S + ADMIN_STOP_S
    projector_s = REVOKED_WITHIN_S + STOP_LIMIT_S + PRODUCER_STOP_S + ADMIN_STOP_S
    for manifest in of_kind(manifests, "Deployment"):
        pod = manifest["spec"]["template"]["spec"]
        stop_s = relay_s if serves(pod["containers"][0]) else projector_s
        pause_s = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if serves(pod["containers"][0]) and not pause_s:
            yield f"{named(manifest)}: no pause before SIGTERM: endpoints still lead to it"
        if pod.get("terminationGracePeriodSeconds", 30) < pause_s + stop_s:
            yield f"{named(manifest)}: a stop may take {pause_s} + {stop_s} s, longer than the grace period"


def hardening(manifests: Sequence[Manifest]) -> Iterator[str]:
    """What the restricted pod security standard asks, and a little more."""
    for manifest, template in pods(manifests):
        pod = template["spec"]
        wanted: dict[str, tuple[Any, Any]] = {
            "runAsNonRoot": (pod["securityContext"].get("runAsNonRoot"), True),
            "runAsUser": (isinstance(pod["securityContext"].get("runAsUser"), int), True),
            "seccomp": (pod["securityContext"].get("seccompProfile"), {"type": "RuntimeDefault"}),
            "automountServiceAccountToken": (pod.get("automountServiceAccountToken"), False),
            "enableServiceLinks": (pod.get("enableServiceLinks"), False),
        }
        for container in pod["containers"]:
            own = container.get("securityContext", {})
            wanted |= {
                "escalation": (own.get("allowPrivilegeEscalation"), False),
                "root file system": (own.get("readOnlyRootFilesystem"), True),
                "capabilities": (own.get("capabilities"), {"drop": ["ALL"]}),
                "memory": (sorted(container["resources"]), ["limits", "requests"]),
                "CPU": ("cpu" in container["resources"]["limits"], False),
            }
        for what, (is_, should) in wanted.items():
            if is_ != should:
                yield f"{named(manifest)}: {what} is {is_}, not {should}"
        for volume in pod.get("volumes", ()):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{named(manifest)}: volume {volume['name']} has no size limit"


def mounts(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Secrets are mounted as directories, for a file mounted by subPath never changes; each volume is there."""
    for manifest, template in pods(manifests):
        pod = template["spec"]
        there = {volume["name"] for volume in pod.get("volumes", ())}
        for container in pod["containers"]:
            for mount in container.get("volumeMounts", ()):
                if "subPath" in mount or "subPathExpr" in mount:
                    yield f"{named(manifest)}: {mount['name']} is mounted by subPath"
                if mount["name"] not in there:
                    yield f"{named(manifest)}: there is no volume {mount['name']}"


def references(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Each ConfigMap, Secret and ServiceAccount that a pod names is built, or is one that comes from outside."""
    there = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests}
    for manifest, template in pods(manifests):
        pod = template["spec"]
        asked = [("ServiceAccount", pod["serviceAccountName"])]
        for container in pod["containers"]:
            asked += [("ConfigMap", each["configMapRef"]["name"]) for each in container.get("envFrom", ())]
        asked += [("Secret", each["secret"]["secretName"]) for each in pod["volumes"] if "secret" in each]
        for kind, name in asked:
            if (kind, name) not in there and not (kind == "Secret" and name in OUTSIDE):
                yield f"{named(manifest)}: there is no {kind} {name}"


def environment(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Each variable is a setting, ours or OpenTelemetry's, and a file that one names is a key of a mounted Secret."""
    for manifest, template in pods(manifests):
        [container] = template["spec"]["containers"]
        files = set(mounted_files(template["spec"], manifests))
        for name, value in variables(container, manifests).items():
            setting = name.removesuffix(FILE_SUFFIX)
            if setting.startswith("RELAY_SOFY__") and container["args"] == ["project"]:
                continue  # which a projector does not read
            if setting not in KNOWN and name not in OPENTELEMETRYS and not name.startswith(_PARTS):
                yield f"{named(manifest)}: {name} is no setting"
            if (name.endswith(FILE_SUFFIX) or value.startswith("/")) and value not in files:
                yield f"{named(manifest)}: {name} names {value}, which no Secret holds"


def replicas(manifests: Sequence[Manifest]) -> Iterator[str]:
    """The number of pods is the autoscaler's where there is one."""
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in of_kind(manifests, "HorizontalPodAutoscaler")}
    for manifest in of_kind(manifests, "Deployment"):
        if manifest["metadata"]["name"] in scaled and "replicas" in manifest["spec"]:
            yield f"{named(manifest)}: replicas, beside an autoscaler"
        if manifest["spec"]["strategy"]["rollingUpdate"] != {"maxUnavailable": 0, "maxSurge": 1}:
            yield f"{named(manifest)}: a rollout takes pods away first"


def images(manifests: Sequence[Manifest], *, by_digest: bool) -> Iterator[str]:
    """In production an image is named by its digest; nowhere is one `latest` or without a tag."""
    for manifest, template in pods(manifests):
        for container in template["spec"]["containers"]:
            image = container["image"]
            if by_digest and not _DIGEST.fullmatch(image):
                yield f"{named(manifest)}: {image} is not by digest"
            if image.endswith(":latest") or not re.search(r"[:@]", image.rsplit("/", 1)[-1]):
                yield f"{named(manifest)}: {image} may be anything"


def ingresses(manifests: Sequence[Manifest], settings: Settings) -> Iterator[str]:
    """TLS, a body limit above ours, no repeated POST, no access log of the token, patience beyond our answer."""
    for manifest in of_kind(manifests, "Ingress"):
        found = {name.rsplit("/", 1)[-1]: value for name, value in manifest["metadata"]["annotations"].items()}
        if not manifest["spec"].get("tls") or found.get("ssl-redirect") != "true":
            yield f"{named(manifest)}: served without TLS"
        if int(found["proxy-body-size"].removesuffix("m")) * 1024 * 1024 <= settings.http.max_body_bytes:
            yield f"{named(manifest)}: its body limit is not above the relay's"
        if found["proxy-next-upstream"] != "off":
            yield f"{named(manifest)}: a POST may be repeated"
        if found["enable-access-log"] != "false":
            yield f"{named(manifest)}: the path token is logged"
        if int(found["proxy-read-timeout"]) <= settings.http.answer_within_s:
            yield f"{named(manifest)}: it gives up before the relay answers"


def serves(container: Mapping[str, Any]) -> bool:
    """Say whether the container takes webhooks."""
    return bool(container["args"] == ["serve"])


def variables(container: Mapping[str, Any], manifests: Sequence[Manifest]) -> dict[str, str]:
    """Give the container's environment as the pod will have it."""
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(manifests, "ConfigMap")}
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= maps[source["configMapRef"]["name"]]
    for each in container.get("env", ()):
        value = each["value"] if "value" in each else f"<{each['valueFrom']['fieldRef']['fieldPath']}>"
        found[each["name"]] = _REFERENCE.sub(lambda match: found.get(match[1], match[0]), value)
    return found


def mounted_files(pod: Mapping[str, Any], manifests: Sequence[Manifest]) -> Iterator[str]:
    """Give the path of each file of a mounted Secret, within the container."""
    secrets = OUTSIDE | {
        each["metadata"]["name"]: set(each.get("data", {})) | set(each.get("stringData", {}))
        for each in of_kind(manifests, "Secret")
    }
    at = {mount["name"]: mount["mountPath"] for each in pod["containers"] for mount in each.get("volumeMounts", ())}
    for volume in pod.get("volumes", ()):
        if "secret" in volume and volume["name"] in at:
            for key in secrets.get(volume["secret"]["secretName"], ()):
                yield f"{at[volume['name']]}/{key}"


def _pod_selectors(manifest: Manifest) -> Iterator[Mapping[str, str]]:
    spec = manifest.get("spec", {})
    match manifest["kind"]:
        case "Service":
            yield spec["selector"]
        case "Deployment":
            yield spec["selector"]["matchLabels"]
            for spread in spec["template"]["spec"].get("topologySpreadConstraints", ()):
                yield spread["labelSelector"]["matchLabels"]
        case "PodDisruptionBudget" | "PodMonitor":
            yield spec["selector"]["matchLabels"]
        case "NetworkPolicy" if spec["podSelector"]:
            yield spec["podSelector"]["matchLabels"]


def _named_ports(manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, str]]:
    for manifest in manifests:
        spec = manifest.get("spec", {})
        match manifest["kind"]:
            case "Service":
                yield from ((manifest, port["targetPort"]) for port in spec["ports"])
            case "NetworkPolicy":
                into = [port["port"] for rule in spec.get("ingress", ()) for port in rule["ports"]]
                yield from ((manifest, port) for port in into)
            case "PodMonitor":
                yield from ((manifest, endpoint["port"]) for endpoint in spec["podMetricsEndpoints"])
