"""What was found compares with what the settings ask, and leads to a plan."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.publishing.plan import Configure, Create, Grow, Impossible, needs_force, plan
from relay.publishing.topics import FoundTopic, Level, Listing, TopicSpec, compare

HOUR_MS = 3_600_000
SPEC = TopicSpec(
    name="status",
    partitions=12,
    replication_factor=3,
    min_insync_replicas=2,
    max_message_bytes=2 * 1024 * 1024,
    largest_record_bytes=1024 * 1024,
    retention_ms=168 * HOUR_MS,
)
COMPACTED = replace(SPEC, retention_ms=None)
AS_ASKED = FoundTopic(
    name="status", partitions=12, replication_factor=3, configs=SPEC.configs, own_configs=SPEC.configs
)


def found(**configs: str) -> FoundTopic:
    """The topic as asked, but for some configurations, whose dots are written as underscores."""
    changed = {name.replace("_", "."): value for name, value in configs.items()}
    return replace(AS_ASKED, configs=SPEC.configs | changed, own_configs=SPEC.configs | changed)


def listing(*topics: FoundTopic, brokers: int = 3) -> Listing:
    return Listing(brokers=brokers, topics={topic.name: topic for topic in topics})


@pytest.mark.parametrize(
    ("topic", "short"),
    [
        (AS_ASKED, []),
        (None, [(Level.FAILED, "present")]),
        # Partitions and replicas: fewer works, more is nobody's concern.
        (replace(AS_ASKED, partitions=4), [(Level.WARNING, "partitions")]),
        (replace(AS_ASKED, partitions=24), []),
        (replace(AS_ASKED, replication_factor=2), [(Level.WARNING, "replicas")]),
        (replace(AS_ASKED, replication_factor=5), []),
        # An acknowledgement that rests on one disk, and one that never comes.
        (found(min_insync_replicas="1"), [(Level.WARNING, "min.insync.replicas")]),
        (found(min_insync_replicas="3"), []),
        (found(min_insync_replicas="4"), [(Level.FAILED, "min.insync.replicas")]),
        # Kafka's default takes any accepted body; less does not.
        (found(max_message_bytes="1048588"), [(Level.WARNING, "max.message.bytes")]),
        (found(max_message_bytes="1048575"), [(Level.FAILED, "max.message.bytes")]),
        (found(max_message_bytes="9999999"), []),
        # Compaction would delete events.
        (found(cleanup_policy="compact"), [(Level.FAILED, "cleanup.policy")]),
        (found(cleanup_policy="compact,delete"), [(Level.FAILED, "cleanup.policy")]),
        (found(retention_ms="3600000"), [(Level.WARNING, "retention.ms")]),
        (found(retention_ms=str(720 * HOUR_MS)), [(Level.WARNING, "retention.ms")]),
        (found(retention_ms="-1"), [(Level.WARNING, "retention.ms")]),
        # What the broker does not show.
        (replace(AS_ASKED, configs=None), [(Level.WARNING, "configuration")]),
        (found(max_message_bytes="a lot"), [(Level.WARNING, "max.message.bytes")]),
    ],
)
def test_a_topic_is_compared_with_the_settings(topic: FoundTopic | None, short: list[tuple[Level, str]]) -> None:
    findings = compare(SPEC, topic)

    assert [(finding.level, finding.check) for finding in findings if finding.level is not Level.OK] == short


def test_a_topic_as_asked_is_told_check_by_check() -> None:
    assert [finding.check for finding in compare(SPEC, AS_ASKED)] == [
        "present",
        "partitions",
        "replicas",
        "min.insync.replicas",
        "max.message.bytes",
        "cleanup.policy",
        "retention.ms",
    ]


def test_one_replica_in_sync_is_a_warning_even_when_asked_for() -> None:
    modest = replace(SPEC, min_insync_replicas=1, replication_factor=1)

    findings = compare(modest, replace(found(min_insync_replicas="1"), replication_factor=1))

    [short] = [finding for finding in findings if finding.level is not Level.OK]
    assert short.says == (
        "status has min.insync.replicas 1, as the settings ask: an acknowledgement may rest on 1 replica, "
        "which is not durable."
    )


def test_a_compacted_topic_has_no_retention_to_check() -> None:
    findings = compare(COMPACTED, found(cleanup_policy="compact", retention_ms="-1"))

    assert {finding.level for finding in findings} == {Level.OK}


def test_a_compacted_topic_that_deletes_is_a_warning() -> None:
    levels = {finding.check: finding.level for finding in compare(COMPACTED, AS_ASKED)}

    assert levels["cleanup.policy"] is Level.WARNING


@pytest.mark.parametrize("topic", [None, replace(AS_ASKED, partitions=1, replication_factor=1, configs=None)])
def test_a_finding_names_its_topic_and_what_to_do(topic: FoundTopic | None) -> None:
    short = [finding for finding in compare(SPEC, topic) if finding.level is not Level.OK]

    assert short
    assert all("status" in finding.says and finding.says.endswith(".") for finding in short)


def test_a_missing_topic_is_created_and_needs_no_force() -> None:
    [change] = plan([SPEC], listing())

    assert change == Create(SPEC)
    assert not needs_force(change)
    assert change.says == (
        "create status with 12 partitions of 3 replicas, min.insync.replicas=2, max.message.bytes=2097152, "
        "cleanup.policy=delete, retention.ms=604800000"
    )


def test_a_topic_as_asked_needs_no_change() -> None:
    assert plan([SPEC], listing(AS_ASKED)) == []


def test_what_is_better_than_asked_is_left_alone() -> None:
    better = replace(found(max_message_bytes="9999999", min_insync_replicas="3"), partitions=24, replication_factor=5)

    assert plan([SPEC], listing(better)) == []


def test_more_replicas_than_brokers_is_impossible_and_says_which_setting() -> None:
    [change] = plan([SPEC], listing(brokers=1))

    assert isinstance(change, Impossible)
    assert "RELAY_TOPICS__REPLICATION_FACTOR" in change.says


def test_a_topic_that_could_acknowledge_nothing_is_not_created() -> None:
    [change] = plan([replace(SPEC, min_insync_replicas=4)], listing())

    assert isinstance(change, Impossible)
    assert "RELAY_TOPICS__MIN_INSYNC_REPLICAS" in change.says


def test_partitions_are_added_only_by_force_and_with_the_warning() -> None:
    [change] = plan([SPEC], listing(replace(AS_ASKED, partitions=4)))

    assert change == Grow("status", 4, 12)
    assert needs_force(change)
    assert "keys move" in change.says


def test_replicas_of_an_existing_topic_are_somebody_elses_to_add() -> None:
    [change] = plan([SPEC], listing(replace(AS_ASKED, replication_factor=2)))

    assert isinstance(change, Impossible)


def test_configurations_are_set_beside_what_others_set() -> None:
    topic = found(max_message_bytes="1048588")
    topic = replace(topic, own_configs={"segment.ms": "600000", "retention.ms": str(168 * HOUR_MS)})

    [change] = plan([SPEC], listing(topic))

    assert isinstance(change, Configure)
    assert needs_force(change)
    assert dict(change.changed) == {"max.message.bytes": ("1048588", "2097152")}
    assert dict(change.configs) == {
        "segment.ms": "600000",
        "retention.ms": str(168 * HOUR_MS),
        "max.message.bytes": "2097152",
    }


def test_an_unreadable_configuration_is_not_altered() -> None:
    [change] = plan([SPEC], listing(replace(AS_ASKED, configs=None, own_configs=None)))

    assert isinstance(change, Impossible)
    assert "DescribeConfigs" in change.says


def test_more_replicas_in_sync_than_there_are_is_not_set() -> None:
    single = replace(found(min_insync_replicas="1"), replication_factor=1)

    changes = plan([replace(SPEC, replication_factor=1)], listing(single))

    assert [type(change) for change in changes] == [Impossible]


@given(
    partitions=st.integers(1, 30),
    replication_factor=st.integers(1, 5),
    min_insync_replicas=st.integers(1, 5),
    max_message_bytes=st.integers(1, 4 * 1024 * 1024),
    retention_ms=st.integers(-1, 1000 * HOUR_MS),
    policy=st.sampled_from(["delete", "compact", "compact,delete"]),
)
def test_a_plan_carried_out_leaves_nothing_that_could_still_be_changed(  # noqa: PLR0913 - one a property of a topic
    *,
    partitions: int,
    replication_factor: int,
    min_insync_replicas: int,
    max_message_bytes: int,
    retention_ms: int,
    policy: str,
) -> None:
    topic = found(
        min_insync_replicas=str(min_insync_replicas),
        max_message_bytes=str(max_message_bytes),
        retention_ms=str(retention_ms),
        cleanup_policy=policy,
    )
    topic = replace(topic, partitions=partitions, replication_factor=replication_factor)

    for change in plan([SPEC], listing(topic)):
        if isinstance(change, Grow):
            topic = replace(topic, partitions=change.wanted)
        if isinstance(change, Configure):
            topic = replace(topic, configs=change.configs, own_configs=change.configs)

    assert all(isinstance(change, Impossible) for change in plan([SPEC], listing(topic)))
