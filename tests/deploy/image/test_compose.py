"""`deploy/compose.yaml`: valid by its schema, closed to the network, and true to the relay's settings and commands."""

import json
import re
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
import yaml
from typer.testing import CliRunner

from relay.cli import app
from relay.settings.environment import KNOWN, load
from relay.simulator.faults import parse_faults
from tests.deploy.image.programs import installed
from tests.deploy.tools import DEPLOY, run, tool

pytestmark = pytest.mark.ops

_COMPOSE: Final = DEPLOY / "compose.yaml"
_ENV: Final = DEPLOY / "compose" / "relay.env"
SERVICES: Final[dict[str, dict[str, Any]]] = yaml.safe_load(_COMPOSE.read_text())["services"]
OURS: Final = sorted(name for name, service in SERVICES.items() if "build" in service)
_ADDRESS: Final = re.compile(r"\b([a-z-]+):(\d{4,5})\b")


def settings() -> dict[str, str]:
    lines = [line for line in _ENV.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def mounts() -> list[tuple[str, Path, str]]:
    """Give each service's mounted paths of the tree, and where it finds them."""
    found = [
        (name, *volume.split(":")[:2]) for name, service in SERVICES.items() for volume in service.get("volumes", [])
    ]
    return [(name, DEPLOY / source, to) for name, source, to in found if source.startswith(".")]


def own_ports() -> dict[str, set[str]]:
    """Give the ports that each of our services, and those beside them, listen on by their own configuration."""
    known = load(settings()).settings
    return {
        "sofy-relay": {str(known.http.port), str(known.admin.port)},
        "simulator": {"8090"},
        "kafka": set(re.findall(r"SIDE://:(\d+)", SERVICES["kafka"]["environment"]["KAFKA_LISTENERS"])),
        "prometheus": {"9090"},
        "grafana": {"3000"},
    }


def test_it_is_valid_by_the_compose_specification() -> None:
    checked = run(installed("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", _COMPOSE)

    assert checked.returncode == 0, checked.stdout


def test_its_settings_are_the_relays_and_let_it_serve() -> None:
    given = settings()

    loaded = load(given, to_serve=True)

    assert set(given) <= set(KNOWN)
    assert loaded.warnings == ()


def test_nothing_but_the_files_sets_the_relay() -> None:
    assert {name: SERVICES[name].get("env_file") for name in OURS} == {
        "simulator": None,
        "sofy-relay": ["compose/relay.env"],
        "topics": ["compose/relay.env"],
    }
    assert not [name for name in OURS if "environment" in SERVICES[name]]


def test_no_service_has_a_name_that_would_look_like_a_setting() -> None:
    assert not [name for name in SERVICES if name.upper().startswith("RELAY")]


@pytest.mark.parametrize("service", OURS)
def test_its_command_is_one_of_the_relays_with_its_options(service: str) -> None:
    command = SERVICES[service].get("command", ["serve"])

    # --help after them: options are read, and refused if unknown, but nothing runs.
    done = CliRunner().invoke(app, [*command, "--help"])

    assert done.exit_code == 0, done.output


def test_the_simulator_commits_faults_that_it_knows_and_that_lose_nothing() -> None:
    words = next(it for it in SERVICES["simulator"]["command"] if it.startswith("--fault=")).removeprefix("--fault=")

    assert {fault.value for fault in parse_faults(words)} == {"duplicate", "reorder"}


def test_the_simulator_sends_where_the_relay_listens_with_a_token_that_it_takes() -> None:
    target = next(it for it in SERVICES["simulator"]["command"] if it.startswith("--target="))

    port, token = load(settings()).settings.http.port, json.loads(settings()["RELAY_SOFY__TOKENS"])[0]

    assert target == f"--target=http://sofy-relay:{port}/webhooks/sofy/{token}"


def test_services_find_each_other_at_ports_that_are_listened_on() -> None:
    texts = [
        _COMPOSE.read_text(),
        _ENV.read_text(),
        *(source.read_text() for _, source, _ in mounts() if source.is_file()),
    ]

    asked = {(name, port) for text in texts for name, port in _ADDRESS.findall(text) if name in SERVICES}

    assert {("kafka", "19092"), ("sofy-relay", "8080"), ("sofy-relay", "8081"), ("prometheus", "9090")} <= asked
    assert not [it for it in asked - {("kafka", "9093")} if it[1] not in own_ports()[it[0]]]


def test_every_port_is_bound_to_this_machine_and_leads_to_one_that_is_listened_on() -> None:
    published = [(name, *port.split(":")) for name, service in SERVICES.items() for port in service.get("ports", [])]

    assert {host for _, host, _, _ in published} == {"127.0.0.1"}
    assert len({outside for _, _, outside, _ in published}) == len(published)
    assert not [it for it in published if it[3] not in own_ports()[it[0]]]


def test_what_is_mounted_is_in_the_tree_and_read_only() -> None:
    volumes = [
        volume for service in SERVICES.values() for volume in service.get("volumes", []) if volume.startswith(".")
    ]

    assert all(source.exists() for _, source, _ in mounts())
    assert all(volume.endswith(":ro") for volume in volumes)
    assert all((DEPLOY / path).is_file() for service in SERVICES.values() for path in service.get("env_file", []))


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_has_more_rights_than_it_needs(service: str) -> None:
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]
    assert SERVICES[service].get("read_only", False) is (service != "kafka")


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_ours_or_has_a_whole_version(service: str) -> None:
    image = SERVICES[service]["image"]

    assert image == "sofy-relay:laptop" if service in OURS else re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", image)


def test_its_kafka_is_the_one_that_the_tests_run_against() -> None:
    pom = ET.parse(DEPLOY.parent / "tests" / "kafka" / "pom.xml")  # noqa: S314 - our own file

    version = pom.findtext(".//{*}kafka.version")

    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version}"


