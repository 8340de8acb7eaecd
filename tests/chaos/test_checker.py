"""A checker that cannot find anything proves nothing: each invariant is broken once on purpose."""

import dataclasses
from collections.abc import Callable

import pytest

from relay.demo.facts import Fact
from tests.chaos.checker import Process, Run, Stored, check, recoveries, recovery_s, refusing_s
from tests.chaos.history import Broken, Counts, Out, Said, Tried
from tests.chaos.ledger import Circumstances, settle
from tests.chaos.script import Fault

SENT, DELIVERED = Fact(b"sent"), Fact(b"delivered")


def tried(  # noqa: PLR0913 - one fact of an attempt each
    fact: Fact = SENT,
    *,
    at: float = 10.0,
    status: int | None = 200,
    seconds: float = 0.01,
    own_s: float = 0.0,
    replica: str = "a#1",
    webhook: int = 1,
    number: int = 0,
    disguised: bool = False,
    reason: str = "",
    counts: Counts | None = Counts(1, 0, 0),  # noqa: B008 - frozen
) -> Tried:
    return Tried(
        webhook=webhook,
        number=number,
        items=(Said(fact, "sms-1"),),
        replica=replica,
        started=at,
        ended=at + seconds,
        status=status,
        trouble="" if status else "timed out",
        reason=reason,
        own_s=own_s,
        disguised=disguised,
        counts=counts if status == 200 else None,
    )


def stored(
    fact: Fact | None = SENT,
    *,
    offset: int = 0,
    id: str = "id-sent",  # noqa: A002 - the record's own name
    posting: int | None = None,
) -> Stored:
    """A record; by default each is of a posting of its own."""
    return Stored(fact, id, 0, offset, timestamp_ms=offset if posting is None else posting, is_status=True)


GOOD = Run(
    tried=[tried(), tried(DELIVERED, at=11.0, webhook=2)],
    broken=[],
    out=[],
    inputs={SENT: 1, DELIVERED: 1},
    stored=[stored(), stored(DELIVERED, offset=1, id="id-delivered")],
    processes=[Process("a#1", received=2, settled=2, accepted=2, complete=True)],
    exits=[(1.0, 0)],
)


def changed(run: Run = GOOD, **changes: object) -> Run:
    """The run otherwise; with other attempts nobody knows what the process counted."""
    if "tried" in changes:
        changes.setdefault("processes", [])
    return dataclasses.replace(run, **changes)  # type: ignore[arg-type]  # a test's own fields


def broken_by(run: Run) -> list[str]:
    return [verdict.name for verdict in check(run) if not verdict.held]


def test_a_good_run_holds_every_invariant() -> None:
    assert broken_by(GOOD) == []


OUTAGE = Broken(Fault.BROKER_PAUSED, "broker 1", 12.0, 14.0)
STEADILY = [tried(at=14.0 + step / 10, status=503, webhook=100 + step) for step in range(120)]
ONE_AFTER_ANOTHER = [Broken(Fault.RELAY_KILLED, f"a#{nth}", 12.0 + nth, 12.8 + nth) for nth in range(15)]
"""The last is over at 26.8: what was refused until then is theirs."""


def refused_now_and_then(*, until: float) -> list[Tried]:
    """Attempts from 12.0 to 42.0 s; one in eight is refused for so long."""
    times = [12.0 + step / 10 for step in range(300)]
    return [tried(at=at, status=503 if at < until and nth % 8 == 0 else 200) for nth, at in enumerate(times)]


