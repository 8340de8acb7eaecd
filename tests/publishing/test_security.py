"""Against a broker with TLS, users and access control: the least rights are enough, and a refusal is told as one."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from relay.publishing.cluster import read_cluster
from relay.publishing.connection import KafkaConnection
from relay.publishing.replacement import Cause
from relay.reasons import Reason
from tests.kafka.guarded import PASSWORD, WITHIN_S, GuardedKafka, write_client_certificate
from tests.publishing.stand import RECORD, Stand, everywhere, handed_over, outcome, publishing_to

pytestmark = pytest.mark.kafka


@pytest.fixture
def hidden_topic(guarded_kafka: GuardedKafka) -> str:
    """A topic on which `relay` may nothing."""
    return guarded_kafka.create_topic()


@pytest.fixture
def topic(guarded_kafka: GuardedKafka, hidden_topic: str) -> Iterator[str]:
    """A topic that `relay` may write to and nothing else."""
    guarded_kafka.grant_write(hidden_topic)
    yield hidden_topic
    guarded_kafka.revoke(hidden_topic)


@pytest.fixture
def files(guarded_kafka: GuardedKafka, tmp_path: Path) -> Path:
    """Certificate files of the test's own, to be changed under a producer."""
    for name in ("ca.pem", "relay.pem", "relay.key"):
        (tmp_path / name).write_bytes((guarded_kafka.folder / name).read_bytes())
    return tmp_path


def mounted(connection: KafkaConnection, files: Path) -> KafkaConnection:
    """The same connection by files of the test's own."""
    mutual = connection.ssl_certfile is not None
    return replace(
        connection,
        ssl_cafile=str(files / "ca.pem"),
        ssl_certfile=str(files / "relay.pem") if mutual else None,
        ssl_keyfile=str(files / "relay.key") if mutual else None,
    )


async def published(stand: Stand) -> Reason | str:
    acknowledgement = handed_over(stand.publisher, RECORD)
    await asyncio.wait({acknowledgement}, timeout=WITHIN_S)
    return outcome(acknowledgement)


async def until_hidden(connection: KafkaConnection, topic: str) -> None:
    """Wait until a revoked right is gone in the broker too."""
    async with asyncio.timeout(WITHIN_S):
        while topic in (await read_cluster(connection)).topics:
            await asyncio.sleep(0.01)


async def test_the_right_to_write_is_all_that_the_relay_needs(guarded_kafka: GuardedKafka, topic: str) -> None:
    async with publishing_to(guarded_kafka.by_password, everywhere(topic)) as stand:
        await stand.supervised.until_verified()
        written = await published(stand)

    assert written == "acknowledged"
    assert [finding.check for finding in stand.supervised.findings] == ["configuration"]  # DescribeConfigs is optional


async def test_a_certificate_of_our_own_is_as_good_as_a_password(guarded_kafka: GuardedKafka, topic: str) -> None:
    async with publishing_to(guarded_kafka.by_certificate, everywhere(topic)) as stand:
        await stand.supervised.until_verified()
        written = await published(stand)

    assert written == "acknowledged"


async def test_a_revoked_right_is_told_as_not_authorized_and_one_granted_again_is_used(
    guarded_kafka: GuardedKafka, topic: str
) -> None:
    async with publishing_to(guarded_kafka.by_password, everywhere(topic)) as stand:
        await stand.supervised.until_verified()
        await asyncio.to_thread(guarded_kafka.revoke, topic)
        await until_hidden(guarded_kafka.by_password, topic)
        refused = await published(stand)
        await asyncio.to_thread(guarded_kafka.grant_write, topic)
        async with asyncio.timeout(WITHIN_S):
            while stand.publisher.unavailable is not None or await published(stand) != "acknowledged":
                await asyncio.sleep(0.05)

    assert refused is Reason.NOT_AUTHORIZED


async def test_a_topic_that_is_hidden_from_our_user_is_told_with_both_remedies(
    guarded_kafka: GuardedKafka, hidden_topic: str
) -> None:
    async with publishing_to(guarded_kafka.by_password, everywhere(hidden_topic)) as stand:
        await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.TOPIC_MISSING]
    assert "relay topics apply" in stand.supervised.details[0]
    assert "grant Write" in stand.supervised.details[0]


async def test_a_wrong_password_is_told_as_not_authorized_and_not_shown(
    guarded_kafka: GuardedKafka, topic: str
) -> None:
    wrong = replace(guarded_kafka.by_password, sasl_password="planted-and-wrong")

    async with publishing_to(wrong, everywhere(topic)) as stand:
        await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.NOT_AUTHORIZED]
    assert "RELAY_KAFKA__SASL_USERNAME" in stand.supervised.details[0]
    assert "planted" not in stand.supervised.details[0]


async def test_a_certificate_of_another_authority_is_never_accepted(
    guarded_kafka: GuardedKafka, topic: str, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    mistrusting = replace(guarded_kafka.by_password, ssl_cafile=str(tmp_path / "other.pem"))

    async with publishing_to(mistrusting, everywhere(topic)) as stand:
        await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.KAFKA_UNREACHABLE]
    assert "its certificate is not trusted" in stand.supervised.details[0]


