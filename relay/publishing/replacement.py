"""When a producer is replaced, and why: a table of what shows of it. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SILENCE_TO_REPLACE_S: Final = 30.0
"""Seconds of traffic without an acknowledgement after which the producer itself is suspected."""
SILENCE_TO_ASK_S: Final = 5.0
"""Seconds of it after which the bootstrap servers are asked whether the cluster lives elsewhere by now."""


class Cause(StrEnum):
    """Why a producer is replaced: the `cause` label of `sofy_relay_producer_restarts_total`."""

    SENDER_STOPPED = "sender_stopped"
    """The task that sends is over: what is handed over stays in memory for ever."""
    METADATA_STOPPED = "metadata_stopped"
    """The task that follows the cluster is over: the next change of a leader would not be noticed."""
    FATAL_ERROR = "fatal_error"
    """A record failed in a way after which this producer takes no more."""
    TOPIC_MISSING = "topic_missing"
    """Its last listing lacks a topic that it is for."""
    TOPIC_RECREATED = "topic_recreated"
    """A topic's offsets went back: it was deleted and made again, or lost what it had acknowledged."""
    CREDENTIALS_CHANGED = "credentials_changed"
    """A mounted password or certificate is another one by now: no client takes that over by itself."""
    ADDRESSES_CHANGED = "addresses_changed"
    """The bootstrap servers lead to brokers at addresses that this producer has never heard of."""
    UNACKNOWLEDGED = "unacknowledged"
    """Traffic, but no acknowledgement, for `SILENCE_TO_REPLACE_S`."""

    @property
    def useless(self) -> bool:
        """Whether the producer can publish nothing any more; else it serves until its successor is there."""
        return self in _USELESS


_USELESS: Final = frozenset({Cause.SENDER_STOPPED, Cause.METADATA_STOPPED, Cause.FATAL_ERROR, Cause.TOPIC_MISSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptoms:
    """What shows of a producer at one moment."""

    stopped: Cause | None = None
    """`SENDER_STOPPED` or `METADATA_STOPPED`, where a task of it is over."""
    fatal_error: bool = False
    topic_missing: bool = False
    offsets_went_back: bool = False
    other_topics: bool = False
    """A topic has another id than when the producer was put in place."""
    credentials_changed: bool = False
    silent_s: float = 0.0
    """For how long records have been handed over without any acknowledgement."""
    out_of_touch: bool = False
    """Its last try to learn of the cluster failed at every broker that it knows."""
    moved: bool = False
    """The bootstrap servers tell of brokers, and it knows none of them."""

    @property
    def doubtful(self) -> bool:
        """Whether it is worth asking the bootstrap servers if the brokers have `moved`."""
        return self.out_of_touch or self.silent_s >= SILENCE_TO_ASK_S


def cause_to_replace(symptoms: Symptoms) -> Cause | None:
    """Give why the producer must be replaced, the gravest cause first; None: it serves well, or no other would."""
    return next(
        (
            cause
            for cause, shows in (
                (symptoms.stopped, True),
                (Cause.FATAL_ERROR, symptoms.fatal_error),
                (Cause.TOPIC_MISSING, symptoms.topic_missing),
                (Cause.TOPIC_RECREATED, symptoms.offsets_went_back or symptoms.other_topics),
                (Cause.CREDENTIALS_CHANGED, symptoms.credentials_changed),
                (Cause.ADDRESSES_CHANGED, symptoms.moved),
                (Cause.UNACKNOWLEDGED, symptoms.silent_s >= SILENCE_TO_REPLACE_S),
            )
            if cause is not None and shows
        ),
        None,
    )
