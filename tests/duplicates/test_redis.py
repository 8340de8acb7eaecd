"""The shared window on a real Redis or Valkey: what it keeps there, and what happens when that does not answer."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from redis import Redis

from relay.duplicates.ids import scope_of
from relay.duplicates.store import Failure
from tests.duplicates.fakes import ids, until
from tests.duplicates.replicas import Replica, reaching, started
from tests.kafka.ports import free_ports
from tests.redis.server import RedisServer

(ID,) = ids(1)
KEY = b"sofy-relay:1:test:" + bytes.fromhex(ID.replace("-", ""))
OTHERS = ids(*range(2, 102))
PASSWORD = "pl4nted-p4ssword"
Pair = tuple[Replica, Replica]


@pytest.fixture
async def pair(redis_server: RedisServer) -> AsyncIterator[Pair]:
    """Two replicas that reach the same server."""
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(reaching(Replica(redis_server.url))) for _ in range(2)]
        yield first, second


# What it keeps


async def test_a_key_is_prefixed_has_no_value_and_lives_as_long_as_the_window(
    redis_server: RedisServer, pair: Pair
) -> None:
    pair[0].remember(ID)
    await until(lambda: pair[1].knows(ID))

    with Redis(port=redis_server.port) as client:
        assert client.get(KEY) == b""
        assert 50 < client.ttl(KEY) <= 60


async def test_another_replica_that_remembers_it_too_does_not_make_it_younger(
    redis_server: RedisServer, pair: Pair
) -> None:
    pair[0].remember(ID)
    await until(lambda: pair[1].knows(ID))

    with Redis(port=redis_server.port) as client:
        client.expire(KEY, 1000)
        for id_ in (ID, OTHERS[0]):
            pair[1].remember(id_)
        await until(lambda: pair[0].knows(OTHERS[0]))

        assert client.ttl(KEY) > 900


async def test_the_probe_leaves_no_key_behind(redis_server: RedisServer, pair: Pair) -> None:
    del pair
    with Redis(port=redis_server.port) as client:
        await until(lambda: client.dbsize() == 0)


async def test_relays_with_other_topics_do_not_take_each_others_marks(redis_server: RedisServer, pair: Pair) -> None:
    async with reaching(Replica(redis_server.url, scope="another")) as stranger:
        pair[0].remember(ID)
        await until(lambda: pair[1].knows(ID))

        assert not await stranger.knows(ID)


def test_a_scope_is_the_same_in_any_order_and_another_for_other_parts() -> None:
    assert scope_of("a", "b") == scope_of("b", "a")
    assert len({scope_of("a", "b"), scope_of("a", "c"), scope_of("a"), scope_of("ab")}) == 4


async def test_keys_that_the_server_drops_are_forgotten_and_nothing_else(redis_server: RedisServer, pair: Pair) -> None:
    pair[0].remember(ID)
    await until(lambda: pair[1].knows(ID))

    redis_server.ask("FLUSHALL")

    assert not await pair[1].knows(ID)
    assert await pair[0].knows(ID)
    assert pair[1].told.failed == 0


# When it does not answer


async def test_a_frozen_server_is_waited_for_once_and_then_not_asked(redis_server: RedisServer, pair: Pair) -> None:
    redis_server.pause()
    began = time.monotonic()

    found = [await pair[0].known([id_]) for id_ in OTHERS]

    assert time.monotonic() - began < 0.5 * len(OTHERS) * 0.05
    assert found == [set()] * len(OTHERS)
    assert pair[0].told.away == [Failure.TIMEOUT]
    assert pair[0].told.failed >= len(OTHERS)


async def test_a_server_that_thaws_is_asked_again_and_told_what_it_missed(
    redis_server: RedisServer, pair: Pair
) -> None:
    redis_server.pause()
    assert not await pair[0].knows(OTHERS[0])
    pair[0].remember(ID)

    redis_server.resume()

    await until(lambda: pair[1].knows(ID))
    await until(lambda: pair[0].told.back == 2)


async def test_a_server_that_is_killed_and_comes_back_empty_costs_marks_and_no_more(
    redis_server: RedisServer, pair: Pair
) -> None:
    pair[0].remember(ID)
    await until(lambda: pair[1].knows(ID))
    # The server has the mark; killed before its answer is read, it would rightly be told once more.
    await until(lambda: _was_answered(pair[0]))

    redis_server.kill()
    away = await pair[1].knows(ID)
    redis_server.start()
    pair[0].remember(OTHERS[0])
    await until(lambda: pair[1].knows(OTHERS[0]))

    assert not away
    assert pair[1].told.away == [Failure.CONNECTION]
    assert not await pair[1].knows(ID)


async def test_a_server_that_answers_too_late_is_left_alone_until_it_is_quick(
    redis_server: RedisServer, pair: Pair
) -> None:
    pair[0].remember(ID)
    await until(lambda: pair[1].knows(ID))

    with Redis(port=redis_server.port) as client:
        client.client_pause(1000)

    assert not await pair[1].knows(ID)
    await until(lambda: pair[1].told.away == [Failure.TIMEOUT])
    await until(lambda: pair[1].knows(ID))


async def test_a_connection_that_the_server_closes_is_replaced_at_once(redis_server: RedisServer, pair: Pair) -> None:
    pair[0].remember(ID)
    await until(lambda: pair[1].knows(ID))

    redis_server.ask("CLIENT", "KILL", "TYPE", "normal")

    await until(lambda: pair[1].knows(ID))


async def test_a_server_that_was_never_there_is_fallen_back_from_and_found_when_it_comes(
    redis_server: RedisServer,
) -> None:
    redis_server.kill()
    async with started(Replica(redis_server.url)) as replica, started(Replica(redis_server.url)) as other:
        await until(lambda: replica.told.away == [Failure.CONNECTION])
        replica.remember(ID)
        assert await replica.knows(ID)

        redis_server.start()

        await until(lambda: other.knows(ID))


async def test_close_is_bounded_while_the_server_is_frozen(redis_server: RedisServer) -> None:
    replica = Replica(redis_server.url)
    replica.start()
    await until(lambda: replica.told.back == 1)
    redis_server.pause()
    replica.remember(ID)
    began = time.monotonic()

    await replica.close(0.2)

    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),  # a failover: it may not be written any more
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("ACL", "SETUSER", "default", "-set"), ("ACL", "SETUSER", "default", "+set")),
        (("ACL", "SETUSER", "default", "-mget"), ("ACL", "SETUSER", "default", "+mget")),
    ],
    ids=" ".join,
)
async def test_a_server_that_refuses_is_said_once_and_used_again_when_it_does_not(
    redis_server: RedisServer, pair: Pair, broken: tuple[str, ...], mended: tuple[str, ...]
) -> None:
    assert redis_server.ask(*broken) == "+OK\r\n"
    pair[0].remember(ID)
    await pair[0].known(OTHERS)
    await until(lambda: pair[0].told.away == [Failure.REFUSED])

    assert redis_server.ask(*mended) == "+OK\r\n"

    await until(lambda: pair[1].knows(ID))
    assert pair[0].told.away == [Failure.REFUSED]


# Who may ask


async def test_a_user_with_two_commands_on_our_keys_is_enough(redis_server: RedisServer) -> None:
    redis_server.ask("ACL", "SETUSER", "relay", "on", f">{PASSWORD}", "~sofy-relay:*", "+set", "+mget", "+select")
    url = f"redis://relay:{PASSWORD}@127.0.0.1:{redis_server.port}/2"

    async with reaching(Replica(url)) as first, reaching(Replica(url)) as second:
        first.remember(ID)

        await until(lambda: second.knows(ID))
        with Redis(port=redis_server.port, db=2) as client:
            assert client.dbsize() >= 1


@pytest.mark.parametrize("login", ["", ":another@", f"stranger:{PASSWORD}@"])
async def test_a_wrong_or_absent_password_is_said_without_it(redis_server: RedisServer, login: str) -> None:
    redis_server.ask("CONFIG", "SET", "requirepass", PASSWORD)

    async with started(Replica(f"redis://{login}127.0.0.1:{redis_server.port}/0")) as replica:
        await until(lambda: replica.told.away == [Failure.LOGIN])

        assert not await replica.knows(ID)


@dataclass(frozen=True)
class Tls:
    """Where a server speaks TLS with a certificate for 127.0.0.1, and the authority that issued that."""

    port: int
    authority: Path


@pytest.fixture
def tls(redis_server: RedisServer, tmp_path: Path) -> Tls:
    (port,) = free_ports(1)
    made = Tls(port, tmp_path / "ca.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(made.authority)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    for name, value in {
        "tls-cert-file": tmp_path / "server.pem",
        "tls-key-file": tmp_path / "server.pem",
        "tls-ca-cert-file": made.authority,
        "tls-auth-clients": "no",
        "tls-port": port,
    }.items():
        if redis_server.ask("CONFIG", "SET", name, str(value)) != "+OK\r\n":
            pytest.skip("this server was built without TLS")
    return made


@pytest.mark.parametrize(
    ("trusts_it", "host", "away"),
    [(True, "127.0.0.1", []), (False, "127.0.0.1", [Failure.TLS]), (True, "localhost", [Failure.TLS])],
)
async def test_with_tls_the_servers_certificate_and_name_are_verified(
    tls: Tls, monkeypatch: pytest.MonkeyPatch, trusts_it: bool, host: str, away: list[Failure]
) -> None:
    if trusts_it:
        monkeypatch.setenv("SSL_CERT_FILE", str(tls.authority))
    before = open_descriptors()

    async with started(Replica(f"rediss://{host}:{tls.port}/0")) as replica:
        await until(lambda: replica.told.back + len(replica.told.away) > 0)

        assert replica.told.away == away
    await until(lambda: open_descriptors() <= before)  # a broken handshake too leaves nothing open


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _was_answered(replica: Replica) -> bool:
    """Ask the server by this replica, whose exchanges follow one another: an answer says that all before had theirs."""
    failed = replica.told.failed
    await replica.knows(OTHERS[0])
    return replica.told.failed == failed
