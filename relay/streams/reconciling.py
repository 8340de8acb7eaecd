"""Reconciliation: Sofy is asked about SMS, and what a webhook would have told is published as that webhook's event.

The topics are the only memory. What stands there is read first and, before anything is written, once more; so it may be
interrupted anywhere, run again, or run twice at a time. What an answer is good for is decided in `relay.sofy`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from relay.events.record import Destination
from relay.events.times import milliseconds
from relay.fact_records import record_of
from relay.privacy import Privacy
from relay.publishing.connection import KafkaConnection
from relay.publishing.partitioning import partition_of
from relay.reasons import MEANING, Reason
from relay.sofy.api.errors import ApiError
from relay.sofy.api.sms import SmsOfSofy, UnknownSmsError, can_be_asked, concerns_all
from relay.sofy.reading import StatusFact
from relay.sofy.reconciling import Answer, Known, KnownFact, Verdict, decide, understand
from relay.streams.dossier import Dossier, Told
from relay.streams.reading import Stretch, TopicReader, reading
from relay.streams.standing import SLACK_MS, Progress
from relay.streams.tail import TopicMissingError
from relay.streams.writing import AT_ONCE, outcomes, writing

_FAILURES_IN_A_ROW: Final = 3
"""After so many Sofy is taken to be away; fewer may be the fault of single SMS."""
_OF_ONE_RECORD: Final = frozenset({Reason.RECORD_TOO_LARGE, Reason.RECORD_REFUSED})
_WITH_EVENT: Final = frozenset({Verdict.TO_PUBLISH, Verdict.PUBLISHED, Verdict.KNOWN})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EVER: Final = datetime.min.replace(tzinfo=UTC)
_NEVER_MS: Final = milliseconds(datetime(9999, 1, 1, tzinfo=UTC))
"""Later than any record: what a partition of which everything was deleted reaches back to lies beyond."""


class UnknownAccountError(Exception):
    """Nothing shows that the account exists; one sentence. Its name is part of `event_id`, so it must not be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants reconciled, and how."""

    account: str
    configured: bool
    """Whether the settings name such an account; otherwise the topics must know it."""
    presumed: bool
    """Whether it is the one that there is where the settings name none; enough if the topics know none either."""
    seen_before: datetime | None
    """None: the dossier says which SMS. Else those without a final status that were first seen before then; aware."""
    limit: int | None = None
    """At most so many SMS."""
    dry_run: bool = False
    """Whether nothing is written."""
    look_every: int = AT_ONCE
    """After so many answers they are judged and written."""


@dataclass(frozen=True, slots=True)
class Today:
    """How answers are read and what may be published of them, at present."""

    e164: Callable[[str], str]
    privacy: Privacy
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one SMS."""

    sms_id: str
    verdict: Verdict
    answer: Answer | None = None
    """None: there was none to judge."""
    detail: str | None = None
    """More than the verdict says, for a person; no personal data."""

    @property
    def event_id(self) -> str | None:
        """The id of the event that was published, would be, or stands already."""
        if self.answer is None or self.answer.event is None:
            return None
        return self.answer.event.event_id if self.verdict in _WITH_EVENT else None


@dataclass(slots=True)
class Books:
    """How far a reconciliation is; kept while it goes on, so that also one that is interrupted can tell."""

    chosen: int = 0
    """SMS that are to be asked about."""
    young: int = 0
    """SMS without a final status that were first seen too lately."""
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    without_states: bool = False
    """Whether there is no latest-state topic to look at."""
    stopped: str | None = None
    """Why the rest was not asked about: one sentence."""

    @property
    def left(self) -> int:
        """SMS of which nothing is known yet."""
        return self.chosen - self.verdicts.total()


async def reconcile(  # noqa: PLR0913 - what, with what, and who is told
    connection: KafkaConnection,
    *,
    topics: Mapping[Destination, str],
    sofy: SmsOfSofy,
    dossier: Dossier,
    order: Order,
    today: Today,
    books: Books,
    tell: Callable[[Finding], None],
    progress: Progress,
) -> None:
    """Ask Sofy about the SMS that `order` means, publish what is missing, `tell` of each in turn.

    Args:
        connection: The way to Kafka.
        topics: The status and the latest-state topic.
        sofy: Who is asked.
        dossier: Holds the SMS that are given; nobody else's from now on.
        order: What is wanted.
        today: How answers are read.
        books: Kept up to date.
        tell: Takes what became of each SMS once that is durable. Must not block for long.
        progress: Takes how far it is.

    Raises:
        ClusterUnreachableError: the brokers do not answer, or our user may not read a topic.
        TopicMissingError: the status topic is not there, or the latest-state topic, and no SMS were given.
        UnknownAccountError: see there.
        UnusableConnectionError: no client can be made from `connection`.
    """
    async with reading(connection) as reader:
        survey = Survey(reader, topics, dossier, progress)
        await survey.look_at_states(all_open=order.seen_before is not None)
        books.without_states = not survey.has_states
        await survey.look_at_events()
        _check_account(order, dossier)
        if order.seen_before is None:
            books.chosen += dossier.choose(order.limit)
        else:
            chosen, books.young = dossier.choose_open(
                order.account, seen_before_ms=milliseconds(order.seen_before), limit=order.limit
            )
            books.chosen += chosen
        asking = _Asking(sofy, order, today, books, progress)
        desk = _Desk(connection, topics, survey, order, today.privacy, books, tell)
        async with aclosing(asking.answers(dossier)) as batches:
            async for batch in batches:
                await _to_its_end(desk.settle(batch))


