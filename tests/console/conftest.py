"""The console's looks pass at once where only they are waited for; over TCP it runs on the relay's own loop."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from tests.console.hasty import HastyLoop


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name == "test_console.py":
        return {"hasty": HastyLoop}
    return {"uvloop": uvloop.new_event_loop}
