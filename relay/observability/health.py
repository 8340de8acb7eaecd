"""Health as data: is the process up, is the pod ready, and if not, why.

Readiness is local to the pod. A Kafka outage hits all pods: going unready would replace the
relay's precise 503 by the ingress's, so it is no part of it once Kafka has been verified.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from relay.reasons import MEANING, Reason


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the pod wants webhooks; if not, why, in a word and in a sentence."""

    reason: Reason | None = None
    """None when ready."""
    detail: str = ""
    """What is amiss and what to do; empty when ready. Holds no personal data."""

    @property
    def ready(self) -> bool:
        """Whether the pod wants webhooks."""
        return self.reason is None


READY: Final = Readiness()
_NOT_VERIFIED: Final = Readiness(
    Reason.KAFKA_UNREACHABLE,
    "Not verified yet: no broker of RELAY_KAFKA__BOOTSTRAP_SERVERS has answered so far.",
)
_DRAINING: Final = Readiness(Reason.DRAINING, MEANING[Reason.DRAINING].says)
_PRODUCER_DEAD: Final = Readiness(
    Reason.PRODUCER_FAILED, "The Kafka producer has stopped; the log names the error's class."
)


def log_readiness(readiness: Readiness) -> None:
    """Write one log line about a change of readiness: the `announce` of a serving relay."""
    log = structlog.get_logger(__name__)
    if readiness.reason is None:
        log.info("ready")
    else:
        log.warning("not ready", reason=readiness.reason.value, detail=readiness.detail)


class Health:
    """The state of one relay process. The composition root tells it what happens.

    Nothing here blocks. Only the event loop's thread may call.
    """

    def __init__(
        self, *, producer_alive: Callable[[], bool], announce: Callable[[Readiness], None] = log_readiness
    ) -> None:
        """Take the producer's state, asked at each probe, and who is told of each change once.

        `producer_alive` must neither block nor raise; it is asked only once Kafka was verified.
        """
        self._producer_alive = producer_alive
        self._announce = announce
        self._started = False
        self._verified = False
        self._draining = False
        self._unverified = _NOT_VERIFIED
        self._announced = _NOT_VERIFIED  # a start is not ready for a moment: no news

    @property
    def started(self) -> bool:
        """Whether the public port listens."""
        return self._started

    def mark_started(self) -> None:
        """The public port listens."""
        self._started = True

    def mark_unverified(self, reason: Reason, detail: str) -> None:
        """Kafka was asked and is not as needed; `detail` says what is amiss and what to do.

        May be called at each attempt: only a changed reason or detail is announced. Once verified,
        the pod stays verified.
        """
        self._unverified = Readiness(reason, detail)
        self.readiness()

    def mark_verified(self) -> None:
        """Kafka is reachable and all topics exist. Stays so for the process's life."""
        self._verified = True
        self.readiness()

    def mark_draining(self) -> None:
        """The process shuts down: never ready again."""
        self._draining = True
        self.readiness()

    def readiness(self) -> Readiness:
        """Judge now; a change since the last judgement is announced once."""
        now = self._judge()
        if now != self._announced:
            self._announced = now
            self._announce(now)
        return now

    def _judge(self) -> Readiness:
        if self._draining:
            return _DRAINING
        if not self._verified:
            return self._unverified
        return READY if self._producer_alive() else _PRODUCER_DEAD
