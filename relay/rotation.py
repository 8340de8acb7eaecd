"""Secrets and certificates that change under a running relay: read again, judged, and handed on.

A rotation needs no restart: put the new token or key beside the old one, later take the old one away. What
cannot be used changes nothing: the relay goes on with what it had, says so in the log, and shows it as
`sofy_relay_secrets_stale`.
"""

import asyncio
from typing import Final, Protocol

import structlog

from relay.kafka_settings import connection
from relay.publishing.connection import KafkaConnection
from relay.settings import Settings
from relay.settings.environment import SettingsError
from relay.settings.following import FollowedFiles

LOOK_EVERY_S: Final = 1.0
"""How often the files are read: a change is in force two looks after it. A kubelet takes a minute to bring one."""

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


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

    def __init__(self, files: FollowedFiles, renewed: Renewed, *, look_every_s: float = LOOK_EVERY_S) -> None:
        """Take the files and who is told; nothing is read yet."""
        self._files = files
        self._renewed = renewed
        self._look_every_s = look_every_s

    async def follow(self) -> None:
        """Look at the files and tell of every change, until cancelled. Returns at once if there is none to follow."""
        while self._files.any:
            await asyncio.sleep(self._look_every_s)
            try:
                await self._look()
            except SettingsError as error:
                self._keep(*error.problems)
            except Exception:  # noqa: BLE001 - a fault of ours must not end the following for good
                _log.exception("secrets and certificates were not looked at")

    async def _look(self) -> None:
        renewal = await asyncio.to_thread(self._files.look)
        if renewal is None:
            return
        if renewal.webhooks:
            self._renewed.webhooks_renewed(renewal.settings)
            _log.warning("the tokens and keys of webhooks were read again and are in force")
        if renewal.kafka:
            self._renewed.kafka_renewed(connection(renewal.settings))
            _log.warning("Kafka's password and certificates were read again; a producer with them is being started")
        self._renewed.secrets_stale(stale=False)

    def _keep(self, *problems: str) -> None:
        self._renewed.secrets_stale(stale=True)
        for problem in problems:
            _log.error("a changed secret or certificate is of no use; the one before stays in force", detail=problem)
