"""The committed dashboard: what the generator makes, what Grafana can load, and what a reader can trust."""

import json
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.colours import COLOURS
from deploy.grafana.dashboard import COPIES, canonical, dashboard
from relay.events import Status
from relay.observability.metrics import WebhookOutcome
from relay.pipeline import Result
from tests.deploy.grafana.queries import Json
from tests.deploy.tools import DEPLOY

pytestmark = pytest.mark.ops

PROVISIONING = DEPLOY / "grafana" / "provisioning"


def committed() -> Json:
    """Give the dashboard as it is committed; each call a copy of its own."""
    read: Json = json.loads(COPIES[0].read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("path", COPIES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_each_committed_copy_is_what_the_generator_makes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == canonical(dashboard()), "run `python -m deploy.grafana`"


def test_the_json_is_canonical() -> None:
    text = COPIES[0].read_text(encoding="utf-8")

    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def test_grafanas_own_model_reads_the_json() -> None:
    register_default_plugins()

    read = Dashboard.from_json(committed())

    assert read.uid == "sofy-relay"
    assert [panel.title for panel in read.panels or ()] == [panel["title"] for panel in committed()["panels"]]


def test_it_fits_into_a_config_map_that_kubectl_applies() -> None:
    assert len(COPIES[0].read_bytes()) < 200_000  # kubectl keeps a copy in an annotation, of 262,144 bytes at most


def test_every_word_that_is_drawn_has_its_colour() -> None:
    assert {*WebhookOutcome, *Result, *Status} <= COLOURS.keys()


def test_provisioning_names_the_folder_and_the_plugin() -> None:
    providers = yaml.safe_load((PROVISIONING / "dashboards.yaml").read_text())["providers"]
    sources = yaml.safe_load((PROVISIONING / "datasources.yaml").read_text())["datasources"]

    assert [provider["options"]["path"] for provider in providers] == ["/var/lib/grafana/dashboards"]
    assert [source["type"] for source in sources] == ["prometheus"]
