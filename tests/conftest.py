"""Fixtures that every test may ask for: a real Kafka, one that may be broken, the embedded broker, a Redis."""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeVar

import pytest

from relay.demo.broker import EmbeddedBroker
from tests.kafka.broker import QUICK_FAULTS, RealBroker
from tests.kafka.choice import Kafka, KafkaAddressError, local_broker, real_kafka
from tests.kafka.cluster import RealCluster, local_cluster
from tests.kafka.guarded import GuardedKafka, guarded_broker
from tests.kafka.jars import KafkaUnavailableError
from tests.kafka.topics import Topics
from tests.redis.server import RedisServer, RedisUnavailableError

Running = TypeVar("Running")

_KAFKA_SUMMARY = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Iterator[Kafka]:
    """One real Kafka for the whole session, never disturbed: who pauses or kills takes `private_kafka`."""
    pytestconfig.stash[_KAFKA_SUMMARY] = "embedded only (the real one did not start)"
    with _or_without(real_kafka(), pytestconfig) as real:
        pytestconfig.stash[_KAFKA_SUMMARY] = f"real {real.version}"
        yield real


@pytest.fixture(scope="module")
def private_kafka(pytestconfig: pytest.Config) -> Iterator[RealBroker]:
    """A local broker for this module alone, to pause, kill and restart; each test leaves it running."""
    with _or_without(local_broker(QUICK_FAULTS), pytestconfig) as broker:
        pytestconfig.stash.setdefault(_KAFKA_SUMMARY, f"real {broker.version}")
        yield broker


@pytest.fixture
def topics(kafka: Kafka, request: pytest.FixtureRequest) -> Iterator[Topics]:
    """Makes topics on `kafka` under names that no other test uses."""
    made = Topics(kafka.bootstrap_servers, prefix=request.node.name)
    yield made
    if kafka.outlives_tests:
        made.delete_all()


@pytest.fixture
def private_topics(private_kafka: RealBroker, request: pytest.FixtureRequest) -> Topics:
    """Makes topics on `private_kafka`."""
    return Topics(private_kafka.bootstrap_servers, prefix=request.node.name)


@pytest.fixture(scope="session")
def guarded_kafka(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    """A broker with TLS, users and access control; each test makes topics of its own and grants its rights."""
    with _or_without(guarded_broker(tmp_path_factory.mktemp("certificates")), pytestconfig) as guarded:
        pytestconfig.stash.setdefault(_KAFKA_SUMMARY, f"real {guarded.broker.version}")
        yield guarded


@pytest.fixture(scope="module")
def private_guarded_kafka(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GuardedKafka]:
    """The same, for this module alone, to pause and to change the certificates of."""
    with _or_without(guarded_broker(tmp_path_factory.mktemp("certificates")), pytestconfig) as guarded:
        pytestconfig.stash.setdefault(_KAFKA_SUMMARY, f"real {guarded.broker.version}")
        yield guarded


@pytest.fixture(scope="session")
def cluster_of_three(pytestconfig: pytest.Config) -> Iterator[RealCluster]:
    """Three real brokers that notice faults soon; for slow tests, each of which leaves all three running."""
    with _or_without(local_cluster(), pytestconfig) as cluster:
        pytestconfig.stash.setdefault(_KAFKA_SUMMARY, f"real {cluster.nodes[0].version}")
        yield cluster


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedBroker]:
    """The embedded broker; each test makes topics of its own on it."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A real Redis or Valkey of this test alone; RELAY_REQUIRE_REDIS=1 makes its absence a failure, else a skip."""
    try:
        server = RedisServer()
    except RedisUnavailableError as error:
        if os.environ.get("RELAY_REQUIRE_REDIS") == "1":
            pytest.fail(f"no Redis: {error}", pytrace=False)
        pytest.skip(f"no Redis: {error}")
    with server:
        yield server


def pytest_configure() -> None:
    """Heed an interrupt, here and in every process that a test starts and then interrupts.

    A shell's background job is started with SIGINT ignored, and hands that down.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that prints the summary, where the tests run in several."""
    told = session.config.stash.get(_KAFKA_SUMMARY, None)
    if told is not None and hasattr(session.config, "workeroutput"):
        session.config.workeroutput["kafka"] = told


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - xdist ships no type for it
    """Take what a process of the tests told: a real Kafka that one of them had is the one they ran against."""
    told = getattr(node, "workeroutput", {}).get("kafka")
    stash = node.config.stash
    if told is not None and not stash.get(_KAFKA_SUMMARY, "").startswith("real"):
        stash[_KAFKA_SUMMARY] = told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    told = config.stash.get(_KAFKA_SUMMARY, "embedded only (no test that ran asked for a real one)")
    terminalreporter.write_line(f"kafka: {told}")


@contextmanager
def _or_without(starting: AbstractContextManager[Running], config: pytest.Config) -> Iterator[Running]:
    """Give what `starting` starts, or skip with the reason; RELAY_REQUIRE_KAFKA=1 makes the skip a failure."""
    with ExitStack() as stack:
        reason, asked_for = "", os.environ.get("RELAY_REQUIRE_KAFKA") == "1"
        try:
            yield stack.enter_context(starting)
        except KafkaUnavailableError as error:
            reason = f"no real Kafka: {error}"
        except KafkaAddressError as error:
            reason, asked_for = str(error), True
        else:
            return
    if not config.stash.get(_KAFKA_SUMMARY, "").startswith("real"):  # another fixture may have had more luck
        config.stash[_KAFKA_SUMMARY] = f"embedded only ({reason})"
    if asked_for:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
