"""Secrets and certificates that change under a running relay: read again, judged, and handed on.

A rotation needs no restart: put the new token or key beside the old one, later take the old one away. What
cannot be used changes nothing: the relay goes on with what it had, says so in the log, and shows it as
`sofy_relay_secrets_stale`.
"""

import asyncio
from contextlib import suppress
from typing import Final, Protocol

import structlog

from relay.kafka_settings import connection
from relay.publishing.connection import KafkaConnection
from relay.settings import Settings
from relay.settings.environment import SettingsError
from relay.settings.following import FollowedFiles

LOOK_EVERY_S: Final = 1.0
"""How often the files are read: a change is in force two looks after it. A kubelet takes a minute to bring one."""
LOOK_SOON_S: Final = 0.1
"""How often while a webhook waits for a change: long enough for a file's writer to be done between two looks."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Renewed(Protocol):
    """Who is told of what changed. Calls must not block."""

    def webhooks_renewed(self, settings: Settings) -> None:
        """Webhooks prove themselves by the credentials of `settings` from now on."""

    def kafka_renewed(self, connection: KafkaConnection) -> None:
        """Kafka is reached by `connection` from now on: its files were found usable."""

    def secrets_stale(self, *, stale: bool) -> None:
        """Whether a followed file holds what cannot be used, so that what it held before is still in force."""


class Rotation:
    """Follows the files of one relay; for one event loop."""

    def __init__(
        self,
        files: FollowedFiles,
        renewed: Renewed,
        *,
        look_every_s: float = LOOK_EVERY_S,
        look_soon_s: float = LOOK_SOON_S,
    ) -> None:
        """Take the files and who is told; nothing is read yet."""
        self._files = files
        self._renewed = renewed
        self._look_every_s = look_every_s
        self._look_soon_s = look_soon_s
        self._waiting: set[asyncio.Future[None]] = set()
        self._asked = asyncio.Event()

    async def follow(self) -> None:
        """Look at the files and tell of every change, until cancelled. Returns at once if there is none to follow."""
        while self._files.any:
            await self._pause()
            try:
                await self._look()
            except SettingsError as error:
                self._keep(*error.problems)
            except Exception:  # noqa: BLE001 - a fault of ours must not end the following for good
                _log.exception("secrets and certificates were not looked at")

    async def webhooks_change(self, until: float) -> bool:
        """Wait until webhooks are judged by other credentials than now; False: not by `until`, the loop's time.

        All who wait share the same looks, which come sooner meanwhile. Only while `follow` runs there are any.
        """
        change = asyncio.get_running_loop().create_future()
        self._waiting.add(change)
        self._asked.set()
        try:
            async with asyncio.timeout_at(until):
                await change
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(change)
        return True

    async def _pause(self) -> None:
        """Wait until it is time for the next look."""
        self._asked.clear()
        if self._waiting:
            await asyncio.sleep(self._look_soon_s)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._look_every_s):
                await self._asked.wait()

    async def _look(self) -> None:
        renewal = await asyncio.to_thread(self._files.look)
        if renewal is None:
            return
        if renewal.webhooks:
            self._renewed.webhooks_renewed(renewal.settings)
            for change in self._waiting:
                if not change.done():
                    change.set_result(None)
            _log.warning("the tokens and keys of webhooks were read again and are in force")
        if renewal.kafka:
            self._renewed.kafka_renewed(connection(renewal.settings))
            _log.warning("Kafka's password and certificates were read again; a producer with them is being started")
        self._renewed.secrets_stale(stale=False)

    def _keep(self, *problems: str) -> None:
        self._renewed.secrets_stale(stale=True)
        for problem in problems:
            _log.error("a changed secret or certificate is of no use; the one before stays in force", detail=problem)
