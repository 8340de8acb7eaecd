"""What the relay's topics should look like, and how what was found compares. Pure: no client, no clock."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

_UNLIMITED: Final = -1
_SAFE_REPLICAS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """A topic as the settings ask for it."""

    name: str
    partitions: int
    replication_factor: int
    min_insync_replicas: int
    max_message_bytes: int
    """What `relay topics apply` sets."""
    largest_record_bytes: int
    """What must fit, since the webhook accepts it: `RELAY_HTTP__MAX_BODY_BYTES`."""
    retention_ms: int | None
    """None: compacted, the latest record of each key stays."""

    @property
    def configs(self) -> dict[str, str]:
        """The topic's configuration in Kafka's names and words."""
        kept = {"cleanup.policy": "compact"}
        if self.retention_ms is not None:
            kept = {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        return {
            "min.insync.replicas": str(self.min_insync_replicas),
            "max.message.bytes": str(self.max_message_bytes),
            **kept,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTopic:
    """A topic as a listing showed it."""

    name: str
    partitions: int
    replication_factor: int
    """Of the partition that has the fewest."""
    id: UUID | None = None
    """Another one after it was deleted and made again; None: the broker (before Kafka 2.8) tells none."""
    configs: Mapping[str, str] | None = None
    """What is in force, the broker's defaults included; None: the broker did not let us read it."""
    own_configs: Mapping[str, str] | None = None
    """What was set on the topic itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A cluster as one broker described it: every topic that our user may see."""

    brokers: int
    addresses: frozenset[tuple[str, int]] = frozenset()
    """Host and port of each broker, as the cluster advertises them."""
    topics: Mapping[str, FoundTopic]


class Level(StrEnum):
    """How a check ended, in the words that `relay check` prints."""

    OK = "ok"
    WARNING = "warning"
    """The relay works, but not as the settings ask."""
    FAILED = "failed"
    """The relay does not work, or breaks a promise."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one topic."""

    level: Level
    topic: str
    check: str
    """What was looked at: `present`, `partitions`, `replicas`, `configuration` or a configuration's name."""
    says: str
    """One sentence for a person: what was found, and what to do unless it is ok."""


def compare(spec: TopicSpec, found: FoundTopic | None) -> list[Finding]:
    """Give every check of one topic, the good ones too, in a fixed order."""
    if found is None:
        says = f"Topic {spec.name} is missing, or our user may not see it: create it with `relay topics apply`."
        return [Finding(Level.FAILED, spec.name, "present", says)]
    return list(_checks(spec, found))


def differing_configs(spec: TopicSpec, found: FoundTopic) -> list[str]:
    """Name the configurations that fall short of `spec`, or are not readable at all."""
    return [
        finding.check
        for finding in _checks(spec, found)
        if finding.level is not Level.OK and finding.check in spec.configs
    ]


def _checks(spec: TopicSpec, found: FoundTopic) -> Iterator[Finding]:
    yield Finding(Level.OK, spec.name, "present", f"Topic {spec.name} exists.")
    yield _partitions(spec, found)
    yield _replicas(spec, found)
    if found.configs is None:
        says = (
            f"The configuration of {spec.name} is not readable: grant our user DescribeConfigs on it to have "
            "min.insync.replicas, max.message.bytes and retention checked."
        )
        yield Finding(Level.WARNING, spec.name, "configuration", says)
        return
    yield _min_insync_replicas(spec, found, found.configs)
    yield _max_message_bytes(spec, found.configs)
    yield _cleanup_policy(spec, found.configs)
    if spec.retention_ms is not None:
        yield _retention(spec, spec.retention_ms, found.configs)


def _partitions(spec: TopicSpec, found: FoundTopic) -> Finding:
    if found.partitions >= spec.partitions:
        return Finding(Level.OK, spec.name, "partitions", f"{spec.name} has {_count(found.partitions, 'partition')}.")
    says = (
        f"{spec.name} has {_count(found.partitions, 'partition')}, the settings ask for {spec.partitions}. It works; "
        "adding some moves keys to other partitions, so do it while no SMS is on its way, or lower "
        "RELAY_TOPICS__PARTITIONS."
    )
    return Finding(Level.WARNING, spec.name, "partitions", says)


def _replicas(spec: TopicSpec, found: FoundTopic) -> Finding:
    if found.replication_factor >= spec.replication_factor:
        says = f"{spec.name} has {_count(found.replication_factor, 'replica')} of each partition."
        return Finding(Level.OK, spec.name, "replicas", says)
    says = (
        f"{spec.name} has {_count(found.replication_factor, 'replica')} of each partition, the settings ask for "
        f"{spec.replication_factor}: reassign its partitions with Kafka's own tools, or lower "
        "RELAY_TOPICS__REPLICATION_FACTOR."
    )
    return Finding(Level.WARNING, spec.name, "replicas", says)


