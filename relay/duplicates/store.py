"""What a window shared by replicas asks of the store behind it, and how that may fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Failure(StrEnum):
    """Why a store did not do what it was asked."""

    TIMEOUT = "timeout"
    """It did not answer in time."""
    CONNECTION = "connection_failed"
    """No connection, or one that broke."""
    TLS = "tls_failed"
    """Its certificate was not believed, or it speaks no TLS."""
    LOGIN = "login_failed"
    """It does not take our user or password, or asks for one."""
    REFUSED = "request_refused"
    """It answered with an error: no permission, no memory left, a replica that may not be written."""
    UNEXPECTED = "unexpected"
    """Its client failed in a way that we do not know."""


class StoreError(Exception):
    """The store did not do what it was asked; the connection may be in any state.

    Its text is the failure's word alone: a client's own text may name host and user.
    """

    def __init__(self, why: Failure) -> None:
        super().__init__(why.value)
        self.why = why


def failure_of(error: Exception) -> Failure:
    """Give the failure that an exception means, whatever raised it."""
    if isinstance(error, StoreError):
        return error.why
    return Failure.TIMEOUT if isinstance(error, TimeoutError) else Failure.UNEXPECTED


@dataclass(frozen=True, slots=True)
class Mark:
    """An id to be remembered, and for how many seconds from now."""

    id: bytes
    seconds: int


class Store(Protocol):
    """One connection to what the replicas share. One caller at a time; any call may be cancelled at any point."""

    def rescope(self, scope: str) -> None:
        """Keep and look up ids under `scope` from the next exchange on; those of another scope stay out of sight."""

    async def connect(self) -> None:
        """Make a new connection in place of whatever was there. Without a bound of its own.

        Raises:
            StoreError: there is none now.
        """

    async def exchange(self, marks: Sequence[Mark], ids: Sequence[bytes]) -> Sequence[bool]:
        """Remember `marks` (one remembered already keeps its age), then look up `ids`; in one round trip.

        Gives of each id, in their order, whether it is remembered. Without a bound of its own. After an error
        or a cancellation the next call must be `connect`.

        Raises:
            StoreError: it failed; none, some or all marks may be remembered.
        """

    async def disconnect(self) -> None:
        """Drop the connection, if there is one. Waits for nobody, never raises."""
