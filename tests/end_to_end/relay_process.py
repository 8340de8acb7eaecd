"""`relay serve` as a process of its own, steered as an operator would: environment, HTTP, signals."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import IO, Self

import httpx

from relay.sofy.authenticity import sign
from tests.kafka.ports import free_ports

TOKEN = "tok-planted-4711"
SECRET = "sec-planted-0815"
_START_WITHIN_S = 30.0


class RelayProcess:
    """One process, from `async with` to its end. Its ports are free ones, its log goes to a file."""

    subcommand = "serve"

    def __init__(self, bootstrap_servers: str, topics: Mapping[str, str], **settings: str) -> None:
        """Take where Kafka is, the three topics' names by setting (`STATUS`, ...), and further settings."""
        self.webhook_port, self.admin_port = free_ports(2)
        self.environment = {
            "RELAY_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
            "RELAY_SOFY__TOKENS": f'["{TOKEN}"]',
            "RELAY_SOFY__ACCOUNTS": f'{{"signed": {{"secrets": ["{SECRET}"]}}}}',
            "RELAY_HTTP__HOST": "127.0.0.1",
            "RELAY_HTTP__PORT": str(self.webhook_port),
            "RELAY_ADMIN__HOST": "127.0.0.1",
            "RELAY_ADMIN__PORT": str(self.admin_port),
            **{f"RELAY_TOPICS__{name}": topic for name, topic in topics.items()},
            **settings,
        }
        # Appended to: a reader moves the position that the process shares.
        self._log: IO[bytes] = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - lives as long as the process
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.webhook_port}", timeout=10)
        self.admin = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.admin_port}", timeout=10)

    async def __aenter__(self) -> Self:
        """Start, and wait until it listens (not until it is ready)."""
        self.spawn()
        await self.until(lambda: self._answers("/startupz", 200), _START_WITHIN_S)
        return self

    def spawn(self) -> None:
        """Start it and wait for nothing."""
        # Nothing of the outer environment's own settings, so that a developer's do not steer the test.
        outer = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "relay", self.subcommand],
            env={**outer, **self.environment},
            stdout=self._log,
            stderr=self._log,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        await self.client.aclose()
        await self.admin.aclose()
        if error is not None:
            sys.stderr.write(self.log())
        self._log.close()

    async def ready(self, within_s: float = 20.0) -> None:
        """Wait until `/readyz` says so."""
        await self.until(lambda: self._answers("/readyz", 200), within_s)

    async def post(self, body: bytes, path: str = f"/webhooks/sofy/{TOKEN}", **headers: str) -> httpx.Response:
        return await self.client.post(path, content=body, headers=headers)

    async def post_signed(self, body: bytes, secret: str = SECRET, **headers: str) -> httpx.Response:
        """Post as Sofy's v2 does, for the account `signed`."""
        timestamp = str(int(time.time()))
        signature = sign(secret.encode(), timestamp.encode(), body).hex()
        signed = {"X-Sofy-Timestamp": timestamp, "X-Sofy-Signature": signature, **headers}
        return await self.client.post("/webhooks/sofy/accounts/signed", content=body, headers=signed)

    async def metrics(self) -> str:
        return (await self.admin.get("/metrics")).text

    def log(self) -> str:
        """Everything that it has written so far, on either stream."""
        self._log.seek(0)
        return self._log.read().decode()

    async def logged(self, words: str, *, times: int = 1, within_s: float = 20.0) -> None:
        """Wait until its log has these words so many times."""

        async def has() -> bool:
            return self.log().count(words) >= times

        await self.until(has, within_s)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def exit_status(self, within_s: float) -> int:
        """Wait for its end by itself.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, within_s)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def _answers(self, path: str, status: int) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"it ended:\n{self.log()}"
        try:
            return (await self.admin.get(path)).status_code == status
        except httpx.TransportError:
            return False

    async def until(self, holds: Callable[[], Awaitable[bool]], within_s: float = 20.0) -> None:
        """Ask until it holds."""
        end = time.monotonic() + within_s
        while not await holds():
            assert time.monotonic() < end, f"not within {within_s} s:\n{self.log()}"
            await asyncio.sleep(0.05)
