"""What must fit together across the manifests' borders: Kafka and its users, the image and its recipe, the release.

As `tests.deploy.kubernetes.checks`: functions from what was built to sentences about what does not fit. Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from relay.settings.environment import FILE_SUFFIX
from tests.deploy.kubernetes.checks import variables
from tests.deploy.kubernetes.manifests import Manifest, named, of_kind, pods

_PLACEHOLDER: Final = "sha256:" + 64 * "0"
_USER: Final = re.compile(r"^USER\s+(\d+)(?::(\d+))?\s*$", re.MULTILINE)
_SERVERS, _USERNAME = "RELAY_KAFKA__BOOTSTRAP_SERVERS", "RELAY_KAFKA__SASL_USERNAME"
_PASSWORD, _CERTIFICATE = "RELAY_KAFKA__SASL_PASSWORD" + FILE_SUFFIX, "RELAY_KAFKA__SSL_CERTFILE"


def chosen_image(manifests: Sequence[Manifest]) -> Iterator[str]:
    """The digest is that of an image: nobody forgot to put it in the place of the zeros."""
    for container in _containers(manifests):
        if container["image"].endswith(_PLACEHOLDER):
            yield (
                f"{container['image']} is no image: in the overlay's folder, "
                "kustomize edit set image ghcr.io/sofy-relay/sofy-relay@sha256:<the release's digest>"
            )


def version(manifests: Sequence[Manifest], relay: str) -> Iterator[str]:
    """Labels and tags tell the version of the code beside them."""
    for manifest in manifests:
        labels = [manifest["metadata"].get("labels", {})]
        labels += [template["metadata"]["labels"] for _, template in pods([manifest])]
        for told in {each.get("app.kubernetes.io/version", relay) for each in labels} - {relay}:
            yield f"{named(manifest)}: labelled version {told}, this is {relay}"
    for container in _containers(manifests):
        _, colon, tag = container["image"].rpartition("/")[2].partition("@")[0].partition(":")
        if colon and tag != relay:
            yield f"{container['image']}: this is version {relay}"


def user(manifests: Sequence[Manifest], dockerfile: str) -> Iterator[str]:
    """Pods run as whom the image was made for, and their group may read what is mounted."""
    [*_, (wanted, group)] = _USER.findall(dockerfile)
    for manifest, template in pods(manifests):
        found = template["spec"]["securityContext"]
        for name, id_ in {"runAsUser": wanted, "runAsGroup": group, "fsGroup": group}.items():
            if str(found.get(name)) != id_:
                yield f"{named(manifest)}: {name} is {found.get(name)}, the image's is {id_}"


def kafka_port(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Policies let whoever asks Kafka out to the port, and the namespace, where the settings say that it is."""
    for manifest, template in _of_kafka(manifests):
        labels = template["metadata"]["labels"]
        ways = [
            (peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name"), port["port"])
            for policy in of_kind(manifests, "NetworkPolicy")
            if policy["spec"]["podSelector"].get("matchLabels", {}).items() <= labels.items()
            for rule in policy["spec"].get("egress", ())
            for peer in rule["to"]
            for port in rule["ports"]
        ]
        for server in _environment(template, manifests).get(_SERVERS, "").split(","):
            host, _, port = server.strip().rpartition(":")
            # service.namespace.svc; a broker elsewhere needs an ipBlock, which nobody here can judge.
            match host.split("."):
                case [_, namespace, "svc", *_] if (namespace, int(port)) not in ways:
                    yield f"{named(manifest)}: no NetworkPolicy lets it out to {server}"


def kafka_user(manifests: Sequence[Manifest], users: Sequence[Manifest]) -> Iterator[str]:
    """Who asks Kafka is one of Strimzi's `users`, logs in as that one does, and has that one's Secret."""
    users_logins = {
        each["metadata"]["name"]: each["spec"]["authentication"]["type"] for each in of_kind(users, "KafkaUser")
    }
    for manifest, template in _of_kafka(manifests):
        environment = _environment(template, manifests)
        file = environment.get(_PASSWORD) or environment.get(_CERTIFICATE)
        if file is None:
            continue
        login = "scram-sha-512" if _PASSWORD in environment else "tls"
        secret = _secret_at(template["spec"], PurePosixPath(file).parent)
        if secret not in users_logins:
            yield f"{named(manifest)}: {file} is of the Secret {secret}, and no KafkaUser is called so"
        elif users_logins[secret] != login:
            yield f"{named(manifest)}: logs in by {login}, the KafkaUser {secret} by {users_logins[secret]}"
        if login == "scram-sha-512" and environment.get(_USERNAME) != secret:
            yield f"{named(manifest)}: {_USERNAME} is {environment.get(_USERNAME)}, the password is of {secret}"


def _of_kafka(manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """Give whoever asks Kafka, with its pod template: all but who asks Sofy alone."""
    for manifest, template in pods(manifests):
        if template["spec"]["containers"][0]["args"][0] != "webhooks":
            yield manifest, template


def _environment(template: Manifest, manifests: Sequence[Manifest]) -> dict[str, str]:
    [container] = template["spec"]["containers"]
    return variables(container, manifests)


def _containers(manifests: Sequence[Manifest]) -> Iterator[Mapping[str, Any]]:
    for _, template in pods(manifests):
        yield from template["spec"]["containers"]


def _secret_at(pod: Mapping[str, Any], place: PurePosixPath) -> str | None:
    """Give the name of the Secret that is mounted there."""
    at = {mount["mountPath"]: mount["name"] for each in pod["containers"] for mount in each["volumeMounts"]}
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    return secrets.get(at.get(str(place), ""))
