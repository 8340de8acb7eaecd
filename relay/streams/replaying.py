"""Replay of dead letters: they are read as today's pipeline reads, and what is not on its topic yet is written there.

What was replayed is remembered by the records themselves: a fact whose record stands on its topic is not written
again. Nothing else is stored, so that any number of operators, and one who was interrupted, see the same.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from relay.events.record import Destination, Record
from relay.events.times import milliseconds
from relay.publishing.connection import KafkaConnection
from relay.publishing.port import Publisher
from relay.reasons import MEANING, Reason
from relay.streams.dead_letters import Choice, DeadLetter, Place, letter_of
from relay.streams.judging import Aim, Fate, Report, Today, chosen, judge, replayed, report, to_write
from relay.streams.reading import TopicReader, reading
from relay.streams.standing import Progress, Standing
from relay.streams.writing import AT_ONCE, outcomes, writing

_OF_ONE_RECORD: Final = frozenset({Reason.RECORD_TOO_LARGE, Reason.RECORD_REFUSED})
"""Failures that say nothing of the next record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants replayed, and how."""

    choice: Choice
    limit: int | None = None
    """At most so many letters, the oldest first."""
    again: bool = False
    """Whether also what stands on its topic already is written, once more."""
    dry_run: bool = False
    """Whether nothing is written."""


async def letters(
    reader: TopicReader, topic: str, choice: Choice, progress: Progress | None = None
) -> AsyncGenerator[DeadLetter, None]:
    """Give the chosen dead letters that stand on `topic`, with their payloads; partition by partition in order.

    Raises:
        TopicMissingError, ClusterUnreachableError: see `TopicReader`.
    """
    partitions = {place.partition for place in choice.places} & set(range(reader.topic(topic).partitions))
    stretches = await reader.stretches(
        topic,
        partitions=sorted(partitions) if choice.places else None,
        since_ms=0 if choice.since is None else max(0, milliseconds(choice.since)),
    )
    if choice.places:
        offsets = {
            partition: [place.offset for place in choice.places if place.partition == partition]
            for partition in partitions
        }
        stretches = [
            replace(
                each,
                begin=max(each.begin, min(offsets[each.partition])),
                end=min(each.end, max(offsets[each.partition]) + 1),
            )
            for each in stretches
        ]
    total, done = sum(max(0, each.end - each.begin) for each in stretches), 0
    async for record in reader.records(stretches):
        done += 1
        if progress is not None:
            progress(f"reading {topic}", done, total)
        letter = letter_of(record)
        if choice.takes(letter):
            yield letter


async def replay(  # noqa: PLR0913 - what is replayed, by whom it is read, where to, and what time it is
    connection: KafkaConnection,
    *,
    topics: Mapping[Destination, str],
    order: Order,
    today: Today,
    now: Callable[[], datetime],
    progress: Progress,
) -> list[Report]:
    """Replay the letters that `order` means; give what became of each, the oldest first.

    Waits for every acknowledgement. When it is interrupted, run it again: what stands is not written again.

    Raises:
        ClusterUnreachableError: the brokers do not answer, or our user may not read a topic.
        TopicMissingError: a topic is not there.
        UnusableConnectionError: no client can be made from `connection`.
    """
    async with AsyncExitStack() as stack:
        dead_letters = await stack.enter_async_context(reading(connection))
        found = [
            chosen(letter, today)
            async for letter in letters(dead_letters, topics[Destination.DEAD_LETTER], order.choice, progress)
        ]
        missing = order.choice.places - {letter.place for letter in found}
        found = sorted(found, key=lambda letter: (letter.received_at, letter.place))[: order.limit]
        aims = [aim for letter in found for aim in letter.aims]
        stands: Callable[[Aim], bool | None] = _nowhere
        standing = None
        if aims and not order.again:
            standing = Standing(await stack.enter_async_context(reading(connection)), topics, aims, progress)
            await standing.look()
            stands = standing.stands
        wanted = to_write(found, stands)
        written, failures = wanted, {}
        if wanted and not order.dry_run:
            publisher = await stack.enter_async_context(writing(connection, topics))
            sending = _Sending(
                publisher=publisher, standing=standing, wanted=wanted, today=today, now=now, progress=progress
            )
            choice = Choice(places=frozenset(wanted.values()))
            async with aclosing(letters(dead_letters, topics[Destination.DEAD_LETTER], choice)) as once_more:
                await sending.send(once_more)
            written, failures = sending.written, sending.failures
        reports = [report(letter, written, failures, stands) for letter in found]
    return reports + [Report(place, Fate.NOT_THERE, says=("no dead letter stands there",)) for place in sorted(missing)]


class _Sending:
    """Writes the records that are wanted."""

    def __init__(  # noqa: PLR0913 - as `replay`
        self,
        *,
        publisher: Publisher,
        standing: Standing | None,
        wanted: Mapping[str, Place],
        today: Today,
        now: Callable[[], datetime],
        progress: Progress,
    ) -> None:
        self._publisher = publisher
        self._standing = standing
        self._wanted = wanted
        self._today = today
        self._now = now
        self._progress = progress
        self._stood: set[str] = set()
        self.written: dict[str, Place] = {}
        self.failures: dict[str, str] = {}

    async def send(self, found: AsyncIterator[DeadLetter]) -> None:
        """Write what is wanted of these letters; end early once Kafka refuses what concerns the others too."""
        batch: list[Record] = []
        reason: Reason | None = None
        async for letter in found:
            batch += [
                replayed(record, letter, self._now())
                for record in judge(letter, self._today).records
                if self._wanted.get(record.id) == letter.place
            ]
            while len(batch) >= AT_ONCE and reason is None:
                reason = await self._write(batch[:AT_ONCE])
                del batch[:AT_ONCE]
            if reason is not None:
                break
        if batch and reason is None:
            reason = await self._write(batch)
        left = self._wanted.keys() - self.written.keys() - self.failures.keys() - self._stood
        says = "it is not there any more" if reason is None else _not_published(reason)
        self.failures.update(dict.fromkeys(left, says))

    async def _write(self, batch: Sequence[Record]) -> Reason | None:
        """Write one batch; give why no other one should be tried, if that is so."""
        if self._standing is not None:
            await self._standing.look()  # another operator may be at it
            self._stood |= {record.id for record in batch if self._standing.found(record.id)}
        batch = [record for record in batch if record.id not in self._stood]
        told = list(zip(batch, await outcomes(self._publisher, batch), strict=True))
        for record, reason in told:
            if reason is None:
                self.written[record.id] = self._wanted[record.id]
            else:
                self.failures[record.id] = _not_published(reason)
        self._progress("replaying", len(self.written) + len(self._stood), len(self._wanted))
        return next((reason for _, reason in told if reason is not None and reason not in _OF_ONE_RECORD), None)


def _nowhere(_aim: Aim) -> bool | None:
    return False


def _not_published(reason: Reason) -> str:
    return f"{reason}: {MEANING[reason].says}"