PLANTED: dict[str, tuple[str, Run]] = {
    "an acknowledged fact is on no topic": ("I1", changed(stored=[stored()])),
    "a record states what nobody sent": ("I2", changed(stored=[*GOOD.stored, stored(Fact(b"invented"), offset=2)])),
    "a record is none of the contract's": ("I2", changed(stored=[*GOOD.stored, stored(None, offset=2)])),
    "a duplicate that nothing explains": ("I3", changed(stored=[*GOOD.stored, stored(offset=2)])),
    "a copy through the same process, which should have known": (
        "I3",
        changed(tried=[*GOOD.tried, tried(at=12.0, webhook=3)], stored=[*GOOD.stored, stored(offset=2)]),
    ),
    "a duplicate beside a refusal that tried nothing": (
        "I3",
        changed(
            tried=[tried(at=5.0, status=503, reason="breaker_open"), *GOOD.tried],
            stored=[*GOOD.stored, stored(offset=2)],
        ),
    ),
    "a duplicate beside a posting that reached nobody": (
        "I3",
        changed(tried=[tried(at=5.0, status=503, replica=""), *GOOD.tried], stored=[*GOOD.stored, stored(offset=2)]),
    ),
    "a duplicate under another id": (
        "I3",
        changed(
            tried=[tried(at=5.0, status=503), *GOOD.tried],
            stored=[*GOOD.stored, stored(offset=2, id="another")],
        ),
    ),
    "records of one posting with no broker at fault": (
        "I3",
        changed(stored=[*GOOD.stored, stored(offset=2, posting=0)]),
    ),
    "more records than postings": (
        "I3",
        changed(
            tried=[tried(at=5.0, status=503), *GOOD.tried],
            stored=[*GOOD.stored, stored(offset=2), stored(offset=3)],
        ),
    ),
    "the later status stands first": ("I4", changed(stored=[stored(offset=1), stored(DELIVERED, id="id-delivered")])),
    "an SMS on two partitions": (
        "I4",
        changed(stored=[stored(), dataclasses.replace(stored(DELIVERED, offset=1, id="id-delivered"), partition=1)]),
    ),
    "an answer that came late": ("I5", changed(tried=[tried(seconds=3.6), GOOD.tried[1]])),
    "no answer from a process that nobody touched": (
        "I5",
        changed(tried=[tried(at=5.0, status=None, seconds=4.0), *GOOD.tried]),
    ),
    "a webhook that no process could be found for": (
        "I5",
        changed(tried=[tried(at=5.0, status=None, replica=""), *GOOD.tried]),
    ),
    "a connection that breaks as its process ends in order": (
        "I5",
        changed(tried=[tried(at=5.0, status=None, seconds=0.5), *GOOD.tried], exits=[(0.5, 0)]),
    ),
    "refusals that take their time": (
        "I5",
        changed(tried=[tried(at=5.0, status=503, seconds=0.6, reason="breaker_open"), *GOOD.tried]),
    ),
    "attempts cut off": ("I5", changed(cut_off=1)),
    "loops that lag": ("I6", changed(loop_lag_p99_s=1.0)),
    "nobody served, though one replica was not stopped": (
        "I5",
        changed(tried=[tried(at=5.0, status=None, replica=""), *GOOD.tried], out=[Out("b#1", 4.0, 6.0)], replicas=2),
    ),
    "memory that grows": ("I6", changed(processes=[Process("a#1", memory=300 * 1024 * 1024)])),
    "files that stay open": ("I6", changed(processes=[Process("a#1", open_files=5_000)])),
    "series that multiply": ("I6", changed(processes=[Process("a#1", new_series=frozenset({"x"}))])),
    "no recovery": ("I7", changed(tried=[*GOOD.tried, *STEADILY], broken=[OUTAGE])),
    "a recovery that does not last": (
        "I7",
        changed(
            tried=[*GOOD.tried, *(tried(at=one.started) for one in STEADILY[:30]), *STEADILY[30:]],
            broken=[OUTAGE],
            stored=[*GOOD.stored],
        ),
    ),
    "no recovery from the last of many faults": (
        "I7",
        changed(tried=[*GOOD.tried, *refused_now_and_then(until=42.0)], broken=ONE_AFTER_ANOTHER),
    ),
    "an exit too late": ("I8", changed(exits=[(20.1, 0)])),
    "an exit with another status": ("I8", changed(exits=[(1.0, -1)])),
    "events that are nowhere": (
        "I9",
        changed(processes=[Process("a#1", received=3, settled=2, accepted=2, complete=True)]),
    ),
    "a process that counts what nobody saw": (
        "I9",
        changed(processes=[Process("a#1", received=2, settled=2, accepted=3, complete=True)]),
    ),
    "a 2xx that does not say what became of each item": (
        "I9",
        changed(tried=[tried(counts=Counts(0, 0, 0)), GOOD.tried[1]]),
    ),
    "a 2xx that says nothing": ("I9", changed(tried=[tried(counts=None), GOOD.tried[1]])),
    "a fault of the relay's own": ("I9", changed(processes=[Process("a#1", tracebacks=1)])),
}


@pytest.mark.parametrize(("invariant", "run"), PLANTED.values(), ids=PLANTED)
def test_a_planted_violation_is_found_and_nothing_else_is_blamed(invariant: str, run: Run) -> None:
    assert broken_by(run) == [invariant]


