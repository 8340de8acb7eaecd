"""Which real Kafka the tests run against: an address, Docker, or one of our own on this machine."""

import gc
import importlib
import os
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from tests.kafka.archive import archive_classes
from tests.kafka.broker import RealBroker
from tests.kafka.jars import KafkaUnavailableError, install

_IMAGE_TAG = "7.9.0"
_IMAGE_KAFKA = "3.9"
"""The Apache Kafka in `confluentinc/cp-kafka` of that tag."""


class KafkaAddressError(Exception):
    """Nobody answers at the address that RELAY_TEST_KAFKA names."""


@dataclass(frozen=True, slots=True)
class Kafka:
    """A real Kafka for tests."""

    bootstrap_servers: str
    version: str
    tier: Literal["address", "docker", "local"]
    control: RealBroker | None
    """Pauses, kills and restarts it; None where it is not ours."""

    @property
    def outlives_tests(self) -> bool:
        """Whether what a test leaves on it stays."""
        return self.tier == "address"


@contextmanager
def real_kafka() -> Iterator[Kafka]:
    """Give the Kafka at `RELAY_TEST_KAFKA`, else one in Docker, else a local one; the last two end with the block.

    Raises:
        KafkaUnavailableError: none can be had; the text says what each needs.
        KafkaAddressError: nobody listens at the address that was given.
    """
    address = os.environ.get("RELAY_TEST_KAFKA")
    if address:
        _knock(address)
        # The protocol does not tell a broker's version.
        yield Kafka(address, os.environ.get("RELAY_TEST_KAFKA_VERSION", f"at {address}"), "address", None)
        return
    with ExitStack() as stack:
        no_docker = _docker_silence()
        if no_docker is None:
            yield stack.enter_context(_in_docker())
            return
        try:
            broker = stack.enter_context(local_broker())
        except KafkaUnavailableError as error:
            message = f"RELAY_TEST_KAFKA is not set; {no_docker}; no local broker: {error}"
            raise KafkaUnavailableError(message) from error
        yield Kafka(broker.bootstrap_servers, broker.version, "local", broker)


@contextmanager
def local_broker(properties: Mapping[str, str] | None = None) -> Iterator[RealBroker]:
    """Give a started broker of our own with these `properties`; it ends with the block.

    Raises:
        KafkaUnavailableError: no Java 17, or neither a filled cache nor a Maven that answers.
    """
    installation = install()
    archive_classes(installation)
    with RealBroker(installation, properties=properties) as broker:
        yield broker


def _knock(address: str) -> None:
    host, _, port = address.split(",", maxsplit=1)[0].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5.0).close()
    except (OSError, ValueError) as error:
        message = f"RELAY_TEST_KAFKA is {address}, but nobody answers there: {error}"
        raise KafkaAddressError(message) from error


def _docker_silence() -> str | None:
    """Why there is no Docker, or None if an engine answers. The command alone says nothing: it may have no engine."""
    try:
        docker = importlib.import_module("docker")
    except ImportError:
        return "testcontainers is not installed"
    silence: str | None = None
    with warnings.catch_warnings():
        # The client leaves its socket to the collector when nobody answers, which would fail the test at hand.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            docker.from_env(timeout=2).ping()
        except (docker.errors.DockerException, OSError):
            silence = "no Docker engine answers"
        gc.collect()
    return silence


@contextmanager
def _in_docker() -> Iterator[Kafka]:
    testcontainers = importlib.import_module("testcontainers.community.kafka")
    container = (
        testcontainers.KafkaContainer(f"confluentinc/cp-kafka:{_IMAGE_TAG}")
        .with_kraft()
        .with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
    )
    with container:
        version = f"{_IMAGE_KAFKA} (cp-kafka {_IMAGE_TAG})"
        yield Kafka(container.get_bootstrap_server(), version, "docker", None)
