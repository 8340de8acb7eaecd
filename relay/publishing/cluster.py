"""Asking a cluster what it holds, and changing it: connections of their own, short-lived, never a by-name request.

A metadata request that names a topic may create it; the ones here always ask for all topics.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, for_code
from aiokafka.protocol.admin import DescribeConfigsRequest

from relay.publishing.connection import KafkaConnection
from relay.publishing.failures import reason_of, refuses_our_certificate
from relay.publishing.listing import ListTopics, topic_id
from relay.publishing.plan import Change, Configure, Create, Grow, Impossible
from relay.publishing.topics import FoundTopic, Listing
from relay.reasons import Reason

_CHANGE_TIMEOUT_MS: Final = 15_000
"""Patience of an operator's command; creating many partitions takes a controller some seconds."""
_SET_ON_TOPIC: Final = 1  # DescribeConfigs' config_source DYNAMIC_TOPIC_CONFIG
_CLOSING_S: Final = 0.5

_NO_BROKER = (OSError, EOFError, KafkaError, NotImplementedError, ValueError)
"""What making a connection, or asking the first question on it, raises: sockets, TLS, SASL, or no Kafka there."""


class ClusterUnreachableError(Exception):
    """No broker answered; the text names the servers, the setting and the cause."""

    def __init__(self, says: str, reason: Reason) -> None:
        super().__init__(says)
        self.reason = reason


class ChangeRefusedError(Exception):
    """The cluster did not make a change; the text names the topic and Kafka's reason."""


async def read_cluster(connection: KafkaConnection, *, describe: Collection[str] = ()) -> Listing:
    """List every topic that our user may see, with the configurations of those named in `describe`.

    Creates nothing. Takes a few request timeouts for each bootstrap server at most. Configurations
    that the broker does not show are None.

    Raises:
        ClusterUnreachableError: no bootstrap server answered.
        UnusableConnectionError: no client can be made from `connection`.
    """
    causes = []
    options = connection.client_options()
    for host, port, _ in collect_hosts(list(connection.bootstrap_servers), randomize=False):
        try:
            async with _connected(host, port, options) as broker:
                listing = await _list(broker)
                found = [name for name in describe if name in listing.topics]
                return await _with_configs(broker, listing, found)
        except _NO_BROKER as error:
            causes.append((f"{host}:{port}", error))
    says = "; ".join(f"{server}: {cause_of(error, connection)}" for server, error in causes)
    reasons = {reason_of(error) for _, error in causes}
    reason = Reason.NOT_AUTHORIZED if Reason.NOT_AUTHORIZED in reasons else Reason.KAFKA_UNREACHABLE
    message = f"No broker of RELAY_KAFKA__BOOTSTRAP_SERVERS answers ({says})."
    raise ClusterUnreachableError(message, reason)


async def apply_changes(connection: KafkaConnection, changes: Sequence[Change]) -> AsyncIterator[Change]:
    """Make `changes` one by one, and give each once it is made; `Impossible` ones are left out.

    Ends when a listing shows what was created, which takes the brokers a moment; after some seconds without.

    Raises:
        ClusterUnreachableError: no broker answered.
        ChangeRefusedError: the cluster refused one; those given before stay made.
        UnusableConnectionError: no client can be made from `connection`.
    """
    options = connection.client_options() | {"request_timeout_ms": _CHANGE_TIMEOUT_MS}
    admin = AIOKafkaAdminClient(bootstrap_servers=list(connection.bootstrap_servers), **options)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
        # aiokafka takes the controller for granted.
        if cluster["controller_id"] not in {broker["node_id"] for broker in cluster["brokers"]}:
            message = (
                f"The cluster at {connection.servers} names no controller, so no topic can be changed: try again "
                "once one is elected (the embedded broker never has one)."
            )
            raise ChangeRefusedError(message)
        for change in changes:
            if not isinstance(change, Impossible):
                await _apply(admin, change)
                yield change
        await _await_listed(connection, {change.topic for change in changes if isinstance(change, Create)})
    except (KafkaError, TimeoutError) as error:
        message = f"The cluster at {connection.servers} went away: {cause_of(error, connection)}."
        raise ClusterUnreachableError(message, reason_of(error)) from error
    finally:
        await admin.close()