def test_its_grafana_is_of_the_line_that_the_dashboard_is_made_for() -> None:
    sdk = re.search(r"grafana-foundation-sdk==\d+!(\d+\.\d+)", (DEPLOY.parent / "pyproject.toml").read_text())

    assert sdk
    assert SERVICES["grafana"]["image"].startswith(f"grafana/grafana:{sdk[1]}.")


def test_each_starts_after_what_it_needs() -> None:
    order = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}

    assert order["topics"] == {"kafka": {"condition": "service_healthy"}}
    assert order["sofy-relay"] == {"topics": {"condition": "service_completed_successfully"}}
    assert order["simulator"] == {"sofy-relay": {"condition": "service_healthy"}}
    waited_for = {
        name for needs in order.values() for name, how in needs.items() if how["condition"] == "service_healthy"
    }
    assert all("healthcheck" in SERVICES[name] for name in waited_for)


def test_the_relay_is_healthy_when_it_is_ready() -> None:
    port = load(settings()).settings.admin.port

    assert f"http://127.0.0.1:{port}/readyz" in SERVICES["sofy-relay"]["healthcheck"]["test"][-1]


def test_prometheus_takes_its_configuration_and_the_rules(tmp_path: Path) -> None:
    text = (DEPLOY / "compose" / "prometheus.yaml").read_text()
    for _, source, to in (it for it in mounts() if it[0] == "prometheus"):
        text = text.replace(to, str(source))
    (tmp_path / "prometheus.yml").write_text(text)

    checked = run(tool("promtool"), "check", "config", tmp_path / "prometheus.yml")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("SUCCESS") > len(list((DEPLOY / "prometheus" / "rules").glob("*.yaml")))


def test_what_prometheus_scrapes_has_the_labels_that_rules_and_dashboard_go_by() -> None:
    (scrape,) = yaml.safe_load((DEPLOY / "compose" / "prometheus.yaml").read_text())["scrape_configs"]
    (target,) = scrape["static_configs"]

    made = set(target["labels"]) | {rule["target_label"] for rule in scrape["relabel_configs"]}

    assert scrape["job_name"] == "sofy-relay"
    assert target["targets"] == [f"sofy-relay:{load(settings()).settings.admin.port}"]
    assert {"namespace", "pod", "container"} <= made


def test_grafana_shows_the_dashboard_where_it_is_mounted() -> None:
    found = {to: source for name, source, to in mounts() if name == "grafana"}
    environ = SERVICES["grafana"]["environment"]
    home = Path(environ["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])

    provider = yaml.safe_load(found["/etc/grafana/provisioning/dashboards/sofy-relay.yaml"].read_text())["providers"][0]

    assert (found[str(home.parent)] / home.name).is_file()
    assert provider["options"]["path"] == str(home.parent)


def test_grafana_lets_everybody_look_and_nobody_change() -> None:
    environ = SERVICES["grafana"]["environment"]

    assert (environ["GF_AUTH_ANONYMOUS_ENABLED"], environ["GF_AUTH_ANONYMOUS_ORG_ROLE"]) == ("true", "Viewer")
    assert (environ["GF_AUTH_BASIC_ENABLED"], environ["GF_AUTH_DISABLE_LOGIN_FORM"]) == ("false", "true")
