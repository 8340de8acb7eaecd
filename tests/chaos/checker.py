"""Whether a run kept the promises: the invariants I1 to I9, each with the evidence against it. Pure.

It believes the history, the records read from Kafka, and the processes' own figures for their bookkeeping alone.
"""

import math
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

from relay.demo.facts import Fact
from relay.simulator.progress import quantile
from tests.chaos.history import Broken, Out, Tried
from tests.chaos.script import BROKER_FAULTS, Fault

ANSWER_WITHIN_S: Final = 3.5
REFUSED_WITHIN_S: Final = 0.5
"""The promise is 0.1 s at the 99th percentile; the rest is room for a machine that does more than this."""
MOST_LOOP_LAG_S: Final = 0.5
"""The same."""
RECOVERED_WITHIN_S: Final = 10.0
RECOVERED_SHARE: Final = 0.95
EXIT_WITHIN_S: Final = 20.0
MOST_MEMORY: Final = 250 * 1024 * 1024
MOST_OPEN_FILES: Final = 2_000
_WINDOW_S: Final = 2.0
_STEP_S: Final = 0.1
_FEWEST: Final = 5
"""Attempts in a window below which its share says nothing."""
_EVIDENCE: Final = 5
_UNNOTICED_S: Final = 3.0
"""For so long a Service may not know that a replica is there again: a probe that runs out, and the next one."""
_AFTERMATH_S: Final = 3.0
"""For so long after a broker's return a request may still be sent again: a request timeout, twice."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One record of the status or dead-letter topic; `fact` is None if it is none that this run could state."""

    fact: Fact | None
    id: str
    """Its `ce_id` or `relay-id`."""
    partition: int
    offset: int
    timestamp_ms: int
    """When its posting was received: the same for all records of one posting."""
    is_status: bool


@dataclass(frozen=True, slots=True)
class Process:
    """What one relay process showed of itself, and how it ended."""

    place: str
    memory: float = 0.0
    open_files: float = 0.0
    new_series: frozenset[str] = frozenset()
    """Exported at the end and not at the start."""
    received: float = 0.0
    settled: float = 0.0
    """The sum of `sofy_relay_events_total`."""
    accepted: float = 0.0
    """Webhooks with the outcome accepted."""
    complete: bool = False
    """Whether its figures are its last ones: it was looked at after the last webhook."""
    tracebacks: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """All that is known of a run."""

    tried: Sequence[Tried]
    broken: Sequence[Broken]
    out: Sequence[Out]
    inputs: Mapping[Fact, int]
    """Of every fact that was ever to be posted: in how many items."""
    stored: Sequence[Stored]
    processes: Sequence[Process] = ()
    replicas: int = 1
    """How many there were to serve."""
    exits: Sequence[tuple[float, int]] = ()
    """Of each SIGTERM: seconds to the end, exit status."""
    cut_off: int = 0
    """Attempts that had not ended when the run did."""
    loop_lag_p99_s: float | None = None
    """Of all processes' event loops outside faults; None: not known."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One invariant, and what speaks against it: nothing, if it held."""

    name: str
    says: str
    evidence: tuple[str, ...] = field(default=())
    """The first few."""
    count: int = 0
    """How many there are."""

    @property
    def held(self) -> bool:
        return self.count == 0


def check(run: Run) -> list[Verdict]:
    """Judge every invariant."""
    return [
        _verdict("I1", "every fact that was answered 2xx is on a topic", acknowledged_and_missing(run)),
        _verdict("I2", "every record states what was sent", _invented(run)),
        _verdict("I3", "every duplicate is explained, and has the id of the first", _unexplained(run)),
        _verdict("I4", "records of an SMS stand in the order of their answers", _out_of_order(run)),
        _verdict("I5", f"every answer came within {ANSWER_WITHIN_S} s, and none was missing", _late(run)),
        _verdict("I6", "memory, open files and exported series stay bounded", _unbounded(run)),
        _verdict("I7", f"{RECOVERED_SHARE:.0%} 2xx again within {RECOVERED_WITHIN_S:g} s", _not_recovered(run)),
        _verdict("I8", f"gone within {EXIT_WITHIN_S:g} s after SIGTERM, with status 0", _not_gone(run)),
        _verdict("I9", "events received are accounted for, and nothing failed unseen", _unaccounted(run)),
    ]


