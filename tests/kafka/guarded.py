"""A real broker that lets in only whom it knows: TLS, users with passwords or certificates, access control."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it re-exports them without saying so in __all__
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from confluent_kafka.cimpl import NewTopic
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from relay.publishing.connection import KafkaConnection
from tests.kafka.broker import Ports, RealBroker
from tests.kafka.jars import install
from tests.kafka.ports import free_ports

USER = "relay"
PASSWORD = "relay-secret"
WITHIN_S = 20.0
_ADMIN = "admin"
_ADMIN_PASSWORD = "admin-secret"


@dataclass(frozen=True, kw_only=True)
class GuardedKafka:
    """A broker with a listener for passwords (SCRAM) and one for certificates; its user `relay` may nothing yet.

    Every method blocks until the broker has done it.
    """

    broker: RealBroker
    authority: trustme.CA
    folder: Path
    by_password: KafkaConnection
    by_certificate: KafkaConnection
    """To the same broker; the files are `relay.pem` and `relay.key` in `folder`."""
    admin: AdminClient

    def create_topic(self, name: str = "", *, partitions: int = 1) -> str:
        """Make a topic, of a name that no other test uses unless one is given; give its name."""
        name = name or f"guarded-{uuid.uuid4().hex[:12]}"
        self.admin.create_topics([NewTopic(name, partitions, 1)])[name].result(WITHIN_S)
        return name

    def grant_write(self, topic: str) -> AclBinding:
        """Give `relay` the only right that it needs."""
        return self.grant(topic, AclOperation.WRITE)

    def grant(self, topic: str, operation: AclOperation) -> AclBinding:
        """Give `relay` a right on a topic."""
        right = AclBinding(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            f"User:{USER}",
            "*",
            operation,
            AclPermissionType.ALLOW,
        )
        self.admin.create_acls([right])[right].result(WITHIN_S)
        return right

    def grant_group(self, group: str) -> AclBinding:
        """Let `relay` be a member of a consumer group."""
        right = AclBinding(
            ResourceType.GROUP,
            group,
            ResourcePatternType.LITERAL,
            f"User:{USER}",
            "*",
            AclOperation.READ,
            AclPermissionType.ALLOW,
        )
        self.admin.create_acls([right])[right].result(WITHIN_S)
        return right

    def revoke(self, topic: str) -> None:
        """Take all rights on a topic from `relay`."""
        everything = AclBindingFilter(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            f"User:{USER}",
            "*",
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        self.admin.delete_acls([everything])[everything].result(WITHIN_S)

    def set_password(self, password: str) -> None:
        """Give `relay` another password; connections that are there stay."""
        change = UserScramCredentialUpsertion(
            USER, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), password.encode()
        )
        self.admin.alter_user_scram_credentials([change])[USER].result(WITHIN_S)

    def restart_with(self, authority: trustme.CA) -> None:
        """Restart the broker with a certificate of another authority; it goes on to believe the clients' own."""
        self.broker.stop()
        _write_broker_certificate(authority, self.folder)
        authority.cert_pem.write_to_path(self.folder / "ca.pem")
        # Kafka wants to believe itself too.
        believed = dict.fromkeys((self.authority.cert_pem.bytes(), authority.cert_pem.bytes()))
        (self.folder / "clients.pem").write_bytes(b"".join(believed))
        self.broker.start()


def write_client_certificate(authority: trustme.CA, folder: Path, *, name: str, valid_for: timedelta) -> None:
    """Write a certificate of `relay` and its key to `<name>.pem` and `<name>.key`; a negative time: expired."""
    now = datetime.now(UTC)
    # Java takes no certificate without a name in its subjectAltName.
    issued = authority.issue_cert(
        "relay.example", common_name=USER, not_before=now - timedelta(days=60), not_after=now + valid_for
    )
    (folder / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    (folder / f"{name}.key").write_bytes(issued.private_key_pem.bytes())


@contextmanager
def guarded_broker(folder: Path) -> Iterator[GuardedKafka]:
    """Start one, with its certificates in `folder`; it ends with the block.

    Raises:
        KafkaUnavailableError: no Java 17, or neither a filled cache nor a Maven that answers.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.cert_pem.write_to_path(folder / "clients.pem")
    _write_broker_certificate(authority, folder)
    write_client_certificate(authority, folder, name="relay", valid_for=timedelta(days=30))
    passwords, certificates, controller = free_ports(3)
    client: dict[str, str | int | float | bool] = {
        "bootstrap.servers": f"127.0.0.1:{passwords}",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": _ADMIN,
        "sasl.password": _ADMIN_PASSWORD,
        "ssl.ca.location": str(folder / "ca.pem"),
    }
    broker = RealBroker(
        install(),
        ports=Ports(passwords, controller),
        properties=_properties(passwords, certificates, controller, folder),
        format_arguments=_users(**{_ADMIN: _ADMIN_PASSWORD, USER: PASSWORD}),
        client={name: str(value) for name, value in client.items()},
    )
    by_password = KafkaConnection(
        bootstrap_servers=(f"127.0.0.1:{passwords}",),
        security_protocol="SASL_SSL",
        sasl_username=USER,
        sasl_password=PASSWORD,
        ssl_cafile=str(folder / "ca.pem"),
    )
    by_certificate = KafkaConnection(
        bootstrap_servers=(f"127.0.0.1:{certificates}",),
        security_protocol="SSL",
        ssl_cafile=str(folder / "ca.pem"),
        ssl_certfile=str(folder / "relay.pem"),
        ssl_keyfile=str(folder / "relay.key"),
    )
    with broker:
        yield GuardedKafka(
            broker=broker,
            authority=authority,
            folder=folder,
            by_password=by_password,
            by_certificate=by_certificate,
            admin=AdminClient(client, logger=logging.getLogger(__name__)),
        )


def _write_broker_certificate(authority: trustme.CA, folder: Path) -> None:
    """Write the broker's own; it reads it at its start. Kafka takes PEM keys in PKCS 8 only, unlike trustme's."""
    issued = authority.issue_cert("127.0.0.1")
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "broker.pem").write_bytes(pem + b"".join(blob.bytes() for blob in issued.cert_chain_pems))


def _users(**passwords: str) -> list[str]:
    words: list[str] = []
    for name, password in passwords.items():
        words += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
    return words


def _properties(passwords: int, certificates: int, controller: int, folder: Path) -> dict[str, str]:
    login = (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{_ADMIN}" password="{_ADMIN_PASSWORD}";'
    )
    clients = f"GUARDED://127.0.0.1:{passwords},MUTUAL://127.0.0.1:{certificates}"
    return {
        "listeners": f"{clients},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": clients,
        "listener.security.protocol.map": "GUARDED:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "GUARDED",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.guarded.scram-sha-512.sasl.jaas.config": login,
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.mutual.ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "clients.pem"),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{_ADMIN};User:ANONYMOUS",
    }
