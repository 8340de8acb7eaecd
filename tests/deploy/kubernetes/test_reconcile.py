"""The component that reconciles: set as the relay is, it reaches what it asks and nothing else, and ends in time."""

import re
from pathlib import Path
from typing import Any

import pytest

from relay.settings.environment import load
from tests.deploy.kubernetes.checks import variables
from tests.deploy.kubernetes.manifests import WHOLE, Manifest, built, built_with, of_kind, pods, the_deployment
from tests.deploy.kubernetes.mounted import stand_ins

pytestmark = pytest.mark.ops

KAFKA = {("kafka", 9092), ("kafka", 9093)}
DNS = {("kube-system", 53)}
OUTSIDE = {("0.0.0.0/0", 443)}
DAY_S = 24 * 3600


def job(manifests: tuple[Manifest, ...]) -> Any:  # noqa: ANN401 - YAML
    [cron_job] = of_kind(manifests, "CronJob")
    return cron_job["spec"]["jobTemplate"]["spec"]


def ways_out(manifests: tuple[Manifest, ...], name: str) -> set[tuple[str, int]]:
    """Give where the pods of a workload may go, all policies together."""
    [labels] = [
        template["metadata"]["labels"] for each, template in pods(manifests) if each["metadata"]["name"] == name
    ]
    return {
        (place(peer), port["port"])
        for policy in of_kind(manifests, "NetworkPolicy")
        if policy["spec"]["podSelector"].get("matchLabels", {}).items() <= labels.items()
        for rule in policy["spec"].get("egress", ())
        for peer in rule["to"]
        for port in rule["ports"]
    }


def place(peer: Any) -> str:  # noqa: ANN401 - YAML
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    return str(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])


def test_it_is_set_as_the_relay_is_but_for_who_it_is_and_the_key_it_asks_with(tmp_path: Path) -> None:
    manifests = built(WHOLE)
    own = variables(job(manifests)["template"]["spec"]["containers"][0], manifests)
    relays = variables(the_deployment(manifests)["spec"]["template"]["spec"]["containers"][0], manifests)

    loaded = load(stand_ins(own, tmp_path))

    assert dict(own.items() - relays.items()) == {
        "RELAY_KAFKA__SASL_USERNAME": "sofy-relay-operator",
        "RELAY_SOFY__API_TOKEN_FILE": "/var/run/secrets/sofy-relay/api/token",
    }
    assert relays.keys() - own.keys() == set()
    assert loaded.settings.sofy.api_token is not None
    assert loaded.settings.privacy.body == "drop"
    assert list(loaded.warnings) == []


def test_alone_it_reaches_names_kafka_and_https_outside_and_the_relay_does_not(tmp_path: Path) -> None:
    manifests = built_with("reconcile", tmp_path)

    assert ways_out(manifests, "sofy-relay-reconcile") == KAFKA | DNS | OUTSIDE
    assert ways_out(manifests, "sofy-relay") == KAFKA | DNS


def test_beside_the_operators_job_neither_gains_a_way(tmp_path: Path) -> None:
    manifests = built_with("reconcile", tmp_path, "sofy-api", "projector")

    assert ways_out(manifests, "sofy-relay-reconcile") == KAFKA | DNS | OUTSIDE
    assert ways_out(manifests, "sofy-relay-registrations") == DNS | OUTSIDE
    assert ways_out(manifests, "sofy-relay-projector") == KAFKA | DNS
    assert ways_out(manifests, "sofy-relay") == KAFKA | DNS


def test_nobody_reaches_it(tmp_path: Path) -> None:
    manifests = built_with("reconcile", tmp_path)

    [policy] = [
        each["spec"]
        for each in of_kind(manifests, "NetworkPolicy")
        if each["metadata"]["name"] == "sofy-relay-reconcile"
    ]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy


def test_the_networks_that_it_may_not_reach_are_those_of_the_operators_job(tmp_path: Path) -> None:
    blocks = [
        peer["ipBlock"]
        for each in of_kind(built_with("reconcile", tmp_path, "sofy-api"), "NetworkPolicy")
        for rule in each["spec"].get("egress", ())
        for peer in rule["to"]
        if "ipBlock" in peer
    ]

    assert len(blocks) == 2
    assert blocks[0] == blocks[1]


def test_it_runs_once_a_day_and_is_over_before_the_next_one() -> None:
    [cron_job] = of_kind(built(WHOLE), "CronJob")
    spec = cron_job["spec"]

    minute, hour = re.fullmatch(r"(\d+) (\d+) \* \* \*", spec["schedule"]).groups()  # type: ignore[union-attr]

    assert int(minute) % 5 != 0, "when everybody else asks"
    assert int(hour) < 6
    assert spec["startingDeadlineSeconds"] + job(built(WHOLE))["activeDeadlineSeconds"] < DAY_S


def test_only_a_drained_node_begins_a_run_again() -> None:
    found = job(built(WHOLE))

    assert found["backoffLimit"] == 0
    assert found["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    ]


def test_production_leaves_it_out_until_somebody_has_the_key() -> None:
    assert of_kind(built("production"), "CronJob") == []
