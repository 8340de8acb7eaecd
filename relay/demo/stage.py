"""The stage of a demo run: a Kafka with the relay's topics, and the relay on it as `serve` runs it."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr, ValidationError

from relay.app import Relay
from relay.demo.broker import EmbeddedBroker, EmbeddedBrokerError
from relay.demo.screen import log_at
from relay.demo.ways import V1_ACCOUNT, demo_registrations
from relay.events.record import Destination
from relay.http.servers import ListenError
from relay.kafka_settings import connection, destinations, topic_specs
from relay.publishing.cluster import ChangeRefusedError, ClusterUnreachableError, apply_changes, read_cluster
from relay.publishing.connection import KafkaConnection
from relay.publishing.plan import Create, plan
from relay.settings import Account, AdminSettings, HttpSettings, KafkaSettings, Settings, SofySettings, TopicSettings
from relay.simulator.registrations import Registration

HOST: Final = "127.0.0.1"
_PORT, _ADMIN_PORT = 8080, 8081
_MOST_REPLICAS: Final = 3
_SAFE_REPLICAS: Final = 3
_READY_WITHIN_S: Final = 15.0
_PORT_TRIES: Final = 5


class DemoError(Exception):
    """The demo cannot run; the text is one sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Stage:
    """All that a run needs to know of what was set up for it."""

    connection: KafkaConnection
    topics: Mapping[Destination, str]
    registrations: Sequence[Registration]
    """What Sofy knows of the relay: one of each version."""
    webhook_url: str
    """Of unsigned webhooks: holds the token of this run."""
    page_url: str
    """The console page, on the admin port."""
    embedded: bool


@asynccontextmanager
async def stage(kafka: str | None, say: Callable[[str], None]) -> AsyncIterator[Stage]:
    """Set up Kafka (the embedded one, or the brokers `kafka`) and a relay that is ready; take down both at the end.

    `say` is given one line about each thing that somebody might want to know of.

    Raises:
        DemoError: on entering.
    """
    if kafka is None:
        broker = EmbeddedBroker()
        try:
            await asyncio.to_thread(broker.start)
            # What the embedded broker lacks, such as readable configurations, is no news to anybody.
            async with _relay(await _embedded_topics(broker, say), quiet=True) as found:
                yield found
        except EmbeddedBrokerError as error:
            raise DemoError(str(error)) from error
        finally:
            await asyncio.to_thread(broker.close)
    else:
        async with _relay(await _real_topics(kafka, say), quiet=False) as found:
            yield found


async def _embedded_topics(broker: EmbeddedBroker, say: Callable[[str], None]) -> Settings:
    settings = _settings(broker.bootstrap_servers, brokers=1)
    for spec in topic_specs(settings):
        await asyncio.to_thread(broker.create_topic, spec.name, partitions=spec.partitions)
    say(_made(len(topic_specs(settings)), settings, brokers=1))
    return settings


async def _real_topics(kafka: str, say: Callable[[str], None]) -> Settings:
    try:
        listing = await read_cluster(connection(_settings(kafka, brokers=1)))
        settings = _settings(kafka, brokers=listing.brokers)
        missing = [change for change in plan(topic_specs(settings), listing) if isinstance(change, Create)]
        made = [change async for change in apply_changes(connection(settings), missing)] if missing else []
    except ValidationError as error:
        message = "--kafka takes HOST:PORT, or several separated by commas."
        raise DemoError(message) from error
    except (ClusterUnreachableError, ChangeRefusedError) as error:
        message = f"--kafka {kafka} cannot be used: {error}"
        raise DemoError(message) from error
    if made:
        say(_made(len(made), settings, brokers=listing.brokers))
    return settings


def _made(topics: int, settings: Settings, *, brokers: int) -> str:
    asked = settings.topics
    return (
        f"Made {topics} missing topics: {asked.partitions} partitions, replicas: {asked.replication_factor} "
        f"(the cluster has {brokers} broker{'s' * (brokers > 1)}), min.insync.replicas: {asked.min_insync_replicas}."
    )


def _settings(bootstrap_servers: str, *, brokers: int) -> Settings:
    """Give the settings of a run but for the ports, with a token and a secret of its own.

    Raises:
        ValidationError: `bootstrap_servers` are no servers.
    """
    replicas = min(_MOST_REPLICAS, brokers)
    return Settings(
        kafka=KafkaSettings.model_validate({"bootstrap_servers": bootstrap_servers}),
        topics=TopicSettings(
            replication_factor=replicas,
            # With two replicas, two in sync would mean that neither broker may ever stop.
            min_insync_replicas=2 if replicas >= _SAFE_REPLICAS else 1,
        ),
        sofy=SofySettings(
            secrets=(SecretStr(secrets.token_hex(32)),),
            accounts=(Account(name=V1_ACCOUNT, tokens=(SecretStr(secrets.token_urlsafe(16)),)),),
        ),
    )


@asynccontextmanager
async def _relay(settings: Settings, *, quiet: bool) -> AsyncIterator[Stage]:
    """Run a relay, and give it once it is ready. `quiet` hides its warnings until then."""
    log_at("error" if quiet else "warning")
    relay = _listening(settings)
    try:
        await relay.start()
        if not await relay.ready(_READY_WITHIN_S):
            message = f"The relay was not ready within {_READY_WITHIN_S:.0f} s: look at its log above, and at Kafka."
            raise DemoError(message)
        log_at("error")  # the dead letters of a demo are wanted and shown, and its end is no news
        url = f"http://{HOST}:{relay.webhook_port}/webhooks/sofy"
        secret, token = settings.sofy.secrets[0], settings.sofy.accounts[0].tokens[0].get_secret_value()
        yield Stage(
            connection=connection(settings),
            topics=destinations(settings),
            registrations=demo_registrations(url, secret=secret.get_secret_value(), token=token),
            webhook_url=f"{url}/{token}",
            page_url=f"http://{HOST}:{relay.admin_port}/",
            embedded=quiet,
        )
    finally:
        await relay.stop()


def _listening(settings: Settings) -> Relay:
    """Bind a relay to the usual ports, or to free ones where those are taken."""
    for last in range(_PORT_TRIES):
        http = HttpSettings(host=HOST, port=_free_port(_PORT))
        admin = AdminSettings(host=HOST, port=_free_port(_ADMIN_PORT), console=True)
        try:
            return Relay(settings.model_copy(update={"http": http, "admin": admin}))
        except ListenError as error:
            # Somebody took the port in between.
            if last == _PORT_TRIES - 1:
                raise DemoError(str(error)) from error
    raise AssertionError


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
                probe.listen(1)
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    message = f"No port of {HOST} is free."
    raise DemoError(message)
