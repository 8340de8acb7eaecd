"""Dashboard and alerts on a real Prometheus that scrapes running relays: under load, in trouble, and without Kafka."""

import json
from collections.abc import Mapping

import pytest
import pytest_asyncio

from tests.deploy.grafana.queries import Query, queries
from tests.deploy.live.stand import running
from tests.deploy.live.story import Moment, told
from tests.deploy.tools import DEPLOY, tool
from tests.kafka.guarded import GuardedKafka

pytestmark = [pytest.mark.ops, pytest.mark.kafka]
in_module = pytest.mark.asyncio(loop_scope="module")

DASHBOARD = DEPLOY / "grafana" / "dashboards" / "sofy-relay.json"
PANELS = tuple(queries(json.loads(DASHBOARD.read_text())))

ONE_BROKER = "SofyRelayMinInsyncReplicas ticket"
"""Rightly raised at all times: the stand has one broker, so no record lies on two."""
ODDITIES = {
    "SofyRelayBodyTooLarge page",
    "SofyRelayDeadLetters ticket",
    "SofyRelaySignatureFailures ticket",
    "SofyRelayUnknownStatuses ticket",
    "SofyRelayUnreadableFields ticket",
}
BAD_FILES = {"SofyRelayCertificateExpiring page", "SofyRelayCertificateExpiring ticket", "SofyRelaySecretsStale ticket"}
OF_THE_MACHINE = {
    "SofyRelayEventLoopLag ticket",
    "SofyRelayLatencyBudgetBurn page",
    "SofyRelayLatencyBudgetBurn ticket",
}
"""What a machine that does other work besides may raise, rightly: no claim is made of these here."""
KAFKA_STOPPED = {"SofyRelayKafkaNotAcknowledging page", "SofyRelayAvailabilityBudgetBurn page"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def day(private_guarded_kafka: GuardedKafka, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Moment]:
    """The day of `tests.deploy.live.story`, lived once for all tests here."""
    prometheus = tool("prometheus")
    async with running(private_guarded_kafka, prometheus, tmp_path_factory.mktemp("mounted")) as stand:
        return await told(stand, PANELS)


@in_module
async def test_nothing_is_raised_under_load_but_what_is_true(day: Mapping[str, Moment]) -> None:
    assert day["under load"].raised - OF_THE_MACHINE == {ONE_BROKER}


@in_module
async def test_what_sofy_and_strangers_should_not_send_raises_its_alerts_and_no_other(
    day: Mapping[str, Moment],
) -> None:
    assert day["after oddities"].raised - OF_THE_MACHINE == {ONE_BROKER, *ODDITIES}


@in_module
async def test_bad_files_raise_their_alerts(day: Mapping[str, Moment]) -> None:
    assert day["after bad files"].raised - OF_THE_MACHINE == {ONE_BROKER, *ODDITIES, *BAD_FILES}


@in_module
async def test_kafka_stopped_raises_its_alerts(day: Mapping[str, Moment]) -> None:
    assert day["with Kafka stopped"].raised >= {ONE_BROKER, *ODDITIES, *KAFKA_STOPPED}
    assert "SofyRelayDown page" not in day["with Kafka stopped"].raised


@in_module
async def test_kafka_back_ends_the_alert_of_kafka(day: Mapping[str, Moment]) -> None:
    assert "SofyRelayKafkaNotAcknowledging page" not in day["with Kafka back"].raised


@in_module
async def test_every_pod_gone_raises_the_one_alert_that_can_still_see_it(day: Mapping[str, Moment]) -> None:
    assert "SofyRelayDown page" in day["with every pod gone"].raised


@in_module
@pytest.mark.parametrize("query", PANELS, ids=str)
async def test_each_panel_has_data_under_load(day: Mapping[str, Moment], query: Query) -> None:
    assert query in day["after oddities"].greatest
