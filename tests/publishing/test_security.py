"""Against a broker with TLS, users and access control: the least rights are enough, and a refusal is told as one."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it re-exports them without saying so in __all__
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from relay.publishing.cluster import read_cluster
from relay.publishing.connection import KafkaConnection
from relay.reasons import Reason
from tests.kafka.broker import Ports, RealBroker
from tests.kafka.choice import Kafka
from tests.kafka.jars import KafkaUnavailableError, install
from tests.kafka.ports import free_ports
from tests.publishing.stand import RECORD, everywhere, outcome, publishing_to, soon

pytestmark = pytest.mark.kafka

TOPIC = "guarded"
WITHIN_S = 20.0


@dataclass(frozen=True, kw_only=True)
class GuardedKafka:
    """A broker that knows its users, with a user who may write to `TOPIC` and nothing else."""

    connection: KafkaConnection
    admin: AdminClient


@pytest.fixture(scope="module")
def guarded(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    assert kafka.version  # asked for first: where a real Kafka is required but cannot be had, it fails the test
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    _write_key_store(authority.issue_cert("127.0.0.1"), folder / "broker.pem")
    ports = Ports(*free_ports(2))
    client: dict[str, str | int | float | bool] = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "admin",
        "sasl.password": "admin-secret",
        "ssl.ca.location": str(folder / "ca.pem"),
    }
    try:
        broker = RealBroker(
            install(),
            ports=ports,
            properties=_properties(ports, folder),
            format_arguments=_users(admin="admin-secret", relay="relay-secret"),
            client={name: str(value) for name, value in client.items()},
        )
    except KafkaUnavailableError as error:
        pytest.skip(f"no real Kafka: {error}")
    with broker:
        admin = AdminClient(
            {"bootstrap.servers": broker.bootstrap_servers, **client}, logger=logging.getLogger(__name__)
        )
        admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(WITHIN_S)
        connection = KafkaConnection(
            bootstrap_servers=(broker.bootstrap_servers,),
            security_protocol="SASL_SSL",
            sasl_username="relay",
            sasl_password="relay-secret",
            ssl_cafile=str(folder / "ca.pem"),
        )
        yield GuardedKafka(connection=connection, admin=admin)


@pytest.fixture
def write_only(guarded: GuardedKafka) -> Iterator[AclBinding]:
    """The only right that the relay needs, for the time of a test."""
    right = _write_right()
    guarded.admin.create_acls([right])[right].result(WITHIN_S)
    yield right
    _revoke(guarded.admin)


async def until_hidden(connection: KafkaConnection) -> None:
    """Wait until a revoked right is gone in the broker too."""
    async with asyncio.timeout(WITHIN_S):
        while TOPIC in (await read_cluster(connection)).topics:
            await asyncio.sleep(0.01)


async def test_the_right_to_write_is_all_that_the_relay_needs(guarded: GuardedKafka, write_only: AclBinding) -> None:
    assert write_only.operation is AclOperation.WRITE

    async with publishing_to(guarded.connection, everywhere(TOPIC)) as stand:
        await stand.supervised.until_verified()
        acknowledgement = await stand.publisher.publish(RECORD, deadline=soon())
        await asyncio.wait({acknowledgement}, timeout=WITHIN_S)

    assert outcome(acknowledgement) == "acknowledged"
    assert [finding.check for finding in stand.supervised.findings] == ["configuration"]  # DescribeConfigs is optional


async def test_a_revoked_right_is_told_as_not_authorized(guarded: GuardedKafka, write_only: AclBinding) -> None:
    assert write_only.operation is AclOperation.WRITE

    async with publishing_to(guarded.connection, everywhere(TOPIC)) as stand:
        await stand.supervised.until_verified()
        await asyncio.to_thread(_revoke, guarded.admin)
        await until_hidden(guarded.connection)
        acknowledgement = await stand.publisher.publish(RECORD, deadline=soon())
        await asyncio.wait({acknowledgement}, timeout=WITHIN_S)

    assert outcome(acknowledgement) is Reason.NOT_AUTHORIZED


async def test_a_topic_that_is_hidden_from_our_user_is_told_with_both_remedies(guarded: GuardedKafka) -> None:
    await until_hidden(guarded.connection)

    async with publishing_to(guarded.connection, everywhere(TOPIC)) as stand:
        await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.TOPIC_MISSING]
    assert "relay topics apply" in stand.supervised.details[0]
    assert "grant Write" in stand.supervised.details[0]


async def test_a_wrong_password_is_told_as_not_authorized_and_not_shown(guarded: GuardedKafka) -> None:
    wrong = replace(guarded.connection, sasl_password="planted-and-wrong")

    async with publishing_to(wrong, everywhere(TOPIC)) as stand:
        await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.NOT_AUTHORIZED]
    assert "RELAY_KAFKA__SASL_USERNAME" in stand.supervised.details[0]
    assert "planted" not in stand.supervised.details[0]


async def test_a_certificate_of_another_authority_is_never_accepted(guarded: GuardedKafka, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    mistrusting = replace(guarded.connection, ssl_cafile=str(tmp_path / "other.pem"))

    async with publishing_to(mistrusting, everywhere(TOPIC)) as stand:
        await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.KAFKA_UNREACHABLE]
    assert "its certificate is not trusted" in stand.supervised.details[0]


async def test_a_certificate_for_another_host_is_never_accepted(guarded: GuardedKafka) -> None:
    [server] = guarded.connection.bootstrap_servers
    elsewhere = replace(guarded.connection, bootstrap_servers=(server.replace("127.0.0.1", "localhost"),))

    async with publishing_to(elsewhere, everywhere(TOPIC)) as stand:
        await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.KAFKA_UNREACHABLE]
    assert "its certificate is not trusted" in stand.supervised.details[0]


def _write_right() -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC,
        TOPIC,
        ResourcePatternType.LITERAL,
        "User:relay",
        "*",
        AclOperation.WRITE,
        AclPermissionType.ALLOW,
    )


def _revoke(admin: AdminClient) -> None:
    everything = AclBindingFilter(
        ResourceType.TOPIC,
        TOPIC,
        ResourcePatternType.LITERAL,
        "User:relay",
        "*",
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    admin.delete_acls([everything])[everything].result(WITHIN_S)


def _write_key_store(issued: trustme.LeafCert, file: Path) -> None:
    """Kafka reads PEM keys in PKCS 8 only, which is not the form that trustme gives them in."""
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + b"".join(blob.bytes() for blob in issued.cert_chain_pems))


def _users(**passwords: str) -> list[str]:
    words: list[str] = []
    for name, password in passwords.items():
        words += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
    return words


def _properties(ports: Ports, folder: Path) -> dict[str, str]:
    login = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="admin-secret";'
    return {
        "listeners": f"GUARDED://127.0.0.1:{ports.client},CONTROLLER://127.0.0.1:{ports.controller}",
        "advertised.listeners": f"GUARDED://127.0.0.1:{ports.client}",
        "listener.security.protocol.map": "GUARDED:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "GUARDED",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.guarded.scram-sha-512.sasl.jaas.config": login,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin;User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
    }
