"""The window of all replicas: this process's own memory first, then a store that each of them asks.

One task owns the store's one connection. While an exchange is under way the next one gathers, so that load makes
fewer and larger exchanges. The memory in front spares a replay to the same replica the round trip, and while
the store is away this replica still knows what itself has published.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from relay.duplicates.breaker import Breaker
from relay.duplicates.ids import packed
from relay.duplicates.marks import MarkQueue
from relay.duplicates.port import DuplicateWindow, WindowObserver
from relay.duplicates.store import Failure, Mark, Store, failure_of

ANSWER_WITHIN_S: Final = 0.05
"""How long a look-up may take, whatever the store does: then the window answers from memory alone."""
CONNECT_WITHIN_S: Final = 1.0
"""How long a new connection may take: nobody waits for it, and TLS over some distance needs more than 50 ms."""
PAUSE_S: Final = 1.0
"""The least time between two attempts to reach a store that is away."""
IDLE_S: Final = 15.0
"""After so long without work the store is asked about nothing: a lost connection is found before a webhook needs it."""
WAITING_MARKS: Final = 20_000
"""How many marks may wait for the store, some 3 MB; beyond, the oldest are lost."""
_MARKS_AT_ONCE: Final = 500
_IDS_AT_ONCE: Final = 2_000
"""Ids in one exchange, over by one look-up at most; each costs the loop about 2 µs."""
_PROBE: Final = bytes(16)
"""No event's id: a UUIDv5 has a version."""


async def reachable(store: Store) -> Failure | None:
    """Try a store once as a window would, and leave it disconnected; give why not, or None. Takes some 1.05 s at most.

    Never raises.
    """
    try:
        await _reach(store)
    except Exception as error:  # noqa: BLE001 - whatever a client raises, it is no use
        return failure_of(error)
    finally:
        await store.disconnect()
    return None


async def _reach(store: Store) -> None:
    async with asyncio.timeout(CONNECT_WITHIN_S):
        await store.connect()
    await _probe(store)


async def _probe(store: Store) -> None:
    """Ask as a real exchange does, writing included: that a store answers a PING says little."""
    async with asyncio.timeout(ANSWER_WITHIN_S):
        await store.exchange([Mark(_PROBE, 1)], [_PROBE])


@dataclass(frozen=True, slots=True)
class _LookUp:
    ids: list[bytes]
    found: asyncio.Future[Sequence[bool] | None]
    """Of each id whether it is known, or None: the store could not tell."""


