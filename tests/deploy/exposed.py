"""What a relay exposes, taken from a relay: every series of a real registry, beside those of its surroundings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry

from tests.observability.relay_words import instruments, projector_instruments

SCRAPED: Final = frozenset({"namespace", "job", "pod", "container", "instance", "endpoint"})
"""Labels that scraping by the PodMonitor gives every series."""
OPEN: Final = frozenset({"account", "topic", "file", "version"})
"""Labels whose values are a deployment's own: no rule may name one."""
FOREIGN: Final = {
    "up": frozenset(),
    "kube_horizontalpodautoscaler_status_current_replicas": frozenset({"horizontalpodautoscaler"}),
    "kube_horizontalpodautoscaler_spec_max_replicas": frozenset({"horizontalpodautoscaler"}),
}
"""What the alerts ask of others, with its labels: Prometheus itself, and kube-state-metrics 2.x."""


@dataclass(frozen=True)
class Known:
    """One name that can be asked for, and the values that each of its labels can have."""

    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Without those of `SCRAPED`."""


def known_series() -> dict[str, Known]:
    """Give every name that a relay exposes (so a histogram's `_bucket`, `_sum`, `_count`), with its labels' values.

    prometheus-client's own `process_` and `python_` ones are among them. Made anew from the code at each call.
    """
    registry = CollectorRegistry()
    made = instruments(registry)
    # These have no series before there is something to tell.
    made.certificate_expiries({"/var/run/kafka/tls.crt": 1.0})
    for destination in ("status", "other", "dead_letter"):
        made.min_insync_replicas(destination, 2)
    projectors = CollectorRegistry()
    projector_instruments(projectors)
    values: dict[str, dict[str, set[str]]] = {}
    for family in (*registry.collect(), *projectors.collect()):
        for sample in family.samples:
            labels = values.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return {name: Known({label: frozenset(seen) for label, seen in found.items()}) for name, found in values.items()}