def _verdict(name: str, says: str, against: Iterable[str]) -> Verdict:
    evidence = list(against)
    return Verdict(name, says, tuple(evidence[:_EVIDENCE]), len(evidence))


def acknowledged(run: Run) -> set[Fact]:
    """Give the distinct facts that were answered 2xx."""
    return {item.fact for tried in run.tried if tried.acknowledged for item in tried.items}


def acknowledged_and_missing(run: Run) -> Iterator[str]:
    """I1: give each fact that was answered 2xx and is on no topic, with the attempt."""
    there = {record.fact for record in run.stored}
    told = set()
    for tried in run.tried:
        for item in tried.items:
            if tried.acknowledged and item.fact not in there and item.fact not in told:
                told.add(item.fact)
                yield f"{_named(tried)}, SMS {item.sms_id or '(unreadable)'}"


def _invented(run: Run) -> Iterator[str]:
    for record in run.stored:
        if record.fact is None or record.fact not in run.inputs:
            yield f"record {record.id} at {record.partition}@{record.offset}"


def duplicates(run: Run) -> dict[Fact, list[Stored]]:
    """Give the facts that are on a topic more than once, with all their records."""
    records: dict[Fact, list[Stored]] = defaultdict(list)
    for record in run.stored:
        if record.fact is not None:
            records[record.fact].append(record)
    return {fact: found for fact, found in records.items() if len(found) > 1}


def _unexplained(run: Run) -> Iterator[str]:
    """I3: a second record needs a posting that failed, or another process that was told the same.

    Or the producer sent it again by itself, because a broker failed before it had acknowledged: then the records
    are of one posting and have its time.
    """
    twice = duplicates(run)
    postings = _postings(run, twice)
    for fact, records in twice.items():
        ids, allowed = {record.id for record in records}, _allowed(postings[fact])
        if len(ids) > 1:
            yield f"{len(records)} records of one fact have {len(ids)} ids: {', '.join(sorted(ids))}"
        elif len(records) > allowed and not _sent_again(run, records, postings[fact]):
            yield f"{len(records)} records {records[0].id}, and {len(postings[fact])} postings explain {allowed}"


def _allowed(postings: Sequence[Tried]) -> int:
    """Give how many records postings of one fact may leave.

    One for each process that answered 2xx, for each remembers its own; and one for each posting that reached a
    process and was not answered 2xx, unless it was refused before anything was tried.
    """
    well = {one.replica for one in postings if one.acknowledged}
    doubtful = [one for one in postings if one.replica and not (one.acknowledged or one.refused_at_once)]
    return len(well) + len(doubtful)


def _sent_again(run: Run, records: Sequence[Stored], postings: Sequence[Tried]) -> bool:
    times = len({record.timestamp_ms for record in records})
    return times <= _allowed(postings) and any(_during_a_brokers_fault(run, one) for one in postings)


def resent(run: Run) -> int:
    """Give how many records the producer stored more than once by itself, at least."""
    twice = duplicates(run)
    postings = _postings(run, twice)
    return sum(max(0, len(records) - _allowed(postings[fact])) for fact, records in twice.items())


def _postings(run: Run, facts: Container[Fact]) -> dict[Fact, list[Tried]]:
    found: dict[Fact, list[Tried]] = defaultdict(list)
    for tried in run.tried:
        for item in tried.items:
            if item.fact in facts:
                found[item.fact].append(tried)
    return found


def _during_a_brokers_fault(run: Run, tried: Tried) -> bool:
    return any(
        broken.fault in BROKER_FAULTS and broken.since <= tried.ended and tried.started <= broken.until + _AFTERMATH_S
        for broken in run.broken
    )


