"""The store of a shared window on Redis or Valkey, one server or whatever answers like one. Needs the extra `redis`.

One key an id, which lives as long as the id is remembered, without a value: Redis' own expiry and `maxmemory`
bound them. A lost key costs a second record with the same id and nothing else.
"""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from redis.asyncio.connection import Connection, SSLConnection
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    RedisError,
    ResponseError,
)

from relay.duplicates.store import Failure, Mark, StoreError

_PREFIX: Final = "sofy-relay:1"
"""Ours in a database that others use too, and the version of what a key means."""
_LONGEST_S: Final = 10**9
"""Thirty years. A server refuses an expiry that its milliseconds cannot hold, and a window may be set to anything."""


class RedisAddress(Protocol):
    """Where a Redis or Valkey server answers, and who we are there; `relay.settings` has one."""

    @property
    def host(self) -> str:
        """A name, or an address without brackets."""

    @property
    def port(self) -> int:
        """Its TCP port."""

    @property
    def db(self) -> int:
        """The number of the database; 0 is every server's first."""

    @property
    def username(self) -> str | None:
        """None: the server's default user."""

    @property
    def password(self) -> str | None:
        """None: the server asks for none."""

    @property
    def tls(self) -> bool:
        """Encrypted; certificate and host name are then verified against the system's authorities."""


class RedisStore:
    """A `relay.duplicates.store.Store` on one connection to a Redis or Valkey server.

    Needs the commands SET and MGET on keys `sofy-relay:*`, of any server since Redis 2.6.12.
    """

    def __init__(self, address: RedisAddress, *, scope: str) -> None:
        """Take where the server is, and whose marks these are (see `scope_of`); nothing is connected."""
        self.rescope(scope)
        kind = SSLConnection if address.tls else Connection
        # No limits, retries or health checks of the client's own: the window bounds, breaks and probes by itself.
        self._connection = kind(
            host=address.host,
            port=address.port,
            db=address.db,
            username=address.username,
            password=address.password,
            protocol=2,
            socket_timeout=None,
            socket_connect_timeout=None,
        )

    def rescope(self, scope: str) -> None:
        """Put another scope into the keys; see `Store`."""
        self._prefix = f"{_PREFIX}:{scope}:".encode()

    async def connect(self) -> None:
        """Make a new connection and log in; see `Store`."""
        await self.disconnect()
        with _failures_named():
            await self._connection.connect()  # type: ignore[no-untyped-call] # redis leaves it without annotations

    async def exchange(self, marks: Sequence[Mark], ids: Sequence[bytes]) -> list[bool]:
        """Send one SET a mark and one MGET for all ids, then read the answers; see `Store`."""
        if not self._connection.is_connected:
            raise StoreError(Failure.CONNECTION)  # the client would connect by itself
        commands: list[tuple[bytes | int, ...]] = [
            (b"SET", self._prefix + mark.id, b"", b"NX", b"EX", min(mark.seconds, _LONGEST_S)) for mark in marks
        ]
        if ids:
            commands.append((b"MGET", *(self._prefix + id_ for id_ in ids)))
        with _failures_named():
            packed = self._connection.pack_commands(commands)
            await self._connection.send_packed_command(packed, check_health=False)
            for _ in marks:
                await self._connection.read_response()
            values: list[bytes | None] = await self._connection.read_response() if ids else []
        if len(values) != len(ids):
            raise StoreError(Failure.UNEXPECTED)  # taken for one another, ids would be invented
        return [value is not None for value in values]

    async def disconnect(self) -> None:
        """Close the socket; see `Store`."""
        await self._connection.disconnect(nowait=True)


@contextmanager
def _failures_named() -> Iterator[None]:
    """Turn what the client raises into a `StoreError`, and leave its text behind: that may name host and user."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreError(_why(error)) from None


def _why(error: BaseException) -> Failure:
    if isinstance(error, AuthenticationError | AuthenticationWrongNumberOfArgsError):
        return Failure.LOGIN
    if isinstance(error, ResponseError):
        return Failure.REFUSED
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Failure.TLS
        cause = cause.__cause__ or cause.__context__
    return Failure.CONNECTION
