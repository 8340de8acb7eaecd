"""The port: a memory of ids whose records the broker has acknowledged."""

from collections.abc import Collection, Sequence
from typing import Protocol


class DuplicateWindow(Protocol):
    """Remembers acknowledged ids, bounded by count and age. May forget; must never invent.

    A forgotten id costs a second record with the same id, which consumers drop; an invented one
    would cost an event.
    """

    async def known(self, ids: Sequence[str]) -> Collection[str]:
        """Give those of `ids` that are remembered. Never raises: who cannot tell knows nothing."""

    def remember(self, id: str) -> None:  # noqa: A002 - the records' own name
        """Remember an id, after its acknowledgement and never before. Does not block."""

    def clear(self) -> None:
        """Forget everything that this process remembers: the topic that held it is gone. Does not block."""

    def belong_to(self, topics: str) -> None:
        """Hold ids of records on `topics` from now on, and none of those on others before. Does not block.

        `topics` is a text that is the same for the same topics of the same cluster (`relay.duplicates.ids.scope_of`),
        and another one after one of them was deleted and made again.
        """

    def __len__(self) -> int:
        """Give how many ids are remembered."""


class WindowObserver(Protocol):
    """What a window shared by replicas reports; `relay.observability` implements it. Calls must not block."""

    def window_failed(self, count: int = 1) -> None:
        """`count` look-ups were answered without the store, marks were lost, or attempts to reach it failed."""

    def window_away(self, why: str) -> None:
        """The store does not answer: from now on it is not asked. `why` is a `relay.duplicates.store.Failure`."""

    def window_back(self) -> None:
        """The store answers, for the first time or again."""
