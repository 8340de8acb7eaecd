"""What carries it: the pods, their resources, their secrets, and the duplicate window."""

from grafana_foundation_sdk.builders import stat, statetimeline, timeseries
from grafana_foundation_sdk.models import units

from deploy.grafana.colours import BAD, GOOD, WARN
from deploy.grafana.layout import Row, even
from deploy.grafana.promql import chosen, foreign, greatest, increase, of_kubernetes, percentile, rate, total
from deploy.grafana.shapes import Ask, bars, lines, states, tile
from relay.observability.metrics import Catalogue

CONTAINER = "relay"
"""The container's name in the Deployment."""
_DAY_S = 86400


def process() -> Row:
    """Give the row."""
    return Row(
        "Process: what carries it",
        [
            even(7, _cpu(), _memory(), _files(), _lag()),
            even(7, _collections(), _window(), _window_errors(), _container_restarts()),
            even(6, _ready(), _secrets(), _certificates(), _versions()),
        ],
    )


def _by_pod(series: str) -> Ask:
    return Ask(greatest(series, "pod"), "{{pod}}")


def _cpu() -> timeseries.Panel:
    return lines(
        "CPU",
        "Of one core; the event loop uses no more than one. Above 60 % the autoscaler adds pods; "
        "near 100 % answers get slow: add pods, and look at the CPU limit.",
        _by_pod(rate(foreign("process_cpu_seconds_total"))),
        unit=units.PercentUnit,
        limits={0.6: WARN, 0.9: BAD},
    )


def _memory() -> timeseries.Panel:
    return lines(
        "Memory",
        "Resident memory. The duplicate window takes about 130 bytes an entry; what grows on when the window is full "
        "is a leak: report it.",
        _by_pod(foreign("process_resident_memory_bytes")),
        unit=units.BytesIEC,
    )


def _files() -> timeseries.Panel:
    return lines(
        "Open file descriptors",
        "Share of the limit that is open. Near 100 % connections wait: raise the limit, and find who holds thousands "
        "of connections.",
        Ask(
            f"{greatest(foreign('process_open_fds'), 'pod')} / {greatest(foreign('process_max_fds'), 'pod')}", "{{pod}}"
        ),
        unit=units.PercentUnit,
        limits={0.7: WARN, 0.9: BAD},
    )


def _lag() -> timeseries.Panel:
    return lines(
        "Event loop lag, p99",
        Catalogue.EVENT_LOOP_LAG.help,
        Ask(percentile(99, Catalogue.EVENT_LOOP_LAG, "pod"), "{{pod}}"),
        unit=units.Seconds,
        limits={0.1: WARN, 0.5: BAD},
    )


def _collections() -> timeseries.Panel:
    return lines(
        "Garbage collections",
        "Python's collections by generation. Generation 2 is the one that takes long: if it rises, expect event loop "
        "lag, and report what the traffic was.",
        Ask(total(rate(foreign("python_gc_collections_total")), "generation"), "generation {{generation}}"),
        unit=units.OpsPerSecond,
    )


def _window() -> timeseries.Panel:
    return lines(
        "Duplicate window entries",
        Catalogue.DUPLICATE_WINDOW_ENTRIES.help,
        _by_pod(chosen(Catalogue.DUPLICATE_WINDOW_ENTRIES)),
        unit=units.Short,
    )


def _window_errors() -> timeseries.Panel:
    return bars(
        "Duplicate window errors",
        Catalogue.DUPLICATE_WINDOW_ERRORS.help,
        Ask(total(increase(chosen(Catalogue.DUPLICATE_WINDOW_ERRORS)), "pod"), "{{pod}}"),
    )


def _container_restarts() -> timeseries.Panel:
    restarts = of_kubernetes("kube_pod_container_status_restarts_total", container=CONTAINER)
    return bars(
        "Container restarts",
        "By kube-state-metrics. The relay ends by itself on SIGTERM or on wrong settings only: "
        "`kubectl describe pod` tells whether it was killed for memory or a probe.",
        Ask(total(increase(restarts), "pod"), "{{pod}}"),
    )


def _ready() -> statetimeline.Panel:
    return states(
        "Readiness",
        Catalogue.READY.help,
        _by_pod(chosen(Catalogue.READY)),
        {0: ("not ready", BAD), 1: ("ready", GOOD)},
    )


def _secrets() -> statetimeline.Panel:
    return states(
        "Secrets",
        Catalogue.SECRETS_STALE.help,
        _by_pod(chosen(Catalogue.SECRETS_STALE)),
        {0: ("as mounted", GOOD), 1: ("stale", BAD)},
    )


def _certificates() -> stat.Panel:
    expiry = f"min by (file) ({chosen(Catalogue.CERTIFICATE_EXPIRY)})"
    return (
        tile(
            "Certificates expire in",
            Catalogue.CERTIFICATE_EXPIRY.help,
            Ask(f"({expiry} - time()) / {_DAY_S}", "{{file}}"),
            unit=units.Days,
            steps={2: WARN, 14: GOOD},
            lowest=BAD,
        )
        .decimals(0)
        .no_value("no certificates")
    )


def _versions() -> timeseries.Panel:
    return lines(
        "Pods by version and schema",
        Catalogue.BUILD_INFO.help,
        Ask(
            f"count by (version, schema) ({chosen(Catalogue.BUILD_INFO)})",
            "{{version}}, schema {{schema}}",
        ),
        unit=units.Short,
    ).decimals(0)
