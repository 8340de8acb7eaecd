"""One HTTP POST and how it ends. By aiohttp: of the processor it takes a tenth of what httpx does, and less."""

import asyncio
import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

import aiohttp
from yarl import URL

ANSWER_WITHIN_S: Final = 4.0
"""Sofy's own limit, from the start of a request to the end of its answer. Documented."""
CONNECTIONS: Final = 256
"""Enough for 60 webhooks a second to a receiver that takes the whole 4 s for each."""
_KEPT_BYTES: Final = 4096
_RETRY_AFTER: Final = "Retry-After"


class Trouble(StrEnum):
    """Why there was no answer; the value is the word that people see."""

    TIMED_OUT = "timed out"
    REFUSED = "connection refused"
    UNREACHABLE = "unreachable"
    DISCONNECTED = "disconnected"
    NOT_HTTP = "answer is not HTTP"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer."""

    status: int
    retry_after: str | None
    body: bytes
    """Its first 4 KiB; the rest is read and forgotten."""


class Poster:
    """Posts over kept connections; never follows a redirect, keeps no cookie, asks no proxy. An async context manager.

    Within one event loop.
    """

    def __init__(self, *, answer_within_s: float = ANSWER_WITHIN_S, connections: int = CONNECTIONS) -> None:
        """Take the absolute limit of a request, and how many may be open at a time."""
        self.answer_within_s = answer_within_s
        self.connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.connections),
            timeout=aiohttp.ClientTimeout(total=None),  # `post` keeps the time: connecting and queueing included
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, within_s: float | None = None
    ) -> Answer | Trouble:
        """Post once; `within_s` is a shorter limit than the usual one. Raises nothing of the network's.

        User and password in `url` are sent as Basic authentication.
        """
        if self._session is None:
            message = "A Poster posts within `async with` only."
            raise RuntimeError(message)
        try:
            async with (
                asyncio.timeout(self.answer_within_s if within_s is None else within_s),
                self._session.post(URL(url), headers=headers, data=body, allow_redirects=False) as response,
            ):
                kept = await _read(response)
        except TimeoutError:
            return Trouble.TIMED_OUT
        except aiohttp.ClientConnectorError as error:
            return Trouble.REFUSED if error.errno == errno.ECONNREFUSED else Trouble.UNREACHABLE
        except aiohttp.ClientResponseError:
            return Trouble.NOT_HTTP
        except (aiohttp.ClientError, OSError):
            return Trouble.DISCONNECTED
        return Answer(response.status, response.headers.get(_RETRY_AFTER), kept)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    kept = b""
    async for chunk in response.content.iter_any():
        kept += chunk[: _KEPT_BYTES - len(kept)]
    return kept