class Survey:
    """Keeps a dossier up to date with what stands on the topics."""

    def __init__(
        self, reader: TopicReader, topics: Mapping[Destination, str], dossier: Dossier, progress: Progress
    ) -> None:
        """Read nothing yet. The reader is this object's alone."""
        self._reader = reader
        self._status = topics[Destination.STATUS]
        self._latest = topics[Destination.LATEST]
        self._dossier = dossier
        self._progress = progress
        self._looked_at: dict[int, Stretch] = {}
        """By partition of the status topic: where the first look began, and the last one ended."""
        self.has_states = True

    async def look_at_states(self, *, all_open: bool) -> None:
        """Read the latest-state topic; `all_open` as of `Dossier.state`, which needs it to be there."""
        try:
            stretches = await self._reader.stretches(self._latest)
        except TopicMissingError:
            if all_open:
                raise
            self.has_states = False
            return
        async for key, value in self._records(stretches, self._latest):
            told = None if value is None else Told.read(value)
            if value is None or told is not None:
                self._dossier.state(key, told, all_open=all_open)

    async def look_at_events(self) -> None:
        """Read the status topic, from where the last look ended."""
        stretches = await self._reader.stretches(self._status)
        before = self._looked_at
        new = [replace(it, begin=before[it.partition].end) if it.partition in before else it for it in stretches]
        # A partition's reach is that of the first look: what was deleted since has been read.
        self._looked_at = {
            it.partition: replace(before[it.partition], end=it.end) if it.partition in before else it
            for it in stretches
        }
        async for key, value in self._records(new, None if before else self._status):
            told = None if value is None else Told.read(value)
            if told is not None:
                self._dossier.event(key, told)

    def known(self, key: bytes, account: str) -> Known:
        """Give what is known of an SMS as of the last look."""
        return Known(
            account=account,
            facts=self._dossier.facts(key),
            erased=self._dossier.is_erased(key),
            words=frozenset(self._dossier.words.get(account, ())),
            since=self._since(key),
        )

    def remember(self, finding: Finding) -> None:
        """Know what was published; the next look would find it too."""
        if finding.verdict is Verdict.PUBLISHED and finding.answer is not None and finding.answer.event is not None:
            event = finding.answer.event
            fact = KnownFact(event.event_id, event.status, event.account)
            self._dossier.add(finding.sms_id.encode(), [fact])

    def _since(self, key: bytes) -> datetime | None:
        """Give from when on all that was told of an SMS is known.

        The states reach further back than the status topic, if they reach as far as that begins: then the projector has
        missed nothing between.
        """
        reaches = {it.partition: it.reaches_back_ms for it in self._looked_at.values()}
        reach = reaches[partition_of(key, len(reaches))]
        # Where nothing stands any more, the other partitions tell how far the topic reaches back.
        begins_at = (
            reach if reach < _NEVER_MS else max((it for it in reaches.values() if it < _NEVER_MS), default=reach)
        )
        oldest, newest = self._dossier.oldest_ms, self._dossier.newest_ms
        if oldest is not None and newest is not None and newest >= begins_at:
            reach = min(reach, 0 if self._dossier.has_state(key) else oldest)
        if reach >= _NEVER_MS:
            return None
        return _EVER if reach == 0 else _EPOCH + timedelta(milliseconds=reach + SLACK_MS)

    async def _records(
        self, stretches: Sequence[Stretch], shown: str | None
    ) -> AsyncIterator[tuple[bytes, bytes | None]]:
        total, done = sum(max(0, it.end - it.begin) for it in stretches), 0
        async for record in self._reader.records(stretches):
            done += 1
            if shown is not None:
                self._progress(f"looking through {shown}", done, total)
            if record.key is not None:
                yield record.key, record.value