def _min_insync_replicas(spec: TopicSpec, found: FoundTopic, configs: Mapping[str, str]) -> Finding:
    check = "min.insync.replicas"
    value = _number(configs, check)
    if value is None:
        return _unreadable(spec, check)
    if value > found.replication_factor:
        says = (
            f"{spec.name} asks for {value} replicas in sync but has {found.replication_factor}: nothing can be "
            "acknowledged. Lower its min.insync.replicas or add replicas."
        )
        return Finding(Level.FAILED, spec.name, check, says)
    if value < spec.min_insync_replicas:
        says = (
            f"{spec.name} has min.insync.replicas {value}, the settings ask for {spec.min_insync_replicas}: "
            f"{_durability(value)}. Set it with `relay topics apply --force`, or lower "
            "RELAY_TOPICS__MIN_INSYNC_REPLICAS."
        )
        return Finding(Level.WARNING, spec.name, check, says)
    if value < _SAFE_REPLICAS:
        says = f"{spec.name} has min.insync.replicas {value}, as the settings ask: {_durability(value)}."
        return Finding(Level.WARNING, spec.name, check, says)
    return Finding(Level.OK, spec.name, check, f"{spec.name} has min.insync.replicas {value}.")


def _max_message_bytes(spec: TopicSpec, configs: Mapping[str, str]) -> Finding:
    check = "max.message.bytes"
    value = _number(configs, check)
    if value is None:
        return _unreadable(spec, check)
    remedy = "Set it with `relay topics apply --force`"
    if value < spec.largest_record_bytes:
        says = (
            f"{spec.name} takes records of at most {value} bytes, less than an accepted body of "
            f"{spec.largest_record_bytes}: larger ones would be kept as size and hash only. {remedy}."
        )
        return Finding(Level.FAILED, spec.name, check, says)
    if value < spec.max_message_bytes:
        says = (
            f"{spec.name} has max.message.bytes {value}, the settings ask for {spec.max_message_bytes}. {remedy}, "
            "or lower RELAY_TOPICS__MAX_MESSAGE_BYTES."
        )
        return Finding(Level.WARNING, spec.name, check, says)
    return Finding(Level.OK, spec.name, check, f"{spec.name} takes records of at most {value} bytes.")


def _cleanup_policy(spec: TopicSpec, configs: Mapping[str, str]) -> Finding:
    check = "cleanup.policy"
    found = configs.get(check)
    wanted = spec.configs[check]
    if found is None:
        return _unreadable(spec, check)
    if found == wanted:
        return Finding(Level.OK, spec.name, check, f"{spec.name} has cleanup.policy {found}.")
    remedy = "Set it with `relay topics apply --force`."
    if "compact" in found and wanted == "delete":
        says = (
            f"{spec.name} has cleanup.policy {found}: compaction deletes every event of an SMS but the last. {remedy}"
        )
        return Finding(Level.FAILED, spec.name, check, says)
    says = f"{spec.name} has cleanup.policy {found}, the settings ask for {wanted}. {remedy}"
    return Finding(Level.WARNING, spec.name, check, says)


def _retention(spec: TopicSpec, wanted: int, configs: Mapping[str, str]) -> Finding:
    check = "retention.ms"
    found = _number(configs, check)
    if found is None:
        return _unreadable(spec, check)
    if found == wanted:
        return Finding(Level.OK, spec.name, check, f"{spec.name} keeps records {_duration(found)}.")
    effect = "consumers have less time to catch up"
    if found == _UNLIMITED or found > wanted:
        effect = "personal data stays longer than you set"
    says = (
        f"{spec.name} keeps records {_duration(found)}, the settings say {_duration(wanted)}: {effect}. "
        "Set it with `relay topics apply --force`, or change the setting."
    )
    return Finding(Level.WARNING, spec.name, check, says)


def _unreadable(spec: TopicSpec, check: str) -> Finding:
    return Finding(Level.WARNING, spec.name, check, f"{check} of {spec.name} is not readable.")


def _durability(min_insync_replicas: int) -> str:
    return f"an acknowledgement may rest on {_count(min_insync_replicas, 'replica')}, which is not durable"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _number(configs: Mapping[str, str], name: str) -> int | None:
    try:
        return int(configs[name])
    except (KeyError, ValueError):
        return None


def _duration(milliseconds: int) -> str:
    if milliseconds == _UNLIMITED:
        return "for ever"
    hours, rest = divmod(milliseconds, 3_600_000)
    return f"for {milliseconds} ms" if rest else f"for {_count(hours, 'hour')}"
