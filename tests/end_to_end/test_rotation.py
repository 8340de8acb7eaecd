"""Tokens, keys, passwords and certificates change under a running relay: no restart, no webhook refused."""

import asyncio
import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Cluster, names_of_topics
from tests.end_to_end.relay_process import SECRET, TOKEN, RelayProcess
from tests.kafka.guarded import PASSWORD, USER, GuardedKafka, write_client_certificate
from tests.sofy.payloads import body, item

pytestmark = pytest.mark.kafka

IN_FORCE = "the tokens and keys of webhooks were read again"
OF_NO_USE = "a changed secret or certificate is of no use"


ONCE = pytest.mark.parametrize("cluster", ["embedded"], indirect=True)
"""For what does not concern Kafka."""


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """A folder as a Secret is mounted: one file each for the tokens and the accounts."""
    (tmp_path / "tokens").write_text(json.dumps([TOKEN]))
    (tmp_path / "accounts").write_text(json.dumps({"signed": {"secrets": [SECRET]}}))
    return tmp_path


def following(cluster: Cluster, mounted: Path, **settings: str) -> RelayProcess:
    relay = RelayProcess(
        cluster.bootstrap_servers,
        cluster.topics,
        RELAY_SOFY__TOKENS_FILE=str(mounted / "tokens"),
        RELAY_SOFY__ACCOUNTS_FILE=str(mounted / "accounts"),
        **settings,
    )
    for name in ("RELAY_SOFY__TOKENS", "RELAY_SOFY__ACCOUNTS"):
        del relay.environment[name]
    return relay


@ONCE
async def test_a_token_is_rotated_with_an_overlap_and_without_a_restart(cluster: Cluster, mounted: Path) -> None:
    async with following(cluster, mounted) as relay:
        await relay.ready()
        old, new = f"/webhooks/sofy/{TOKEN}", "/webhooks/sofy/tok-rotated-0042"

        before = (await relay.post(body(item(id="1")), old), await relay.post(body(item(id="1")), new))
        (mounted / "tokens").write_text(json.dumps([TOKEN, "tok-rotated-0042"]))
        await relay.logged(IN_FORCE)
        both = (await relay.post(body(item(id="2")), old), await relay.post(body(item(id="3")), new))
        (mounted / "tokens").write_text('["tok-rotated-0042"]\n')
        await relay.logged(IN_FORCE, times=2)
        after = (await relay.post(body(item(id="4")), old), await relay.post(body(item(id="4")), new))

        statuses = [[answer.status_code for answer in answers] for answers in (before, both, after)]
        assert statuses == [[200, 401], [200, 200], [401, 200]]
        assert TOKEN not in relay.log()
        assert "tok-rotated-0042" not in relay.log()


@ONCE
async def test_a_signature_key_is_rotated_and_a_new_account_is_believed_and_counted(
    cluster: Cluster, mounted: Path
) -> None:
    async with following(cluster, mounted) as relay:
        await relay.ready()

        (mounted / "accounts").write_text(
            json.dumps({"signed": {"secrets": [SECRET, "sec-rotated"]}, "paris": {"tokens": ["tok-of-paris"]}})
        )
        await relay.logged(IN_FORCE)
        by_old = await relay.post_signed(body(item(id="1")))
        by_new = await relay.post_signed(body(item(id="2")), "sec-rotated")
        of_paris = await relay.post(body(item(id="3")), "/webhooks/sofy/tok-of-paris")

        assert [answer.status_code for answer in (by_old, by_new, of_paris)] == [200, 200, 200]
        assert 'sofy_relay_events_total{account="paris",result="published"} 1.0' in await relay.metrics()


@ONCE
async def test_what_cannot_be_used_changes_nothing_is_named_and_shown_until_it_is_mended(
    cluster: Cluster, mounted: Path
) -> None:
    async with following(cluster, mounted) as relay:
        await relay.ready()

        (mounted / "tokens").write_text('["tok-planted-and-broken"')
        await relay.logged(OF_NO_USE)
        meanwhile, shown = await relay.post(body(item(id="1"))), await relay.metrics()
        (mounted / "tokens").write_text(json.dumps([TOKEN]))
        await relay.until(lambda: _shows(relay, "sofy_relay_secrets_stale 0.0"))

        assert meanwhile.status_code == 200
        assert "sofy_relay_secrets_stale 1.0" in shown
        assert "RELAY_SOFY__TOKENS" in relay.log()
        assert "planted-and-broken" not in relay.log()


