"""What is wrong, in a sentence, and what to do; the gravest first. Pure: a table of what shows of this pod."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from relay.console.readings import most_frequent
from relay.reasons import MEANING, Reason

RECENTLY_S: Final = 15.0
"""How long a webhook that got 503 is spoken of."""
LATELY_S: Final = 60.0
"""How long one that was refused is."""
OLD_S: Final = 1.0
"""Age from which on a record that waits for its acknowledgement is worth a word: a broker takes milliseconds."""
LAGGING_S: Final = 0.25
_CERTIFICATE_NOTICE_S: Final = 14 * 86400.0
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


class Level(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARNING = "warning"
    """Somebody should look at it today."""
    FAILED = "failed"
    """Webhooks get 503 now, or the next one would."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or a word on what is well."""

    level: Level
    says: str
    """One sentence: what is so."""
    to_do: str = ""
    """One sentence: what to look at or do; empty where there is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shows:
    """What shows of this pod at one moment."""

    now: float
    """Unix time in seconds, as the next two."""
    started_at: float
    last_webhook_at: float
    """The last authenticated one; 0: none yet."""
    not_ready: Reason | None = None
    not_ready_says: str = ""
    in_touch: bool = True
    """Whether a broker answered when it was last asked."""
    breaker_open: bool = False
    oldest_unacknowledged_s: float = 0.0
    deferred: Mapping[str, int] = field(default_factory=dict)
    """Webhooks that got 503 within `RECENTLY_S`, by reason."""
    accepted_since_deferred: bool = False
    """Whether one has been accepted since the last of them."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Webhooks that got 4xx within `LATELY_S`, by reason."""
    accepted: int = 0
    """Webhooks that were accepted within `LATELY_S`."""
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    """Within the page's window, by reason, as the next three."""
    unknown_statuses: int = 0
    late_acknowledgements: int = 0
    producer_restarts: Mapping[str, int] = field(default_factory=dict)
    window_errors: int = 0
    """Of the shared duplicate window, within `LATELY_S`."""
    secrets_stale: bool = False
    certificates: Mapping[str, float] = field(default_factory=dict)
    """When each certificate file expires, Unix time."""
    loop_lag_s: float = 0.0
    """The longest within `RECENTLY_S`."""


def judge(shows: Shows) -> list[Finding]:
    """Give what is wrong, the gravest first; one finding of level OK where nothing is."""
    # Kafka's come first, and they alone can be of level FAILED.
    found = [*_kafka(shows), *_refusals(shows), *_input(shows), *_process(shows)]
    return found or [_well(shows)]


def worst(findings: Sequence[Finding]) -> Level:
    """Give the gravest level among findings, of which there is one at least."""
    return findings[0].level


def _kafka(shows: Shows) -> Iterator[Finding]:
    looks = "Look at the brokers; nothing answered 2xx is lost, and Sofy replays the others up to ten times."
    if shows.not_ready is Reason.DRAINING:
        yield Finding(Level.FAILED, "This pod is shutting down.", "Another pod takes the webhooks.")
    elif shows.not_ready is not None:
        yield Finding(Level.FAILED, f"Not ready: {shows.not_ready_says}", "Until then webhooks get 503.")
    elif shows.breaker_open:
        yield Finding(Level.FAILED, "Kafka acknowledges nothing, so webhooks get 503 in milliseconds.", looks)
    elif shows.oldest_unacknowledged_s >= OLD_S:
        age = f"{shows.oldest_unacknowledged_s:.0f} s"
        yield Finding(Level.FAILED, f"Kafka has left a record without acknowledgement for {age}.", looks)
    elif not shows.in_touch:
        yield Finding(Level.FAILED, "No broker answers: the next webhook would get 503.", looks)
    elif shows.deferred and not shows.accepted_since_deferred:
        yield _deferred(shows, Level.FAILED)
    elif shows.deferred:
        yield _deferred(shows, Level.WARNING)


