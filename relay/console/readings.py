"""What the metrics of this pod say at one moment, and how much of it is new since another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry

from relay.observability.metrics import Catalogue, Metric

_READ: Final = (
    Catalogue.WEBHOOKS,
    Catalogue.WEBHOOKS_IN_FLIGHT,
    Catalogue.LAST_WEBHOOK,
    Catalogue.EVENTS,
    Catalogue.DUPLICATES,
    Catalogue.DEAD_LETTERS,
    Catalogue.SMS_STATUS,
    Catalogue.UNKNOWN_STATUSES,
    Catalogue.OUT_OF_ORDER,
    Catalogue.EVENTS_PUBLISHED,
    Catalogue.PUBLISH_FAILURES,
    Catalogue.LATE_ACKNOWLEDGEMENTS,
    Catalogue.PRODUCER_RESTARTS,
    Catalogue.TOPIC_MIN_INSYNC_REPLICAS,
    Catalogue.DUPLICATE_WINDOW_ENTRIES,
    Catalogue.DUPLICATE_WINDOW_ERRORS,
    Catalogue.CERTIFICATE_EXPIRY,
    Catalogue.SECRETS_STALE,
)
"""What the page shows or judges by; the histograms are left out, for they are what costs."""

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The values of all series that are read, by metric and label values."""

    at: float
    """Unix time in seconds."""
    values: Mapping[str, Mapping[Labels, float]]

    def total(self, metric: Metric, **labels: str) -> float:
        """Give the sum over the series that have these labels; 0 if there is none."""
        places = {metric.labels.index(name): value for name, value in labels.items()}
        return sum(
            value
            for found, value in self.values[metric.name].items()
            if all(found[place] == wanted for place, wanted in places.items())
        )

    def by(self, metric: Metric, label: str, **labels: str) -> dict[str, int]:
        """Give the sums by the values of one label, over the series that have `labels`; zeros are left out."""
        place = metric.labels.index(label)
        places = {metric.labels.index(name): value for name, value in labels.items()}
        sums: dict[str, int] = {}
        for found, value in self.values[metric.name].items():
            if value and all(found[other] == wanted for other, wanted in places.items()):
                sums[found[place]] = sums.get(found[place], 0) + int(value)
        return sums


class Meter:
    """Reads the metrics of one registry. Blocks for as long as a scrape of these metrics takes: about a millisecond."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Take the registry that has the whole catalogue of `relay serve`."""
        self._registry = registry.restricted_registry([metric.name for metric in _READ])

    def read(self, at: float) -> Reading:
        """Give what the metrics say now, which is the Unix time `at`."""
        values: dict[str, dict[Labels, float]] = {metric.name: {} for metric in _READ}
        labels = {metric.name: metric.labels for metric in _READ}
        for family in self._registry.collect():
            for sample in family.samples:
                names = labels[sample.name]
                values[sample.name][tuple(sample.labels[name] for name in names)] = sample.value
        return Reading(at, values)


def increase(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """Give by how much each count has grown; what has not is left out."""
    grown = {name: count - before.get(name, 0) for name, count in now.items()}
    return {name: count for name, count in grown.items() if count > 0}


def most_frequent(counts: Mapping[str, int]) -> str:
    """Give the name of the largest count; empty if there is none."""
    return max(counts, key=lambda name: (counts[name], name), default="")