async def _shows(relay: RelayProcess, line: str) -> bool:
    return line in await relay.metrics()


@pytest.fixture
def guarded(guarded_kafka: GuardedKafka) -> Cluster:
    """Topics that `relay` may write to, on a broker that asks who one is."""
    topics = {name: guarded_kafka.create_topic() for name in names_of_topics()}
    for topic in topics.values():
        guarded_kafka.grant_write(topic)
    return Cluster(guarded_kafka.by_password.bootstrap_servers[0], topics)


async def test_kafkas_password_is_rotated_while_webhooks_go_on_being_accepted(
    guarded: Cluster, guarded_kafka: GuardedKafka, mounted: Path
) -> None:
    (mounted / "password").write_text(PASSWORD)
    settings = {
        "RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "RELAY_KAFKA__SASL_USERNAME": USER,
        "RELAY_KAFKA__SASL_PASSWORD_FILE": str(mounted / "password"),
        "RELAY_KAFKA__SSL_CAFILE": str(guarded_kafka.folder / "ca.pem"),
    }
    async with following(guarded, mounted, **settings) as relay:
        await relay.ready()
        statuses = []
        try:
            # The file first: the producer with the old password serves until the broker knows the new one.
            (mounted / "password").write_text("another-secret")
            await relay.logged("should be replaced, but no other can be had")
            statuses.append((await relay.post(body(item(id="1")))).status_code)
            await asyncio.to_thread(guarded_kafka.set_password, "another-secret")
            await relay.logged("the Kafka producer is replaced")
            statuses.append((await relay.post(body(item(id="2")))).status_code)
        finally:
            await asyncio.to_thread(guarded_kafka.set_password, PASSWORD)

        assert statuses == [200, 200]
        assert 'sofy_relay_producer_restarts_total{cause="credentials_changed"} 1.0' in await relay.metrics()
        assert "another-secret" not in relay.log()
        assert (await relay.admin.get("/readyz")).status_code == 200


async def test_certificates_are_rotated_while_running_and_their_expiry_is_shown(
    guarded: Cluster, guarded_kafka: GuardedKafka, mounted: Path
) -> None:
    write_client_certificate(guarded_kafka.authority, mounted, name="relay", valid_for=timedelta(days=1))
    settings = {
        "RELAY_KAFKA__SECURITY_PROTOCOL": "SSL",
        "RELAY_KAFKA__SSL_CAFILE": str(guarded_kafka.folder / "ca.pem"),
        "RELAY_KAFKA__SSL_CERTFILE": str(mounted / "relay.pem"),
        "RELAY_KAFKA__SSL_KEYFILE": str(mounted / "relay.key"),
    }
    mutual = Cluster(guarded_kafka.by_certificate.bootstrap_servers[0], guarded.topics)
    async with following(mutual, mounted, **settings) as relay:
        await relay.ready()
        before = await _days_left(relay, mounted / "relay.pem")

        write_client_certificate(guarded_kafka.authority, mounted, name="relay", valid_for=timedelta(days=90))
        await relay.logged("the Kafka producer is replaced")
        answer = await relay.post(body(item(id="1")))
        after = await _days_left(relay, mounted / "relay.pem")
        relay.signal(signal.SIGTERM)
        status = await relay.exit_status(20)

        assert (before, answer.status_code, after, status) == (1, 200, 90, 0)


async def _days_left(relay: RelayProcess, file: Path) -> int:
    name = f'sofy_relay_certificate_expiry_timestamp_seconds{{file="{file}"}} '
    [line] = [line for line in (await relay.metrics()).splitlines() if line.startswith(name)]
    left = datetime.fromtimestamp(float(line.removeprefix(name)), UTC) - datetime.now(UTC)
    return round(left / timedelta(days=1))
