"""In each privacy mode: what is personal stands on no topic that it must not, in no log and in no metric."""

import json
from dataclasses import dataclass

import pytest

from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.reader import read_topic
from tests.kafka.topics import Topics
from tests.sofy.payloads import body, item
from tests.streams.project_process import ProjectProcess

pytestmark = pytest.mark.kafka

RECIPIENT, SENDER, TEXT = "33612345678", "33698765432", "Planted one-time code 271828"
UNKNOWN, UNREADABLE = "Planted in an unknown field 314159", "Planted in an unreadable field 161803"
NUMBERS, TEXTS, EXTRAS = {RECIPIENT, SENDER}, {TEXT}, {UNKNOWN, UNREADABLE}
PERSONAL = item(to=RECIPIENT, body=TEXT, parts=UNREADABLE, unheardOf=UNKNOWN, **{"from": SENDER})


@dataclass(frozen=True)
class Mode:
    """Settings, and what may then stand in events and in dead letters."""

    settings: dict[str, str]
    in_events: set[str]
    in_dead_letters: set[str]


ALL = NUMBERS | TEXTS | EXTRAS
MODES = {
    "keep": Mode({}, ALL, ALL),
    "body dropped": Mode({"RELAY_PRIVACY__BODY": "drop"}, NUMBERS, ALL),
    "numbers masked": Mode({"RELAY_PRIVACY__NUMBERS": "mask"}, TEXTS, ALL),
    "numbers hashed": Mode(
        {"RELAY_PRIVACY__NUMBERS": "hash", "RELAY_PRIVACY__KEY": "planted-key-0123456789abcdef0123456789"}, TEXTS, ALL
    ),
    "dead letters dropped": Mode({"RELAY_PRIVACY__DEAD_LETTER_PAYLOAD": "drop"}, ALL, set()),
    "nothing left": Mode(
        {
            "RELAY_PRIVACY__BODY": "drop",
            "RELAY_PRIVACY__NUMBERS": "mask",
            "RELAY_PRIVACY__DEAD_LETTER_PAYLOAD": "drop",
        },
        set(),
        set(),
    ),
}


@pytest.mark.parametrize("cluster", ["real"], indirect=True)
@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(mode, id=name, marks=[] if name == "nothing left" else pytest.mark.slow)
        for name, mode in MODES.items()
    ],
)
async def test_planted_values_are_where_the_mode_says_and_nowhere_else(
    cluster: Cluster, topics: Topics, mode: Mode
) -> None:
    latest = topics.create(partitions=12, settings={"cleanup.policy": "compact"})
    broken = json.dumps({"type": "sms.status", "data": [{**PERSONAL, "id": None}]}).encode()

    async with RelayProcess(
        cluster.bootstrap_servers, cluster.topics, RELAY_LOG__LEVEL="debug", **mode.settings
    ) as relay:
        await relay.ready()
        answers = [await relay.post(each) for each in (body(PERSONAL), body(PERSONAL), broken, broken[:-3])]
        names = {**cluster.topics, "LATEST": latest}
        async with ProjectProcess(
            cluster.bootstrap_servers, names, RELAY_LOG__LEVEL="debug", RELAY_TOPICS__LATEST_RETENTION_H="87600"
        ) as projector:
            await projector.until(lambda: stands(cluster.bootstrap_servers, latest))
            shown = relay.log() + projector.log() + await relay.metrics() + await projector.metrics()

    assert [answer.status_code for answer in answers] == [200] * 4
    assert found_in(shown) == set()
    assert found_in("".join(answer.text for answer in answers)) == set()
    for topic in (cluster.topics["STATUS"], latest):
        assert found_in(await everything(cluster.bootstrap_servers, topic)) == mode.in_events
    assert found_in(await everything(cluster.bootstrap_servers, cluster.topics["DEAD_LETTER"])) == mode.in_dead_letters


async def stands(servers: str, topic: str) -> bool:
    return bool(await read_topic(servers, topic))


async def everything(servers: str, topic: str) -> str:
    """Keys, values and headers of all records of a topic."""
    return "\n".join(
        repr((record.key, (record.value or b"").decode(), record.headers))
        for record in await read_topic(servers, topic)
    )


def found_in(text: str) -> set[str]:
    return {planted for planted in ALL if planted in text}