class _Asking:
    """Asks Sofy about one SMS after the other."""

    def __init__(self, sofy: SmsOfSofy, order: Order, today: Today, books: Books, progress: Progress) -> None:
        self._sofy = sofy
        self._order = order
        self._today = today
        self._books = books
        self._progress = progress
        self._failed_in_a_row = 0

    async def answers(self, dossier: Dossier) -> AsyncGenerator[list[Finding], None]:
        """Give what came, some at a time, `TO_PUBLISH` where it is still to be judged; end early if Sofy is away."""
        number = 0
        while self._books.stopped is None and (batch := dossier.chosen(number, self._order.look_every)):
            found = []
            for number, key in batch:  # noqa: B007 - the last one is where the next batch begins
                found.append(await self._asked(key))
                self._progress("asking Sofy", self._books.verdicts.total() + len(found), self._books.chosen)
                if self._books.stopped is not None:
                    break
            yield found

    async def _asked(self, key: bytes) -> Finding:
        sms_id = key.decode(errors="replace")
        if sms_id.encode() != key or not can_be_asked(sms_id):
            return Finding(sms_id, Verdict.UNUSABLE_ID)
        try:
            answer = await self._sofy.ask(sms_id)
        except UnknownSmsError:
            self._failed_in_a_row = 0
            return Finding(sms_id, Verdict.UNKNOWN_SMS)
        except ApiError as error:
            self._failed_in_a_row += 1
            if concerns_all(error) or self._failed_in_a_row == _FAILURES_IN_A_ROW:
                self._books.stopped = str(error)
            return Finding(sms_id, Verdict.NOT_ANSWERED, detail=error.trouble.value)
        self._failed_in_a_row = 0
        return Finding(sms_id, Verdict.TO_PUBLISH, self._understood(sms_id, answer))

    def _understood(self, sms_id: str, answer: Mapping[str, Any]) -> Answer:
        return understand(
            sms_id, answer, account=self._order.account, received_at=self._today.now(), e164=self._today.e164
        )


@dataclass(frozen=True, slots=True)
class _Desk:
    """Judges answers, writes what is to be published, and tells of it."""

    connection: KafkaConnection
    topics: Mapping[Destination, str]
    survey: Survey
    order: Order
    privacy: Privacy
    books: Books
    tell: Callable[[Finding], None]

    async def settle(self, batch: Sequence[Finding]) -> None:
        """Do all that with what came last. What was told before another look is what counts."""
        await self.survey.look_at_events()
        known = [self.survey.known(each.sms_id.encode(), self.order.account) for each in batch]
        judged = [_judged(*each) for each in zip(batch, known, strict=True)]
        if not self.order.dry_run:
            judged = await self._written(judged)
        for finding in judged:
            self.survey.remember(finding)
            self.books.verdicts[finding.verdict] += 1
            self.tell(finding)

    async def _written(self, judged: Sequence[Finding]) -> list[Finding]:
        """Write what is to be published; give the findings with what became of that."""
        records = {
            it.sms_id: record_of(StatusFact(it.answer.event), it.answer.delivery, self.privacy)
            for it in judged
            if it.verdict is Verdict.TO_PUBLISH and it.answer is not None and it.answer.event is not None
        }
        if not records:
            return list(judged)
        async with writing(self.connection, {Destination.STATUS: self.topics[Destination.STATUS]}) as publisher:
            told = dict(zip(records, await outcomes(publisher, list(records.values())), strict=True))
            for sms_id in [it for it, reason in told.items() if reason in _OF_ONE_RECORD and len(told) > 1]:
                # Kafka refuses a whole batch for one record in it; only alone a record is to blame.
                [told[sms_id]] = await outcomes(publisher, [records[sms_id]])
        lasting = next((it for it in told.values() if it is not None and it not in _OF_ONE_RECORD), None)
        if lasting is not None:
            self.books.stopped = f"Kafka does not take events: {lasting}: {MEANING[lasting].says}"

        def became(finding: Finding) -> Finding:
            if finding.sms_id not in records:
                return finding
            reason = told[finding.sms_id]
            if reason is None:
                return replace(finding, verdict=Verdict.PUBLISHED)
            return replace(finding, verdict=Verdict.NOT_WRITTEN, detail=reason.value)

        return [became(finding) for finding in judged]


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await it also if somebody interrupts meanwhile: what was written is then told. It ends within seconds."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report it: the interruption is what counts
        raise


def _judged(finding: Finding, known: Known) -> Finding:
    answer = finding.answer
    if answer is None:
        return finding
    verdict = decide(known, answer)
    detail = None
    if verdict is Verdict.INCOMPLETE:
        detail = ", ".join(answer.lacks) or "id"
    elif verdict is Verdict.OTHER_ACCOUNT:
        detail = ", ".join(sorted({fact.account for fact in known.facts}))
    return replace(finding, verdict=verdict, detail=detail)


def _check_account(order: Order, dossier: Dossier) -> None:
    """Make sure that the account is one.

    Raises:
        UnknownAccountError: see there.
    """
    known = dossier.accounts()
    if order.configured or order.account in known or (order.presumed and not known):
        return
    others = f"; the topics know {', '.join(sorted(known))}" if known else ""
    message = (
        f"Neither RELAY_SOFY__ACCOUNTS nor the topics know an account {order.account}{others}: name the right one by "
        "--account, or set RELAY_SOFY__ACCOUNTS. Its name is part of each event_id."
    )
    raise UnknownAccountError(message)
