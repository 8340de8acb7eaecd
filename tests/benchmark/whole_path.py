"""The whole path beside its floors, in the same run: what the relay adds to HTTP and Kafka as such."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Final

from tests.benchmark.figures import ItemCost, Tempo, WholePath
from tests.benchmark.load import Load
from tests.benchmark.measuring import BareProducer, Contestant, Figures, Target, compare, measure, middle
from tests.benchmark.stand import RelayServer, Stand

CONNECTIONS: Final = 64
ON_THEIR_WAY: Final = 1_000
"""Records that the relay lets wait (RELAY_HTTP__MAX_IN_FLIGHT); beyond, it refuses webhooks."""
_RELAY, _ASGI, _PRODUCER, _BOTH = "relay", "bare ASGI callable", "bare producer", "both in one process"
_ANY_PATH: Final = ("/webhooks/sofy/token",)


def run(stand: Stand, tempo: Tempo, say: Callable[[str], None]) -> WholePath:
    """Measure one event a webhook: relay, bare ASGI callable and bare producer, turn and turn about."""
    load = Load(connections=CONNECTIONS, seconds=tempo.seconds)
    with ExitStack() as stack:
        relay = stack.enter_context(stand.relay())
        idle_mib = relay.idle_mib
        target = _target(stand, relay, load, _RELAY)
        target.warm_up()
        record_bytes = stand.mean_record_bytes(relay.status_topic)
        asgi = stack.enter_context(stand.bare("bare_asgi"))
        both = stack.enter_context(stand.bare("bare_both", stand.servers, stand.topic("both"), str(record_bytes)))
        contestants: list[Contestant] = [
            target,
            Target(_ASGI, asgi, load, _ANY_PATH, stand.source),
            Target(_BOTH, both, load, _ANY_PATH, stand.source),
            BareProducer(
                stand.servers, stand.topic("bare"), record_bytes, CONNECTIONS, tempo.seconds, stand.cores, _PRODUCER
            ),
        ]
        found = compare(contestants, runs=tempo.runs, say=say)
        at_half = _at_half(stand, relay, middle(found[_RELAY]), tempo, say)
        resident_mib = relay.server.resident_mib
    return WholePath(
        relay=middle(found[_RELAY]),
        asgi=middle(found[_ASGI]),
        producer=middle(found[_PRODUCER]),
        both=middle(found[_BOTH]),
        record_bytes=record_bytes,
        ratio_to_floor=median(ratios(found[_RELAY], found[_ASGI], found[_PRODUCER])),
        at_half=at_half,
        idle_mib=idle_mib,
        resident_mib=resident_mib,
    )


def ratios(relay: Sequence[Figures], asgi: Sequence[Figures], producer: Sequence[Figures]) -> list[float]:
    """Give the whole path over the floor, round by round."""
    rounds = zip(relay, asgi, producer, strict=True)
    return [whole.cpu_s_per_10k / (http.cpu_s_per_10k + kafka.cpu_s_per_10k) for whole, http, kafka in rounds]


def items(stand: Stand, tempo: Tempo, say: Callable[[str], None]) -> list[ItemCost]:
    """Measure what an item costs: one and a thousand a webhook, recipients seen before, and all of them new."""
    costs = []
    for count, new in ((1, False), (1_000, False), (1_000, True)):
        load = Load(items=count, connections=fitting(count), seconds=tempo.seconds, new_recipients=new)
        with stand.relay() as relay:
            name = f"{count:,} items, recipients {'new' if new else 'seen before'}"
            found = measure(_target(stand, relay, load, name), runs=tempo.runs, say=say)
        costs.append(ItemCost(items=count, new_recipients=new, us_per_item=found.us_per_webhook / count, figures=found))
    return costs


def fitting(items_a_webhook: int) -> int:
    """Give how many connections saturate the relay without its refusing anything."""
    return max(1, min(CONNECTIONS, (ON_THEIR_WAY - 1) // items_a_webhook))


def _target(stand: Stand, relay: RelayServer, load: Load, name: str) -> Target:
    return Target(name, relay.server, load, relay.paths, stand.source)


def _at_half(stand: Stand, relay: RelayServer, saturated: Figures, tempo: Tempo, say: Callable[[str], None]) -> Figures:
    think_ms = round(1e3 * CONNECTIONS / (saturated.accepted_per_s / 2))
    load = Load(connections=CONNECTIONS, seconds=tempo.seconds, think_ms=think_ms)
    return measure(_target(stand, relay, load, f"{_RELAY}, half of it"), runs=tempo.runs, say=say)
