"""What a real Prometheus says of running relays at each turn of a day: alerts raised, panels that have data."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tests.deploy.grafana.queries import Query, filled
from tests.deploy.live.stand import JOB, NAMESPACE, Stand
from tests.kafka.guarded import write_client_certificate

_VARIABLES = {"namespace": NAMESPACE, "job": JOB, "pod": ".*", "account": ".*"}
_RATE_INTERVAL = "15s"


@dataclass(frozen=True)
class Moment:
    """One turn of the day."""

    raised: frozenset[str]
    """Alerts whose expression holds, as `name severity`."""
    greatest: Mapping[Query, float]
    """The greatest value of each panel's query that has any."""


async def told(stand: Stand, queries: Sequence[Query]) -> dict[str, Moment]:
    """Live the day through, and give its moments by name. Takes about two minutes."""
    told: dict[str, Moment] = {}

    def remember(name: str) -> None:
        told[name] = Moment(stand.prometheus.raised(), _greatest(stand, queries))

    await stand.scraped()
    remember("under load")

    await stand.post_oddities()
    await stand.scraped(5)
    remember("after oddities")

    write_client_certificate(stand.kafka.authority, stand.kafka.folder, name="relay", valid_for=timedelta(days=1))
    await _raised(stand, "SofyRelayCertificateExpiring page")
    (stand.mounted / "tokens").write_text("not a list")
    await _raised(stand, "SofyRelaySecretsStale ticket")
    remember("after bad files")

    # The whole of a change is judged at once: with the tokens unreadable, no certificate would be taken over.
    stand.write_tokens()
    write_client_certificate(stand.kafka.authority, stand.kafka.folder, name="relay", valid_for=timedelta(days=60))
    stand.kafka.broker.pause()
    try:
        await _raised(stand, "SofyRelayKafkaNotAcknowledging page", "SofyRelayAvailabilityBudgetBurn page")
        # By now no acknowledgement is left in the ranges that the panels ask for.
        await stand.scraped()
        remember("with Kafka stopped")
    finally:
        stand.kafka.broker.resume()
    await stand.until(
        "Kafka acknowledges again", lambda: not _is_raised(stand, "SofyRelayKafkaNotAcknowledging page"), within_s=150
    )
    remember("with Kafka back")

    for pod in stand.pods:
        pod.signal(signal.SIGTERM)
        await pod.exit_status(20)
    await _raised(stand, "SofyRelayDown page")
    remember("with every pod gone")
    return told


async def _raised(stand: Stand, *alerts: str) -> None:
    await stand.until(f"{alerts} raised", lambda: all(_is_raised(stand, alert) for alert in alerts))


def _is_raised(stand: Stand, alert: str) -> bool:
    return alert in stand.prometheus.raised()


def _greatest(stand: Stand, queries: Sequence[Query]) -> dict[Query, float]:
    answers = {query: stand.prometheus.query(filled(query.expr, _VARIABLES, _RATE_INTERVAL)) for query in queries}
    return {query: answer.greatest for query, answer in answers.items() if answer}
