"""Which changes would make the topics what the settings ask: data first, for `--dry-run`, then applied. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from relay.publishing.topics import FoundTopic, Listing, TopicSpec, differing_configs


@dataclass(frozen=True, slots=True)
class Create:
    """Make a topic that does not exist."""

    spec: TopicSpec

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self.spec.name

    @property
    def says(self) -> str:
        """One line for a person."""
        configs = ", ".join(f"{name}={value}" for name, value in self.spec.configs.items())
        return (
            f"create {self.topic} with {self.spec.partitions} partitions of "
            f"{self.spec.replication_factor} replicas, {configs}"
        )


@dataclass(frozen=True, slots=True)
class Grow:
    """Add partitions. Keys move: the events of one SMS may then stand on two partitions."""

    topic: str
    found: int
    wanted: int

    @property
    def says(self) -> str:
        """One line for a person."""
        return f"grow {self.topic} from {self.found} to {self.wanted} partitions; keys move to other partitions"


@dataclass(frozen=True, slots=True)
class Configure:
    """Set configurations of a topic that exists."""

    topic: str
    changed: Mapping[str, tuple[str, str]]
    """What is in force and what shall be, by name."""
    configs: Mapping[str, str]
    """All that the topic shall have of its own, since Kafka's AlterConfigs forgets what it is not told."""

    @property
    def says(self) -> str:
        """One line for a person."""
        changes = ", ".join(f"{name} from {found} to {wanted}" for name, (found, wanted) in self.changed.items())
        return f"set {changes} on {self.topic}"


@dataclass(frozen=True, slots=True)
class Impossible:
    """Something that the settings ask and that will not be tried."""

    topic: str
    says: str
    """One line for a person: what, why, and what to do."""


Change = Create | Grow | Configure | Impossible


def needs_force(change: Change) -> bool:
    """Whether `change` alters a topic that exists, which is done only when asked for."""
    return isinstance(change, Grow | Configure)


def plan(specs: Iterable[TopicSpec], listing: Listing) -> list[Change]:
    """Give the changes that lead from `listing` to `specs`, in the order to apply them; none for what is right."""
    changes: list[Change] = []
    for spec in specs:
        found = listing.topics.get(spec.name)
        changes += [_creation(spec, listing.brokers)] if found is None else _alterations(spec, found)
    return changes


def _creation(spec: TopicSpec, brokers: int) -> Change:
    if spec.replication_factor > brokers:
        says = (
            f"{spec.name} cannot have {spec.replication_factor} replicas on {brokers} broker(s): "
            "lower RELAY_TOPICS__REPLICATION_FACTOR, and RELAY_TOPICS__MIN_INSYNC_REPLICAS with it"
        )
        return Impossible(spec.name, says)
    if spec.min_insync_replicas > spec.replication_factor:
        says = (
            f"{spec.name} could acknowledge nothing: RELAY_TOPICS__MIN_INSYNC_REPLICAS={spec.min_insync_replicas} is "
            f"more than RELAY_TOPICS__REPLICATION_FACTOR={spec.replication_factor}"
        )
        return Impossible(spec.name, says)
    return Create(spec)


def _alterations(spec: TopicSpec, found: FoundTopic) -> list[Change]:
    changes: list[Change] = []
    if found.partitions < spec.partitions:
        changes.append(Grow(spec.name, found.partitions, spec.partitions))
    if found.replication_factor < spec.replication_factor:
        says = (
            f"{spec.name} has {found.replication_factor} replica(s), not {spec.replication_factor}: "
            "reassign its partitions with Kafka's own tools"
        )
        changes.append(Impossible(spec.name, says))
    return changes + _configuration(spec, found)


def _configuration(spec: TopicSpec, found: FoundTopic) -> list[Change]:
    if found.configs is None or found.own_configs is None:
        says = (
            f"{spec.name} has a configuration that we may not read, and altering it could drop what others set: "
            "grant DescribeConfigs"
        )
        return [Impossible(spec.name, says)]
    wanted = {name: spec.configs[name] for name in differing_configs(spec, found)}
    if "min.insync.replicas" in wanted and spec.min_insync_replicas > found.replication_factor:
        del wanted["min.insync.replicas"]
        says = (
            f"{spec.name} has {found.replication_factor} replica(s): with min.insync.replicas "
            f"{spec.min_insync_replicas} it could acknowledge nothing"
        )
        return [Impossible(spec.name, says), *_configured(spec.name, found.configs, found.own_configs, wanted)]
    return _configured(spec.name, found.configs, found.own_configs, wanted)


def _configured(
    topic: str, in_force: Mapping[str, str], own: Mapping[str, str], wanted: Mapping[str, str]
) -> list[Change]:
    changed = {
        name: (in_force.get(name, "unset"), value) for name, value in wanted.items() if in_force.get(name) != value
    }
    if not changed:
        return []
    return [Configure(topic, changed, {**own, **{name: value for name, (_, value) in changed.items()}})]