def _deferred(shows: Shows, level: Level) -> Finding:
    reason = most_frequent(shows.deferred)
    says = f"{_webhooks(shows.deferred)} got 503 in the last {RECENTLY_S:.0f} s, {_for(shows.deferred)}."
    return Finding(level, says, MEANING[Reason(reason)].says)


def _refusals(shows: Shows) -> Iterator[Finding]:
    if not shows.refused:
        return
    reason = most_frequent(shows.refused)
    says = f"{_webhooks(shows.refused)} refused in the last minute, {_for(shows.refused)}"
    others = "." if shows.accepted else ", and none was accepted."
    yield Finding(Level.WARNING, says + others, MEANING[Reason(reason)].says)


def _input(shows: Shows) -> Iterator[Finding]:
    if shows.dead_letters:
        number = sum(shows.dead_letters.values())
        says = f"{number:,} dead letter{'s' * (number != 1)} in the last 15 minutes, {_for(shows.dead_letters)}."
        yield Finding(Level.WARNING, says, "Nothing is lost: read them with `relay dead-letters list`.")
    if shows.unknown_statuses:
        says = f"Sofy has used a status that is not known yet, {_times(shows.unknown_statuses)} in the last 15 minutes."
        yield Finding(Level.WARNING, says, "They are published as `unknown`; read source.status in the events.")


def _process(shows: Shows) -> Iterator[Finding]:
    if shows.late_acknowledgements:
        says = f"Kafka acknowledged late, {_times(shows.late_acknowledgements)} in the last 15 minutes."
        yield Finding(Level.WARNING, says, "Harmless: the replays are duplicates. Look at the brokers' latency.")
    if shows.producer_restarts:
        cause = most_frequent(shows.producer_restarts)
        number = _times(sum(shows.producer_restarts.values()))
        says = f"The Kafka producer was replaced, {number} in the last 15 minutes, for {cause}."
        yield Finding(Level.WARNING, says, "The log says more.")
    if shows.window_errors:
        says = "The shared duplicate window does not answer: a replay to another pod becomes a second record."
        yield Finding(Level.WARNING, says, "Nothing is lost; look at Redis.")
    if shows.secrets_stale:
        says = "A changed secret or certificate file is of no use; the one before stays in force."
        yield Finding(Level.WARNING, says, "The log says which and why; the next restart would fail.")
    for path, expires in shows.certificates.items():
        left = expires - shows.now
        if left <= 0:
            yield Finding(Level.WARNING, f"{path} has expired.", "Replace it; no restart is needed.")
        elif left < _CERTIFICATE_NOTICE_S:
            yield Finding(Level.WARNING, f"{path} expires in {ago(left)}.", "Replace it; no restart is needed.")
    if shows.loop_lag_s >= LAGGING_S:
        says = f"The event loop was held up for {shows.loop_lag_s:.1f} s."
        yield Finding(Level.WARNING, says, "The pod lacks CPU: look at its limit, or add pods.")


def _well(shows: Shows) -> Finding:
    if not shows.last_webhook_at:
        up = ago(shows.now - shows.started_at)
        says = f"Ready, and no webhook has come in the {up} since the start."
        return Finding(Level.OK, says, "Register this relay's URL at Sofy: `relay webhooks register`.")
    since = shows.now - shows.last_webhook_at
    if since >= LATELY_S:
        return Finding(Level.OK, f"All is well. The last webhook came {ago(since)} ago.")
    return Finding(Level.OK, "All is well: what comes is in Kafka before it is answered.")


def ago(seconds: float) -> str:
    """Give a span as people say it, in its largest unit."""
    for unit, length in (("days", _DAY_S), ("h", _HOUR_S), ("min", _MINUTE_S)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _webhooks(counts: Mapping[str, int]) -> str:
    number = sum(counts.values())
    return "1 webhook" if number == 1 else f"{number:,} webhooks"


def _for(counts: Mapping[str, int]) -> str:
    often = "" if len(counts) == 1 else "most often "
    return f"{often}for {most_frequent(counts)}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