def _out_of_order(run: Run) -> Iterator[str]:
    """I4: what was first posted after another fact of its SMS had been answered 2xx stands behind that."""
    place = _places(run.stored)
    for sms_id, facts in _by_sms(run.tried).items():
        there = [(times, place[fact]) for fact, times in facts.items() if fact in place]
        partitions = {partition for _, (partition, _) in there}
        if len(partitions) > 1:
            yield f"SMS {sms_id} lies on partitions {sorted(partitions)}"
        for (_, safe), earlier in there:
            for (sent, _), later in there:
                if safe is not None and safe < sent and earlier >= later:
                    yield f"SMS {sms_id}: {_at(earlier)} was answered before {_at(later)} was sent"


def _places(stored: Iterable[Stored]) -> dict[Fact, tuple[int, int]]:
    """Give partition and offset of each fact's first record on the status topic."""
    place: dict[Fact, tuple[int, int]] = {}
    for record in stored:
        if record.fact is not None and record.is_status:
            at = (record.partition, record.offset)
            place[record.fact] = min(at, place.get(record.fact, at))
    return place


def _by_sms(tried: Iterable[Tried]) -> dict[str, dict[Fact, tuple[float, float | None]]]:
    """Give of each SMS its facts, each with when it was first sent and when first answered 2xx (None: never)."""
    found: dict[str, dict[Fact, tuple[float, float | None]]] = defaultdict(dict)
    for one in tried:
        for item in one.items:
            if item.sms_id:
                sent, safe = found[item.sms_id].get(item.fact, (one.started, None))
                if one.acknowledged:
                    safe = one.ended if safe is None else min(safe, one.ended)
                found[item.sms_id][item.fact] = (min(sent, one.started), safe)
    return found


def _at(place: tuple[int, int]) -> str:
    return f"{place[0]}@{place[1]}"


def excused(run: Run, tried: Tried) -> bool:
    """Whether we ourselves stopped or killed the process that took an attempt, meanwhile. A SIGTERM excuses nothing.

    That no replica served is excused only where we had stopped all of them at once.
    """
    if not tried.replica:
        stopped = {_name(out) for out in run.out if math.isfinite(out.until) and _meets(out, tried, _UNNOTICED_S)}
        return len(stopped) == run.replicas
    return any(out.replica == tried.replica and _meets(out, tried) for out in run.out)


def _meets(out: Out, tried: Tried, slack_s: float = 0.0) -> bool:
    return out.since <= tried.ended and tried.started <= out.until + slack_s


def _name(out: Out) -> str:
    return out.replica.partition("#")[0]


def judged_times(run: Run) -> Iterator[Tried]:
    """Give the attempts whose time is the relay's to answer for."""
    return (tried for tried in run.tried if not tried.disguised and not excused(run, tried))


def _late(run: Run) -> Iterator[str]:
    refusals = []
    for tried in judged_times(run):
        if tried.status is None:
            yield f"{_named(tried)}: {tried.trouble or 'no answer'} after {tried.seconds:.2f} s{_meanwhile(run, tried)}"
        elif tried.seconds > ANSWER_WITHIN_S:
            yield f"{_named(tried)}: {tried.status} after {tried.seconds:.2f} s{_meanwhile(run, tried)}"
        if tried.refused_at_once:
            refusals.append(tried.seconds)
    slow = quantile(sorted(refusals), 0.99)
    if slow is not None and slow > REFUSED_WITHIN_S:
        yield f"of {len(refusals)} refusals the 99th percentile took {slow:.2f} s"
    if run.cut_off:
        yield f"{run.cut_off} attempts had no answer when the run ended"


def _unbounded(run: Run) -> Iterator[str]:
    for process in run.processes:
        if process.memory > MOST_MEMORY:
            yield f"{process.place} held {process.memory / 1024 / 1024:.0f} MiB"
        if process.open_files > MOST_OPEN_FILES:
            yield f"{process.place} had {process.open_files:.0f} files open"
        if process.new_series:
            yield f"{process.place} exports {len(process.new_series)} new series: {min(process.new_series)}"
    if run.loop_lag_p99_s is not None and run.loop_lag_p99_s > MOST_LOOP_LAG_S:
        yield f"the event loops' lag was {run.loop_lag_p99_s:g} s at the 99th percentile, outside faults"


