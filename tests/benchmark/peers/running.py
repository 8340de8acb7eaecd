"""The peers and the relay on the same Kafka, turn and turn about."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from tests.benchmark.figures import Peer, Tempo
from tests.benchmark.load import Load
from tests.benchmark.measuring import Contestant, Target, compare, middle
from tests.benchmark.peers.building import KINDS, MissingError, PeerKind, Program
from tests.benchmark.server import Server
from tests.benchmark.stand import Stand
from tests.benchmark.whole_path import fitting
from tests.kafka.ports import free_ports

_WARM_UP_S: Final = 8.0
"""A JVM wants it: by then its second compiler has done its work."""
RELAY: Final = "Sofy Relay"
_RELAY_DOES: Final = "All of it: one keyed, normalised, versioned record an SMS, each once."


@dataclass(frozen=True, slots=True)
class _Entrant:
    kind: PeerKind
    program: Program
    server: Server


def run(stand: Stand, tempo: Tempo, say: Callable[[str], None]) -> list[Peer]:
    """Build all peers that can be had, and measure them beside the relay; the others are named with why."""
    programs: dict[str, Program] = {}
    missing: list[Peer] = []
    for kind in KINDS:
        say(f"{kind.name}: building ...")
        try:
            programs[kind.name] = kind.build()
        except MissingError as error:
            say(f"{kind.name}: {error}")
            missing.append(
                Peer(name=kind.name, does=kind.does, files=kind.files, items=1, figures=None, missing=str(error))
            )
    measured: list[Peer] = []
    for items in sorted({count for kind in KINDS for count in kind.item_counts}):
        kinds = [kind for kind in KINDS if kind.name in programs and items in kind.item_counts]
        measured += _compared(stand, tempo, say, items, [(kind, programs[kind.name]) for kind in kinds])
    return measured + missing


def _compared(
    stand: Stand, tempo: Tempo, say: Callable[[str], None], items: int, programs: list[tuple[PeerKind, Program]]
) -> list[Peer]:
    load = Load(items=items, connections=fitting(items), seconds=tempo.seconds)
    with ExitStack() as stack:
        relay = stack.enter_context(stand.relay())
        entrants = [_Entrant(kind, its, stack.enter_context(_server(stand, its))) for kind, its in programs]
        contestants: list[Contestant] = [Target(RELAY, relay.server, load, relay.paths, stand.source)]
        for each in entrants:
            its_load = Load(
                items=items, connections=load.connections, seconds=load.seconds, wrapped_in=each.program.wrapped_in
            )
            paths = [each.program.path]
            contestants.append(Target(each.kind.name, each.server, its_load, paths, stand.source, _WARM_UP_S))
        found = compare(contestants, runs=tempo.runs, say=say)
    told = [(RELAY, _RELAY_DOES, ()), *((each.kind.name, each.kind.does, each.kind.files) for each in entrants)]
    return [
        Peer(name=name, does=does, files=files, items=items, figures=middle(found[name]), missing="")
        for name, does, files in told
    ]


def _server(stand: Stand, program: Program) -> Server:
    (port,) = free_ports(1)
    environment = {"KAFKA": stand.servers, "TOPIC": stand.topic("peer"), "PORT": str(port)}
    return Server(program.command(port), environment, cores=stand.cores, url=f"http://127.0.0.1:{port}")
