"""What the manifests say of Kafka, the image and the release is so, and each check finds what it is there to find."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from relay import __version__
from tests.deploy.kubernetes import joints
from tests.deploy.kubernetes.manifests import WHOLE, Manifest, built, of_kind, the_deployment
from tests.deploy.tools import DEPLOY

pytestmark = pytest.mark.ops

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
CHECKS: dict[str, Callable[[Sequence[Manifest]], Iterator[str]]] = {
    "version": lambda manifests: joints.version(manifests, __version__),
    "user": lambda manifests: joints.user(manifests, DOCKERFILE),
    "kafka_port": joints.kafka_port,
    "kafka_user": lambda manifests: joints.kafka_user(manifests, built("kafka")),
}


@pytest.mark.parametrize("overlay", ["dev", "production", WHOLE])
@pytest.mark.parametrize("check", CHECKS)
def test_an_overlay_fits(check: str, overlay: str) -> None:
    assert list(CHECKS[check](built(overlay))) == []


def test_that_nobody_chose_an_image_for_production_is_told_with_the_command_that_does() -> None:
    [*told] = joints.chosen_image(built("production"))

    assert told
    assert all("kustomize edit set image" in sentence for sentence in told)
    assert list(joints.chosen_image(built("dev"))) == []


def container(manifests: Sequence[Any]) -> Any:  # noqa: ANN401 - YAML
    return the_deployment(manifests)["spec"]["template"]["spec"]["containers"][0]


def settings(manifests: Sequence[Any]) -> Any:  # noqa: ANN401 - YAML
    return next(it["data"] for it in of_kind(manifests, "ConfigMap") if "RELAY_KAFKA__BOOTSTRAP_SERVERS" in it["data"])


def egress(manifests: Sequence[Any]) -> Iterator[Any]:
    for policy in of_kind(manifests, "NetworkPolicy"):
        yield from policy["spec"].get("egress", ())


def to_another_namespace(manifests: Sequence[Any]) -> None:
    for rule in egress(manifests):
        for peer in (each for each in rule["to"] if "namespaceSelector" in each):
            peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] = "elsewhere"


def by_certificate(manifests: Sequence[Any]) -> None:
    del settings(manifests)["RELAY_KAFKA__SASL_PASSWORD_FILE"]
    settings(manifests)["RELAY_KAFKA__SSL_CERTFILE"] = "/var/run/secrets/sofy-relay/kafka-user/user.crt"


def another_users_secret(manifests: Sequence[Any]) -> None:
    for volume in the_deployment(manifests)["spec"]["template"]["spec"]["volumes"]:
        if volume["name"] == "kafka-user":
            volume["secret"]["secretName"] = "sofy-relay-operator"


def cron_job(manifests: Sequence[Any]) -> Any:  # noqa: ANN401 - YAML
    return of_kind(manifests, "CronJob")[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def without_the_policy_of_the_reconciliation(manifests: Sequence[Any]) -> None:
    [policy] = [each for each in of_kind(manifests, "NetworkPolicy") if each["metadata"]["name"].endswith("-reconcile")]
    policy["spec"]["egress"].clear()


BREAKS: list[tuple[str, str, Callable[[Sequence[Any]], object]]] = [
    (
        "version",
        "a label of another version",
        lambda all_: the_deployment(all_)["metadata"]["labels"].update({"app.kubernetes.io/version": "0.0.9"}),
    ),
    ("version", "a tag of another version", lambda all_: container(all_).update(image="ghcr.io/a/sofy-relay:0.0.9")),
    (
        "user",
        "another user than the image's",
        lambda all_: the_deployment(all_)["spec"]["template"]["spec"]["securityContext"].update(runAsUser=1000),
    ),
    (
        "user",
        "a group that may not read the secrets",
        lambda all_: the_deployment(all_)["spec"]["template"]["spec"]["securityContext"].pop("fsGroup"),
    ),
    (
        "kafka_port",
        "a listener that no policy lets out to",
        lambda all_: settings(all_).update(RELAY_KAFKA__BOOTSTRAP_SERVERS="kafka.kafka.svc:9095"),
    ),
    ("kafka_port", "a reconciliation that is not let out", without_the_policy_of_the_reconciliation),
    ("kafka_port", "Kafka in another namespace than the policy's", to_another_namespace),
    ("kafka_user", "a user that is not Strimzi's", lambda all_: settings(all_).update(RELAY_KAFKA__SASL_USERNAME="me")),
    ("kafka_user", "a certificate of a user with a password", by_certificate),
    ("kafka_user", "the operator's rights for the relay", another_users_secret),
    ("kafka_user", "a name that is not the password's", lambda all_: cron_job(all_)["containers"][0].pop("env")),
    ("kafka_user", "no password", lambda all_: cron_job(all_)["containers"][0]["volumeMounts"].clear()),
    (
        "user",
        "another user than the image's in a CronJob",
        lambda all_: cron_job(all_)["securityContext"].update(runAsUser=1000),
    ),
]


@pytest.mark.parametrize(("check", "what", "break_it"), BREAKS, ids=[what for _, what, _ in BREAKS])
def test_what_does_not_fit_is_found(check: str, what: str, break_it: Callable[[Sequence[Any]], object]) -> None:
    broken = copy.deepcopy(built(WHOLE))
    assert list(CHECKS[check](broken)) == []

    break_it(broken)

    assert list(CHECKS[check](broken)) != [], what