class SharedWindow:
    """A `DuplicateWindow` shared by all replicas with the same store. Within one event loop's thread.

    Between `start` and `close` it asks the store; before and after it is the local window alone.
    """

    def __init__(
        self,
        *,
        local: DuplicateWindow,
        store: Store,
        window_s: float,
        observer: WindowObserver,
        clock: Callable[[], float],
    ) -> None:
        """Take the parts; nothing is started. `clock` gives seconds that never go back."""
        self._local = local
        self._store = store
        self._observer = observer
        self._clock = clock
        self._breaker = Breaker(PAUSE_S)
        self._marks = MarkQueue(most=WAITING_MARKS, window_s=window_s)
        self._lookups: deque[_LookUp] = deque()
        self._work = asyncio.Event()
        self._closing = False
        self._topics: str | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to reach for the store, in the background. Once; does not block."""
        self._task = asyncio.create_task(self._run())

    async def close(self, within_s: float) -> None:
        """Tell the store what is left, within `within_s` and only if it answers; then disconnect. Never raises."""
        self._closing = True
        self._work.set()
        if self._task is not None:
            if self._breaker.closed:
                await asyncio.wait({self._task}, timeout=within_s)
            self._task.cancel()
            await asyncio.wait({self._task})
        self._breaker.open()
        self._report_lost(self._marks.clear())
        await self._store.disconnect()

    async def known(self, ids: Sequence[str]) -> Collection[str]:
        """Give those of `ids` that this process or the store remembers, within 50 ms. Never raises.

        Where the store does not answer in time or is away, what this process remembers must do.
        """
        known = set(await self._local.known(ids))
        asked = [id_ for id_ in ids if id_ not in known]
        if not asked:
            return known
        found = await self._look_up([packed(id_) for id_ in asked]) if self._breaker.closed else None
        if found is None:
            self._observer.window_failed()
            return known
        return known.union(id_ for id_, is_known in zip(asked, found, strict=True) if is_known)

    def remember(self, id: str) -> None:  # noqa: A002 - the records' own name
        """Remember an id, after its acknowledgement and never before; the store is told in the background."""
        self._local.remember(id)
        self._report_lost(self._marks.put(packed(id), self._clock()))
        self._work.set()

    def clear(self) -> None:
        """Forget what this process remembers, and what the store was not told yet; the store's own marks stay.

        The replicas notice a deleted topic at different times: a store emptied by each of them would lose the marks
        of records on the new one.
        """
        self._local.clear()
        self._report_lost(self._marks.clear())

    def belong_to(self, topics: str) -> None:
        """Share ids with the replicas that publish to the same topics; see `DuplicateWindow`.

        The store's marks of topics before stay until they expire, and nobody looks at them.
        """
        if topics != self._topics:
            self._topics = topics
            self._local.belong_to(topics)
            self._report_lost(self._marks.clear())
            self._store.rescope(topics)

    def __len__(self) -> int:
        """Give how many ids this process remembers by itself."""
        return len(self._local)

    async def _look_up(self, ids: list[bytes]) -> Sequence[bool] | None:
        lookup = _LookUp(ids, asyncio.get_running_loop().create_future())
        self._lookups.append(lookup)
        self._work.set()
        await asyncio.wait({lookup.found}, timeout=ANSWER_WITHIN_S)
        # A cancelled one is left out of the exchanges to come.
        return None if lookup.found.cancel() else lookup.found.result()

    async def _run(self) -> None:
        """Reach the store, serve until it fails, and again."""
        away = False
        while not self._closing:
            try:
                await asyncio.sleep(self._breaker.due_in(self._clock()))
                self._breaker.attempt(self._clock())
                await _reach(self._store)
                away = False
                self._breaker.close()
                self._observer.window_back()
                await self._serve()
            except Exception as error:  # noqa: BLE001 - whatever a client raises, the window must live on
                if not away:
                    self._observer.window_away(failure_of(error))
                away = True
                self._fail()

    async def _serve(self) -> None:
        """Exchange marks and look-ups with the store until the window closes and nothing is left."""
        while True:
            self._work.clear()
            if self._marks or self._lookups:
                await self._exchange()
            elif self._closing:
                return
            else:
                await self._wait_or_probe()

    async def _wait_or_probe(self) -> None:
        try:
            async with asyncio.timeout(IDLE_S):
                await self._work.wait()
        except TimeoutError:
            await _probe(self._store)

    async def _exchange(self) -> None:
        taken = self._marks.take(_MARKS_AT_ONCE)
        lookups = self._next_lookups()
        marks = self._marks.marks(taken, self._clock())
        known = None
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                known = await self._store.exchange(marks, [id_ for lookup in lookups for id_ in lookup.ids])
        finally:
            if known is None:
                self._report_lost(self._marks.put_back(taken))
                self._lookups.extendleft(reversed(lookups))
        _settle(lookups, known)

    def _next_lookups(self) -> list[_LookUp]:
        chosen: list[_LookUp] = []
        count = 0
        while self._lookups and count < _IDS_AT_ONCE:
            lookup = self._lookups.popleft()
            if not lookup.found.done():
                chosen.append(lookup)
                count += len(lookup.ids)
        return chosen

    def _fail(self) -> None:
        self._breaker.open()
        self._observer.window_failed()
        # Where it is tried again at once, those who wait may still be in time for a new connection.
        if self._breaker.due_in(self._clock()) > 0:
            _settle(self._lookups, None)
            self._lookups.clear()

    def _report_lost(self, count: int) -> None:
        if count:
            self._observer.window_failed(count)


def _settle(lookups: Iterable[_LookUp], known: Sequence[bool] | None) -> None:
    """Give each look-up its part of the answer, or None; one that its caller has given up takes nothing."""
    start = 0
    for lookup in lookups:
        end = start + len(lookup.ids)
        if not lookup.found.done():
            lookup.found.set_result(None if known is None else known[start:end])
        start = end
