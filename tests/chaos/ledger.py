"""The figures of a run: what was sent, answered and stored, and what that came to. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from relay.simulator.progress import quantile
from tests.chaos.checker import (
    Run,
    Verdict,
    acknowledged,
    acknowledged_and_missing,
    duplicates,
    judged_times,
    recoveries,
    refusing_s,
    resent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The account of one run. `acknowledged`, `missing`, `in_topic`, `dead_lettered` count distinct facts."""

    seed: int
    minutes: float
    scenario: str
    timeouts: str
    """`quick`: brokers notice a fault within 3 s; `default`: within 9 s, replicas within 30 s, as they come."""
    sent: int
    """Items posted, each attempt counted."""
    answered_2xx: int
    """Attempts, as the next three."""
    answered_503: int
    answered_otherwise: int
    unanswered: int
    """Of these none was the relay's doing, or I5 is broken."""
    discarded: int
    """Webhooks that Sofy gave up after ten replays."""
    acknowledged: int
    missing: int
    """Acknowledged and on no topic. Must be 0."""
    in_topic: int
    dead_lettered: int
    late: int
    """Records acknowledged after their webhook's 503, as the processes counted them up to a second before their end."""
    duplicates: int
    """Records beyond the first of their fact."""
    resent: int
    """Of these: by the producer itself, when a broker failed before it had acknowledged."""
    unexplained_duplicates: int
    longest_answer_s: float
    answer_p99_s: float
    refusal_p99_s: float
    """Of the answers that refuse at once."""
    longest_recovery_s: float | None
    """From a fault's end to 2xx again; None: no fault left the time to see it."""
    refusing_s: Mapping[str, float]
    """By kind of fault: the longest time from the first to the last attempt, since it began, that was not 2xx."""
    not_2xx: Mapping[str, int]
    """The attempts that were not answered 2xx, by the answer's reason or the trouble."""
    longest_exit_s: float
    loop_lag_p99_s: float | None
    """Of all replicas' event loops outside faults: the bound of its bucket; None: above the last one."""
    faults: Mapping[str, int]
    broker_restarts: int
    replica_restarts: int
    machine: Mapping[str, float]
    """What the machine took: the share of the time in which something waited for a processor, and what was stolen."""
    broken: Sequence[str] = field(default=())
    """The invariants that did not hold."""

    def as_json(self) -> dict[str, Any]:
        """Give it as an object of plain JSON."""
        return {**asdict(self), "broken": list(self.broken)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a ledger tells of a run beside the run itself."""

    seed: int
    minutes: float
    scenario: str
    timeouts: str
    discarded: int
    late: int
    broker_restarts: int
    replica_restarts: int
    machine: Mapping[str, float]


def settle(run: Run, verdicts: Sequence[Verdict], told: Circumstances) -> Ledger:
    """Give the figures of a run that was judged so."""
    answers = Counter(_kind(tried.status) for tried in run.tried)
    times = sorted(tried.seconds for tried in judged_times(run) if tried.status is not None)
    refusals = sorted(tried.seconds for tried in judged_times(run) if tried.refused_at_once)
    twice = duplicates(run)
    recovered = [seconds for _, _, seconds in recoveries(run) if seconds is not None]
    unexplained = next((verdict.count for verdict in verdicts if verdict.name == "I3"), 0)
    return Ledger(
        **asdict(told),
        loop_lag_p99_s=run.loop_lag_p99_s,
        sent=sum(len(tried.items) for tried in run.tried),
        answered_2xx=answers["2xx"],
        answered_503=answers["503"],
        answered_otherwise=answers["other"],
        unanswered=answers["none"],
        acknowledged=len(acknowledged(run)),
        missing=sum(1 for _ in acknowledged_and_missing(run)),
        in_topic=len({record.fact for record in run.stored if record.is_status and record.fact is not None}),
        dead_lettered=len({record.fact for record in run.stored if not record.is_status and record.fact is not None}),
        duplicates=sum(len(records) - 1 for records in twice.values()),
        resent=resent(run),
        unexplained_duplicates=unexplained,
        longest_answer_s=round(max(times, default=0.0), 3),
        answer_p99_s=round(quantile(times, 0.99) or 0.0, 3),
        refusal_p99_s=round(quantile(refusals, 0.99) or 0.0, 3),
        longest_recovery_s=round(max(recovered), 1) if recovered else None,
        refusing_s=_longest_by_kind(run),
        not_2xx=dict(Counter(tried.reason or tried.trouble for tried in run.tried if not tried.acknowledged)),
        longest_exit_s=round(max((seconds for seconds, _ in run.exits), default=0.0), 2),
        faults=dict(Counter(broken.fault.value for broken in run.broken)),
        broken=tuple(verdict.name for verdict in verdicts if not verdict.held),
    )


def _longest_by_kind(run: Run) -> dict[str, float]:
    longest: dict[str, float] = {}
    for broken, seconds in refusing_s(run):
        longest[broken.fault.value] = round(max(seconds, longest.get(broken.fault.value, 0.0)), 1)
    return longest


def _kind(status: int | None) -> str:
    if status is None:
        return "none"
    if 200 <= status < 300:
        return "2xx"
    return "503" if status == 503 else "other"