EXPLAINED: dict[str, Run] = {
    "a replay after a 503 that was stored all the same": changed(
        tried=[tried(at=5.0, status=503), *GOOD.tried], stored=[*GOOD.stored, stored(offset=2)]
    ),
    "a replay after no answer from a process that was killed": changed(
        tried=[tried(at=5.0, status=None, replica="b#1"), *GOOD.tried],
        out=[Out("b#1", 5.0, float("inf"))],
        stored=[*GOOD.stored, stored(offset=2)],
    ),
    "sent again by the producer while a broker failed": changed(
        broken=[Broken(Fault.BROKER_KILLED, "broker 1", 9.0, 9.5)],
        stored=[*GOOD.stored, stored(offset=2, posting=0)],
    ),
    "a copy through another replica": changed(
        tried=[*GOOD.tried, tried(at=12.0, replica="b#1", webhook=3)],
        inputs={SENT: 2, DELIVERED: 1},
        stored=[*GOOD.stored, stored(offset=2)],
    ),
    "an answer that Sofy never saw by its own fault": changed(
        tried=[tried(at=5.0, status=None, seconds=0.02, disguised=True), *GOOD.tried],
        stored=[*GOOD.stored, stored(offset=2)],
    ),
    "an answer that came late to a generator that was late itself": changed(
        tried=[tried(seconds=4.0, own_s=0.6), GOOD.tried[1]]
    ),
    "a status that was never answered 2xx stands wherever it may": changed(
        tried=[tried(status=503), GOOD.tried[1]],
        stored=[stored(offset=1), stored(DELIVERED, id="id-delivered")],
    ),
    "a webhook published when nobody waited for its answer any more": changed(
        tried=[*GOOD.tried, tried(at=12.0, status=None, seconds=4.0, webhook=3)],
        out=[Out("a#1", 11.5, 17.0)],
        processes=[Process("a#1", received=3, settled=3, accepted=3, complete=True)],
    ),
    "nobody served while all replicas were stopped": changed(
        tried=[tried(at=5.0, status=None, replica=""), *GOOD.tried],
        out=[Out("a#1", 3.0, 4.0), Out("b#1", 3.0, 4.0)],
        replicas=2,
    ),
    "figures of a process that was killed": changed(processes=[Process("a#1", received=3, settled=2)]),
    "refusals while one fault follows another": changed(
        tried=[*GOOD.tried, *refused_now_and_then(until=26.8)], broken=ONE_AFTER_ANOTHER
    ),
    "recovery that the run's end did not leave time to see": changed(
        tried=[*GOOD.tried, *STEADILY[:50]], broken=[OUTAGE]
    ),
}


@pytest.mark.parametrize("run", EXPLAINED.values(), ids=EXPLAINED)
def test_what_may_be_is_not_blamed(run: Run) -> None:
    assert broken_by(run) == []


@pytest.mark.parametrize(("well_from", "seconds"), [(14.0, 0.0), (17.0, 3.0), (24.0, 10.0)])
def test_recovery_is_from_the_faults_end_to_answers_of_2xx(well_from: float, seconds: float) -> None:
    attempts = [tried(at=14.0 + step / 10, status=200 if 14.0 + step / 10 >= well_from else 503) for step in range(150)]

    recovered = recovery_s(changed(tried=attempts), OUTAGE)

    assert recovered == pytest.approx(seconds, abs=0.15)


def test_only_of_a_fault_that_left_the_time_for_it_is_recovery_asked() -> None:
    run = changed(tried=refused_now_and_then(until=26.8), broken=ONE_AFTER_ANOTHER)

    assert [broken for broken, _, _ in recoveries(run)] == ONE_AFTER_ANOTHER[-1:]
    assert settle(run, check(run), CIRCUMSTANCES).longest_recovery_s == pytest.approx(0.0)


def test_a_run_without_the_time_to_see_a_recovery_tells_none() -> None:
    run = changed(tried=STEADILY[:50], broken=[OUTAGE])

    assert settle(run, check(run), CIRCUMSTANCES).longest_recovery_s is None


def test_how_long_a_fault_was_felt_is_from_the_first_to_the_last_attempt_that_was_not_answered_2xx() -> None:
    next_one = Broken(Fault.BROKER_KILLED, "broker 1", 30.0, 31.0)
    attempts = [tried(at=12.0 + step, status=503 if 1 <= step <= 4 else 200) for step in range(10)]
    waited = tried(at=29.9, status=503, seconds=2.0)

    felt = refusing_s(changed(tried=[*attempts, waited], broken=[OUTAGE, next_one]))

    assert list(felt) == [(OUTAGE, 3.0), (next_one, 0.0)]


CIRCUMSTANCES = Circumstances(
    seed=1,
    minutes=1.0,
    scenario="mixed",
    timeouts="quick",
    discarded=0,
    late=3,
    broker_restarts=0,
    replica_restarts=0,
    machine={},
)


def replayed(run: Run) -> Run:
    return changed(
        run,
        tried=[tried(at=5.0, status=503, seconds=3.0, reason="acknowledgement_timeout"), *run.tried],
        stored=[*run.stored, stored(offset=2)],
    )


@pytest.mark.parametrize(
    ("change", "figures"),
    [
        (lambda run: run, {"sent": 2, "answered_2xx": 2, "acknowledged": 2, "in_topic": 2, "missing": 0}),
        (replayed, {"sent": 3, "answered_503": 1, "duplicates": 1, "unexplained_duplicates": 0, "late": 3}),
        (replayed, {"longest_answer_s": 3.0, "broken": []}),
        (lambda run: changed(run, stored=[]), {"missing": 2, "in_topic": 0, "broken": ["I1"]}),
    ],
)
def test_the_ledger_counts_what_was_sent_answered_and_stored(
    change: Callable[[Run], Run], figures: dict[str, object]
) -> None:
    run = change(GOOD)

    ledger = settle(run, check(run), CIRCUMSTANCES).as_json()

    assert {name: ledger[name] for name in figures} == figures