def cause_of(error: BaseException, connection: KafkaConnection) -> str:
    """Say in a few words why a broker could not be asked."""
    says = f"the connection failed with {type(error).__name__}"
    match error:
        case _ if refuses_our_certificate(error):
            says = "it refuses our certificate or asks for one, look at RELAY_KAFKA__SSL_CERTFILE"
        case KafkaError() if reason_of(error) is Reason.NOT_AUTHORIZED:
            says = "it refuses the user or password of RELAY_KAFKA__SASL_USERNAME"
        case ssl.SSLCertVerificationError():
            says = f"its certificate is not trusted, {error.verify_message}"
        case ssl.SSLError():
            says = "the TLS handshake failed, look at RELAY_KAFKA__SECURITY_PROTOCOL"
        case socket.gaierror():
            says = "the name is unknown"
        case TimeoutError():
            says = f"no answer within {connection.request_timeout_ms} ms"
        case ConnectionRefusedError():
            says = "connection refused"
    return says


@asynccontextmanager
async def _connected(host: str, port: int, options: Mapping[str, Any]) -> AsyncIterator[AIOKafkaConnection]:
    broker = await create_conn(host, port, **options)
    try:
        yield broker
    finally:
        await asyncio.wait({broker.close()}, timeout=_CLOSING_S)


async def _list(broker: AIOKafkaConnection) -> Listing:
    answer = (await broker.send(ListTopics())).to_object()
    topics = {}
    for topic in answer["topics"]:
        if topic["error_code"] == 0 and topic["partitions"]:
            topics[topic["topic"]] = FoundTopic(
                name=topic["topic"],
                partitions=len(topic["partitions"]),
                replication_factor=min(len(partition["replicas"]) for partition in topic["partitions"]),
                id=topic_id(topic),
            )
    addresses = frozenset((broker["host"], broker["port"]) for broker in answer["brokers"])
    return Listing(brokers=len(answer["brokers"]), addresses=addresses, topics=topics)


async def _with_configs(broker: AIOKafkaConnection, listing: Listing, names: Sequence[str]) -> Listing:
    if not names:
        return listing
    topics = dict(listing.topics)
    resources = [(int(ConfigResourceType.TOPIC), name, None) for name in names]
    try:
        answer = (await broker.send(DescribeConfigsRequest(resources))).to_object()
    except (IncompatibleBrokerVersion, NotImplementedError):
        return listing  # a broker that does not speak of configurations, such as the embedded one
    for resource in answer["resources"]:
        found = topics[resource["resource_name"]]
        if resource["error_code"] == 0:
            entries = [entry for entry in resource["config_entries"] if entry["config_value"] is not None]
            topics[found.name] = replace(
                found,
                configs={entry["config_names"]: entry["config_value"] for entry in entries},
                own_configs=_own_configs(entries),
            )
    return replace(listing, topics=topics)


def _own_configs(entries: Sequence[Mapping[str, Any]]) -> dict[str, str] | None:
    """Give what is set on the topic itself; None from a broker too old (before 1.1) to tell."""
    if any("config_source" not in entry for entry in entries):
        return None
    return {
        entry["config_names"]: entry["config_value"] for entry in entries if entry["config_source"] == _SET_ON_TOPIC
    }


async def _apply(admin: AIOKafkaAdminClient, change: Create | Grow | Configure) -> None:
    match change:
        case Create(spec):
            topic = NewTopic(spec.name, spec.partitions, spec.replication_factor, topic_configs=spec.configs)
            answer = await admin.create_topics([topic])
            outcomes = [(code, says) for _, code, says in answer.topic_errors]
        case Grow(name, _, wanted):
            outcomes = await _grow(admin, name, wanted)
        case Configure(name, _, configs):
            resource = ConfigResource(ConfigResourceType.TOPIC, name, dict(configs))
            answers = await admin.alter_configs([resource])
            outcomes = [(code, says) for answer in answers for code, says, *_ in answer.resources]
    for code, says in outcomes:
        if code:
            message = f"The cluster refused to {change.says}: {says or for_code(code).__name__}"
            raise ChangeRefusedError(message)


async def _await_listed(connection: KafkaConnection, names: set[str]) -> None:
    attempts = 50
    while attempts and not names <= (await read_cluster(connection)).topics.keys():
        attempts -= 1
        await asyncio.sleep(0.1)


async def _grow(admin: AIOKafkaAdminClient, name: str, wanted: int) -> list[tuple[int, str]]:
    try:
        await admin.create_partitions({name: NewPartitions(wanted)})
    except KafkaError as error:
        if getattr(error, "errno", None) is None:
            raise
        return [(error.errno, str(error))]
    return []