async def test_a_certificate_for_another_host_is_never_accepted(guarded_kafka: GuardedKafka, topic: str) -> None:
    [server] = guarded_kafka.by_password.bootstrap_servers
    elsewhere = replace(guarded_kafka.by_password, bootstrap_servers=(server.replace("127.0.0.1", "localhost"),))

    async with publishing_to(elsewhere, everywhere(topic)) as stand:
        await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.KAFKA_UNREACHABLE]
    assert "its certificate is not trusted" in stand.supervised.details[0]


@asynccontextmanager
async def expired_server(authority: trustme.CA) -> AsyncIterator[str]:
    """Whoever answers there shows a certificate that was good until yesterday."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    now = datetime.now(UTC)
    authority.issue_cert(
        "127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)
    ).configure_cert(context)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_an_expired_certificate_is_never_accepted(guarded_kafka: GuardedKafka, topic: str) -> None:
    async with expired_server(guarded_kafka.authority) as address:
        late = replace(guarded_kafka.by_password, bootstrap_servers=(address,))
        async with publishing_to(late, everywhere(topic)) as stand:
            await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.KAFKA_UNREACHABLE]
    assert "certificate has expired" in stand.supervised.details[0]


async def test_our_own_expired_certificate_is_refused_and_told(
    guarded_kafka: GuardedKafka, topic: str, files: Path
) -> None:
    write_client_certificate(guarded_kafka.authority, files, name="relay", valid_for=-timedelta(days=1))

    async with publishing_to(mounted(guarded_kafka.by_certificate, files), everywhere(topic)) as stand:
        await stand.supervised.until(bool)

    assert stand.supervised.reports == [Reason.NOT_AUTHORIZED]
    assert "RELAY_KAFKA__SSL_CERTFILE" in stand.supervised.details[0]


async def test_a_certificate_rotated_while_running_is_taken_over_and_records_go_on_meanwhile(
    guarded_kafka: GuardedKafka, topic: str, files: Path
) -> None:
    connection = mounted(guarded_kafka.by_certificate, files)
    results = []

    async with publishing_to(connection, everywhere(topic)) as stand:
        await stand.supervised.until_verified()
        write_client_certificate(guarded_kafka.authority, files, name="relay", valid_for=timedelta(days=90))
        stand.supervisor.renew(connection)
        while stand.supervised.reports.count("verified") < 2:
            results.append(await published(stand))
        results.append(await published(stand))

    assert set(results) == {"acknowledged"}
    assert stand.supervised.reports == ["verified", "verified", Cause.CREDENTIALS_CHANGED]


async def test_with_a_new_certificate_that_nobody_believes_the_producer_before_goes_on(
    guarded_kafka: GuardedKafka, topic: str, files: Path
) -> None:
    connection = mounted(guarded_kafka.by_certificate, files)

    async with publishing_to(connection, everywhere(topic)) as stand:
        await stand.supervised.until_verified()
        write_client_certificate(trustme.CA(), files, name="relay", valid_for=timedelta(days=90))
        stand.supervisor.renew(connection)
        await stand.supervised.until(lambda reports: len(reports) > 1)
        meanwhile = await published(stand)
        write_client_certificate(guarded_kafka.authority, files, name="relay", valid_for=timedelta(days=90))
        await stand.supervised.until_verified(times=2)
        afterwards = await published(stand)

    assert stand.supervised.kept == [Cause.CREDENTIALS_CHANGED]
    assert (meanwhile, afterwards) == ("acknowledged", "acknowledged")


async def test_a_password_changed_at_the_broker_first_is_taken_over_from_the_renewed_connection(
    guarded_kafka: GuardedKafka, topic: str
) -> None:
    renewed = replace(guarded_kafka.by_password, sasl_password="another-secret")
    results = []

    async with publishing_to(guarded_kafka.by_password, everywhere(topic)) as stand:
        try:
            await stand.supervised.until_verified()
            await asyncio.to_thread(guarded_kafka.set_password, "another-secret")
            results.append(await published(stand))
            stand.supervisor.renew(renewed)
            await stand.supervised.until_verified(times=2)
            results.append(await published(stand))
        finally:
            await asyncio.to_thread(guarded_kafka.set_password, PASSWORD)

    assert results == ["acknowledged", "acknowledged"]
    assert Cause.CREDENTIALS_CHANGED in stand.supervised.reports


@pytest.mark.slow
async def test_after_the_broker_shows_a_certificate_of_another_authority_the_new_authority_file_mends_it(
    guarded_kafka: GuardedKafka, topic: str, files: Path
) -> None:
    connection, successor = mounted(guarded_kafka.by_password, files), trustme.CA()

    async with publishing_to(connection, everywhere(topic)) as stand:
        await stand.supervised.until_verified()
        try:
            await asyncio.to_thread(guarded_kafka.restart_with, successor)
            async with asyncio.timeout(WITHIN_S):
                while (refused := await published(stand)) == "acknowledged":
                    await asyncio.sleep(0.01)
            successor.cert_pem.write_to_path(files / "ca.pem")
            stand.supervisor.renew(connection)
            async with asyncio.timeout(WITHIN_S):
                while stand.publisher.unavailable is not None or await published(stand) != "acknowledged":
                    await asyncio.sleep(0.05)
        finally:
            await asyncio.to_thread(guarded_kafka.restart_with, guarded_kafka.authority)

    assert isinstance(refused, Reason)
    assert Cause.CREDENTIALS_CHANGED in stand.supervised.reports
