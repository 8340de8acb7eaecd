"""How long a topic keeps what it holds, and which records name an SMS."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from relay.cli.erase import sentence
from relay.streams.erasing import Holding, Keeping, Unseen, keeping_of, named_in

HOUR_MS = str(3_600_000)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("configs", "keeping"),
    [
        (None, Keeping()),
        ({}, Keeping()),
        ({"cleanup.policy": "delete", "retention.ms": HOUR_MS}, Keeping(retention=HOUR)),
        ({"retention.ms": HOUR_MS, "segment.ms": HOUR_MS}, Keeping(retention=HOUR, segment=HOUR)),
        ({"cleanup.policy": "delete", "retention.ms": "-1"}, Keeping(for_ever=True)),
        (
            {"cleanup.policy": "compact", "retention.ms": HOUR_MS, "delete.retention.ms": HOUR_MS},
            Keeping(compacted=True, tombstones=HOUR),
        ),
        ({"cleanup.policy": "compact,delete", "retention.ms": HOUR_MS}, Keeping(compacted=True, retention=HOUR)),
        ({"cleanup.policy": "delete", "retention.ms": "9" * 30}, Keeping()),
    ],
)
def test_a_topics_configuration_says_how_long_it_keeps(configs: Mapping[str, str] | None, keeping: Keeping) -> None:
    assert keeping_of(configs) == keeping


@pytest.mark.parametrize(
    ("sms_id", "value", "named"),
    [
        ("12", b'{"id":"12"}', True),
        ("12", b'{"id":12}', True),
        ("12", b'{"at":"2012"}', False),
        ("12", b'{"id":"12-a"}', False),
        ("a.c", b'{"id":"abc"}', False),
        ("a.c", b'{"id":"a.c"', True),
        ("abc", b"\xff abc", True),
        ("abc", b"ABC", False),
    ],
)
def test_an_id_is_found_in_a_value_as_a_word_of_its_own(sms_id: str, value: bytes, named: bool) -> None:
    assert bool(named_in(sms_id.encode()).search(value)) is named


def holding(keeping: Keeping, *, keyed: int = 1, mentioning: int = 0) -> Holding:
    return Holding(topic="t", keyed=keyed, mentioning=mentioning, newest=NOON, keeping=keeping)


UNREAD = "our user may not read the topic's configuration (DescribeConfigs)"
UNTIL = "until 2026-01-01T13:00:00.000Z, then as its segment rolls"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Holding(topic="t", keyed=0, mentioning=0, newest=None, keeping=Keeping()), "t holds nothing of it."),
        (holding(Keeping(retention=HOUR)), f"t holds 1 record, {UNTIL}."),
        (
            holding(Keeping(retention=HOUR, segment=HOUR), keyed=2),
            f"t holds 2 records, {UNTIL}, at 2026-01-01T14:00:00.000Z at the latest.",
        ),
        (
            holding(Keeping(retention=HOUR), mentioning=1),
            f"t holds 1 record and 1 record of another key or none that names its id, {UNTIL}.",
        ),
        (
            holding(Keeping(retention=HOUR), keyed=0, mentioning=2),
            f"t holds 2 records of another key or none that name its id, {UNTIL}.",
        ),
        (holding(Keeping(for_ever=True)), "t holds 1 record, for ever: the topic's retention.ms is -1."),
        (
            holding(Keeping()),
            f"t holds 1 record, for a time that is not known: {UNREAD}.",
        ),
        (
            holding(Keeping(compacted=True, tombstones=24 * HOUR)),
            "t holds 1 record, until the topic is next compacted; the tombstone stays 24 h longer.",
        ),
        (Unseen(topic="t", says="t cannot be read."), "t may hold something of it: t cannot be read."),
    ],
)
def test_what_a_topic_holds_is_said_with_its_date(found: Holding | Unseen, said: str) -> None:
    assert sentence(found) == said
