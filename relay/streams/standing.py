"""Which records stand on their topics already: found by looking, for nothing else remembers it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

from relay.events.record import Destination
from relay.publishing.partitioning import partition_of
from relay.streams.judging import Aim
from relay.streams.reading import Stretch, TopicReader

SLACK_MS: Final = 600_000
"""How far the clocks of two who write may be apart."""

Progress = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and how much there is. Must not block."""


class Standing:
    """Knows of certain records whether they stand on their topics, as of the last `look`."""

    def __init__(
        self, reader: TopicReader, topics: Mapping[Destination, str], aims: Collection[Aim], progress: Progress
    ) -> None:
        """Look for `aims`; nothing is read yet. The reader is this object's alone."""
        self._reader = reader
        self._topics = topics
        self._ids = {aim.id for aim in aims}
        self._since: dict[Destination, int] = {}
        for aim in aims:
            self._since[aim.destination] = min(aim.since_ms, self._since.get(aim.destination, aim.since_ms))
        self._partitions = {
            destination: {partition for aim in aims if aim.destination is destination for partition in self._of(aim)}
            for destination in self._since
        }
        self._progress = progress
        self._looked_at: dict[tuple[Destination, int], Stretch] = {}
        self._found: set[str] = set()

    async def look(self) -> None:
        """Read what was written to the partitions in question since the letters came, or since the last look.

        Raises:
            TopicMissingError, ClusterUnreachableError: see `TopicReader`.
        """
        for destination, partitions in self._partitions.items():
            stretches = []
            now = await self._reader.stretches(
                self._topics[destination],
                partitions=sorted(partitions),
                since_ms=max(0, self._since[destination] - SLACK_MS),
            )
            for each in now:
                before = self._looked_at.get((destination, each.partition))
                stretches.append(each if before is None else replace(each, begin=before.end))
            await self._read(destination, stretches)

    def found(self, identity: str) -> bool:
        """Say whether a record of this id was found."""
        return identity in self._found

    def stands(self, aim: Aim) -> bool | None:
        """Say whether the record stands there; None: it may have, but retention has passed since its letter came."""
        if aim.id in self._found:
            return True
        looked_at = [self._looked_at[aim.destination, partition] for partition in self._of(aim)]
        return False if all(each.reaches_back_ms <= aim.since_ms - SLACK_MS for each in looked_at) else None

    def _of(self, aim: Aim) -> range | tuple[int]:
        """Give the partitions in which the record may be."""
        count = self._reader.topic(self._topics[aim.destination]).partitions
        return range(count) if aim.key is None else (partition_of(aim.key, count),)

    async def _read(self, destination: Destination, stretches: list[Stretch]) -> None:
        again = any((destination, each.partition) in self._looked_at for each in stretches)
        total, done = sum(each.end - each.begin for each in stretches), 0
        what = f"looking through {self._topics[destination]}"
        async for record in self._reader.records(stretches):
            done += 1
            if not again:
                self._progress(what, done, total)
            # Both kinds of events are CloudEvents; the id is the fact's, whoever wrote the record.
            identity = record.headers.get("ce_id")
            if identity in self._ids:
                self._found.add(identity)
        for each in stretches:
            self._looked_at.setdefault((destination, each.partition), each)
            self._looked_at[destination, each.partition] = replace(
                self._looked_at[destination, each.partition], end=each.end
            )
