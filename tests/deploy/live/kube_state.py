"""What kube-state-metrics would tell of the relay's pods, for a Prometheus that runs beside no cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from tests.kafka.ports import free_ports


@contextmanager
def kube_state_metrics(namespace: str, name: str, pods: Sequence[str]) -> Iterator[int]:
    """Serve them until the block ends; gives the port. The autoscaler has room, no pod has restarted."""
    registry = CollectorRegistry()
    known: dict[str, Gauge] = {}

    def gauge(metric: str, value: float, **labels: str) -> None:
        if metric not in known:
            known[metric] = Gauge(metric, metric, list(labels), registry=registry)
        known[metric].labels(**labels).set(value)

    for bound, replicas in (("spec_min", 2), ("spec_max", 10), ("status_current", len(pods)), ("status_desired", 2)):
        gauge(
            f"kube_horizontalpodautoscaler_{bound}_replicas",
            replicas,
            namespace=namespace,
            horizontalpodautoscaler=name,
        )
    gauge("kube_deployment_status_replicas_available", len(pods), namespace=namespace, deployment=name)
    gauge("kube_deployment_spec_replicas", len(pods), namespace=namespace, deployment=name)
    for pod in pods:
        gauge("kube_pod_container_status_restarts_total", 0, namespace=namespace, pod=pod, container="relay")
        gauge("kube_pod_status_ready", 1, namespace=namespace, pod=pod, condition="true")
    (port,) = free_ports(1)
    server, thread = start_http_server(port, "127.0.0.1", registry)
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
