"""The Service sends in turn to whoever serves, tries nothing twice, and says who took what."""

from collections.abc import Sequence
from dataclasses import dataclass

from relay.simulator.poster import Answer, Trouble
from tests.chaos.replicas import Service, service_url
from tests.kafka.ports import free_ports
from tests.simulator.receiver import Receiver

URL = service_url("/webhooks/sofy/token")


@dataclass
class Place:
    """An endpoint that says of itself what the test wants."""

    place: str
    port: int
    serving: bool = True


async def posted(replicas: Sequence[Place], times: int) -> list[tuple[str, Answer | Trouble | None]]:
    """Post so often; give who took each and what it came to."""
    service = Service(replicas, connections=4)
    found = []
    async with service:
        for _ in range(times):
            await service.post(URL, {}, b"{}")
            found.append((service.place, service.answer))
    return found


async def test_it_sends_in_turn() -> None:
    async with Receiver() as one, Receiver() as other:
        taken = await posted([Place("a#1", one.port), Place("b#1", other.port)], 4)

    assert [place for place, _ in taken] == ["a#1", "b#1", "a#1", "b#1"]
    assert (len(one.received), len(other.received)) == (2, 2)
    assert {request.path for request in one.received} == {"/webhooks/sofy/token"}


async def test_who_does_not_serve_is_sent_nothing() -> None:
    async with Receiver() as one, Receiver() as other:
        taken = await posted([Place("a#1", one.port, serving=False), Place("b#1", other.port)], 3)

    assert {place for place, _ in taken} == {"b#1"}
    assert not one.received


async def test_what_one_refuses_is_not_tried_at_another_for_a_refusal_must_be_seen() -> None:
    [nobody] = free_ports(1)
    async with Receiver() as other:
        [(place, answer)] = await posted([Place("a#1", nobody), Place("b#1", other.port)], 1)

    assert (place, answer) == ("a#1", Trouble.REFUSED)
    assert not other.received


async def test_with_nobody_serving_it_is_unreachable() -> None:
    assert await posted([Place("a#1", 1, serving=False)], 1) == [("", Trouble.UNREACHABLE)]