def recovery_s(run: Run, broken: Broken) -> float | None:
    """Give how long after a fault's end the answers were 2xx again; None: not while it could be seen."""
    answers = [
        (tried.started, tried.acknowledged)
        for tried in run.tried
        if not tried.disguised and tried.started >= broken.until
    ]
    steps = int(RECOVERED_WITHIN_S / _STEP_S) + 1
    for step in range(steps):
        start = broken.until + step * _STEP_S
        window = [well for started, well in answers if start <= started < start + _WINDOW_S]
        if len(window) >= _FEWEST and sum(window) >= RECOVERED_SHARE * len(window):
            return step * _STEP_S
    return None


def recoveries(run: Run) -> Iterator[tuple[Broken, Broken | None, float | None]]:
    """Give each fault that there was time to recover from, the fault after it, and what `recovery_s` says of it.

    None was promised where something else broke, or the run ended, before recovery was due.
    """
    last = max((tried.started for tried in run.tried), default=0.0)
    for broken, following in _in_order(run.broken):
        if broken.until + RECOVERED_WITHIN_S <= (last if following is None else min(last, following.since)):
            yield broken, following, recovery_s(run, broken)


def refusing_s(run: Run) -> Iterator[tuple[Broken, float]]:
    """Give for each fault the time from the first to the last attempt that was not answered 2xx.

    An attempt belongs to the fault during or after which it ended, for one that waited may have begun before.
    """
    for broken, following in _in_order(run.broken):
        end = math.inf if following is None else following.since
        bad = [
            tried.started
            for tried in run.tried
            if broken.since <= tried.ended < end and not (tried.acknowledged or tried.disguised)
        ]
        yield broken, max(bad) - min(bad) if bad else 0.0


def _in_order(faults: Iterable[Broken]) -> Iterator[tuple[Broken, Broken | None]]:
    """Give each fault and the one after it; None: it was the last."""
    ordered = sorted(faults, key=lambda broken: broken.since)
    return zip_longest(ordered, ordered[1:])


def _not_recovered(run: Run) -> Iterator[str]:
    for broken, following, seconds in recoveries(run):
        named = f"{broken.fault.value} of {broken.what}, over at {broken.until:.1f}"
        if seconds is None:
            yield f"{named}: never"
        settled, next_ = broken.until + RECOVERED_WITHIN_S, math.inf if following is None else following.since
        after = [one.acknowledged for one in run.tried if not one.disguised and settled <= one.started < next_]
        if len(after) >= _FEWEST and sum(after) < RECOVERED_SHARE * len(after):
            yield f"{named}: then only {sum(after)} of {len(after)} were 2xx"


def _not_gone(run: Run) -> Iterator[str]:
    for seconds, status in run.exits:
        if seconds > EXIT_WITHIN_S or status != 0:
            yield f"status {status} after {seconds:.1f} s"


def _unaccounted(run: Run) -> Iterator[str]:
    for tried in run.tried:
        counts = tried.counts
        if tried.acknowledged and (
            counts is None or counts.accepted + counts.duplicates + counts.dead_lettered != len(tried.items)
        ):
            yield f"{_named(tried)} has {len(tried.items)} items, and its 2xx says {counts}"
    for process in run.processes:
        if process.tracebacks:
            yield f"{process.place} logged {process.tracebacks} tracebacks"
        if not process.complete:
            continue
        if process.received != process.settled:
            yield f"{process.place} received {process.received:.0f} events and settled {process.settled:.0f}"
        its_own = [one for one in run.tried if one.replica == process.place]
        told = sum(one.acknowledged for one in its_own)
        untold = sum(one.status is None for one in its_own)  # published all the same, perhaps, when nobody waited
        if not told <= process.accepted <= told + untold:
            yield f"{process.place} accepted {process.accepted:.0f}, {told} were told and {untold} did not wait"


def _named(tried: Tried) -> str:
    return f"webhook {tried.webhook} attempt {tried.number} to {tried.replica or 'nobody'} at {tried.started:.2f}"


def _meanwhile(run: Run, tried: Tried) -> str:
    faults: set[Fault] = {
        broken.fault for broken in run.broken if broken.since <= tried.ended and tried.started <= broken.until
    }
    return f" during {', '.join(sorted(fault.value for fault in faults))}" if faults else ""
