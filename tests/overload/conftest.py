"""The sender runs on the loop that the relay runs on: the quicker one."""

import asyncio
import resource
from collections.abc import Callable, Iterator

import pytest
import uvloop

from tests.end_to_end.conftest import Cluster
from tests.overload.slow_broker import SlowBroker

ROUND_TRIP_S = 0.2


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def slow_broker() -> Iterator[SlowBroker]:
    """A Kafka that takes 0.2 s for each request."""
    with SlowBroker(round_trip_s=ROUND_TRIP_S) as broker:
        yield broker


@pytest.fixture
def slow(slow_broker: SlowBroker) -> Cluster:
    """The same, with topics of this test alone."""
    return slow_broker.cluster()


@pytest.fixture
def many_files() -> Iterator[int]:
    """Raises the limit of open files, which a relay started now inherits, as far as it goes; gives it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
