"""One call of Sofy's API, and its repetition: the edge that speaks HTTP."""

import asyncio
import errno
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_after_delay
from yarl import URL

from relay.sofy.api.addresses import is_loopback
from relay.sofy.api.errors import ApiError, Asked, Trouble, trouble_of
from relay.sofy.api.keys import ApiKey

MOST_ANSWER_BYTES: Final = 4 * 1024 * 1024
_LONGEST_SECONDS_TEXT: Final = 9
_Given = TypeVar("_Given")
Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long somebody at a terminal waits; all in seconds. Sofy documents no limits of its own."""

    attempts: int = 4
    answer_within_s: float = 10.0
    """From a request's start to its answer's end."""
    begin_within_s: float = 30.0
    """No attempt begins after this time."""
    first_wait_s: float = 0.5
    """Doubled with each attempt, and spread."""
    longest_wait_s: float = 5.0
    longest_retry_after_s: float = 20.0
    """A `Retry-After` beyond is told to the person instead of waited for."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, without key and base URL."""

    doing: str
    method: str
    path: str
    """Percent-encoded."""
    body: dict[str, Any] | None = None


class Calls:
    """Calls of one API with one key. Within one event loop; `opened` makes one."""

    def __init__(
        self, session: aiohttp.ClientSession, address: str, key: ApiKey, *, patience: Patience, notice: Notice
    ) -> None:
        self._session = session
        self._address = address.rstrip("/")
        self._patience = patience
        self._notice = notice
        self.key = key

    async def once(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        """Give the answer's JSON (None: an empty body).

        Raises:
            ApiError: anything but a readable success.
        """
        asked = Asked(call.doing, self._address, self.key)
        try:
            async with asyncio.timeout(self._patience.answer_within_s):
                return await self._exchange(call, asked)
        except TimeoutError:
            raise ApiError(Trouble.TIMED_OUT, asked) from None
        except (aiohttp.ClientError, OSError) as error:
            # Its text may repeat a URL.
            raise ApiError(trouble_with_the_way(error), asked) from None

    async def repeatedly(self, ask: Callable[[], Awaitable[_Given]]) -> _Given:
        """Await `ask` until it succeeds, or patience ends; only what it may repeat safely belongs in it.

        Raises:
            ApiError: the last one, or one that no repetition can mend.
        """
        patience = self._patience
        repeating = AsyncRetrying(
            stop=stop_after_attempt(patience.attempts) | stop_after_delay(patience.begin_within_s),
            wait=self._wait,
            retry=retry_if_exception(self._worth_another),
            before_sleep=self._tell,
            reraise=True,
        )

        async def asking() -> _Given:  # tenacity awaits what a coroutine function gives, and that alone
            return await ask()

        given: _Given = await repeating(asking)
        return given

    async def _exchange(self, call: Call, asked: Asked) -> Any:  # noqa: ANN401 - JSON
        async with self._session.request(
            call.method,
            URL(self._address + call.path, encoded=True),
            headers=self.key.headers,
            json=call.body,
            allow_redirects=False,
        ) as response:
            trouble = trouble_of(response.status)
            if trouble is not None:
                retry_after_s = _seconds(response.headers.get("Retry-After"), datetime.now(UTC))
                raise ApiError(trouble, asked, status=response.status, retry_after_s=retry_after_s)
            content = b""
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > MOST_ANSWER_BYTES:
                    raise ApiError(Trouble.UNEXPECTED, asked)
        try:
            return json.loads(content) if content.strip() else None
        except (ValueError, RecursionError):
            raise ApiError(Trouble.NOT_JSON, asked) from None

    def unexpected(self, call: Call) -> ApiError:
        """Give the error for JSON of another form than `call`'s answer has."""
        return ApiError(Trouble.UNEXPECTED, Asked(call.doing, self._address, self.key))

    def _worth_another(self, error: BaseException) -> bool:
        if not isinstance(error, ApiError) or not error.transient:
            return False
        return error.retry_after_s is None or error.retry_after_s <= self._patience.longest_retry_after_s

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, ApiError) and error.retry_after_s is not None:
            return error.retry_after_s
        patience = self._patience
        doubled: float = patience.first_wait_s * 2 ** (state.attempt_number - 1)
        return min(patience.longest_wait_s, doubled * random.uniform(1.0, 1.5))  # noqa: S311 - a delay, not a secret

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, ApiError):
            self._notice(f"{error.why}; trying again in {state.upcoming_sleep:.1f} s.")


@asynccontextmanager
async def opened(address: str, key: ApiKey, *, patience: Patience, notice: Notice) -> AsyncIterator[Calls]:
    """Give calls of the API at `address` (http or https, without a query); connections end with the context.

    `notice` is told, in a sentence without secrets, of each wait before a repetition. `HTTPS_PROXY` and its kin are
    obeyed, but never for this machine itself.
    """
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None),  # `once` keeps the time: connecting included
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=not is_loopback(URL(address).host),
    ) as session:
        yield Calls(session, address, key, patience=patience, notice=notice)


def trouble_with_the_way(error: aiohttp.ClientError | OSError) -> Trouble:
    """Say what went wrong with a request that got no answer."""
    match error:
        case aiohttp.ClientSSLError():
            return Trouble.CERTIFICATE
        case aiohttp.ClientConnectorDNSError():
            return Trouble.UNKNOWN_HOST
        case aiohttp.ClientConnectorError():
            return Trouble.REFUSED if error.errno == errno.ECONNREFUSED else Trouble.UNREACHABLE
        case aiohttp.ClientHttpProxyError():
            return Trouble.UNREACHABLE
        case aiohttp.ClientResponseError():
            return Trouble.NOT_HTTP
    return Trouble.DISCONNECTED


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """Read `Retry-After`: seconds or a date; None: absent or not readable."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:_LONGEST_SECONDS_TEXT])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
