"""The relay's own closed words, as the composition root gives them to observability."""

from prometheus_client import CollectorRegistry

from relay.events.latest import Transition
from relay.events.sms_status import SCHEMA_VERSION, Status
from relay.observability.instruments import Instruments, Vocabulary
from relay.observability.projector import ProjectorInstruments, ProjectorVocabulary
from relay.publishing.replacement import Cause
from relay.sofy.payload import FIELDS
from relay.sofy.statuses import combinations

VOCABULARY = Vocabulary(
    accounts=("default", "shop-2"),
    topics={"status": "t.status", "other": "t.other", "dead_letter": "t.dead-letter"},
    statuses={status.value: (status.is_final, status.rank) for status in Status},
    status_categories=frozenset((status.value, category) for status, category in combinations()),
    causes=tuple(Cause),
    fields=FIELDS,
    version="1.2.3",
    schema=SCHEMA_VERSION,
)


def instruments(registry: CollectorRegistry) -> Instruments:
    return Instruments(registry, VOCABULARY)


def projector_instruments(registry: CollectorRegistry) -> ProjectorInstruments:
    vocabulary = ProjectorVocabulary(
        latest_topic="t.latest",
        transitions=tuple(Transition),
        statuses=VOCABULARY.statuses,
        causes=VOCABULARY.causes,
        version=VOCABULARY.version,
        schema=VOCABULARY.schema,
    )
    return ProjectorInstruments(registry, vocabulary, ready=lambda: True)


def series(registry: CollectorRegistry) -> dict[str, float]:
    """Every sample of ours as `name{label="value",...}`, labels in the order of their names."""
    return {
        sample.name
        + "{"
        + ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
        + "}": sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name.startswith("sofy_relay_")
    }


def moved(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What changed between two states, less the buckets and sums of histograms."""
    return {
        name: value - before.get(name, 0.0)
        for name, value in after.items()
        if value != before.get(name, 0.0) and "_bucket{" not in name and "_sum{" not in name
    }
