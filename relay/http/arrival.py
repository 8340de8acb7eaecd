"""What a connection and its application tell each other of a request, beside ASGI."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from relay.http.head import Headers
from relay.reasons import Reason

STATE_KEY: Final = "relay.arrival"
"""Where in an ASGI scope's `state` the request's `Arrival` lies."""

_LARGEST_MARGIN_S: Final = 0.1


class Answering(Protocol):
    """Writes the whole answer of a request; see `Arrival.answer`."""

    def __call__(self, arrival: "Arrival", head: bytes, body: bytes, *, closes: bool) -> bool:
        """Give False, and do nothing, where only ASGI's `send` can answer."""


class Arrival:
    """One request on its way in. The protocol writes it, the application reads it; same event loop."""

    __slots__ = ("_answering", "complete", "first_byte", "passes_over", "refusal")

    def __init__(self, first_byte: float, answering: Answering | None = None) -> None:
        self._answering = answering
        self.first_byte = first_byte
        """The running loop's `time()` when the request's first byte was read."""
        self.complete = False
        """Whether the request has arrived to its last byte."""
        self.refusal: Reason | None = None
        """Why no more of the body can be read; None as long as it can."""
        self.passes_over = False
        """Written by the application: the connection passes over what is left of the body, and stays open."""

    @property
    def at_hand(self) -> bool:
        """Whether a connection of ours wrote this, which heeds `passes_over`."""
        return self._answering is not None

    def answer(self, head: bytes, body: bytes, *, closes: bool) -> bool:
        """Answer the request in one write, without the two messages of ASGI; False where only they can.

        So it is under another server, while other requests wait behind this one, and for a peer that does not read.
        `head` is the status line and the header lines, each with its line break, less `connection`.
        """
        return self._answering is not None and self._answering(self, head, body, closes=closes)


@dataclass(frozen=True, slots=True)
class Refusals:
    """What a connection answers without the application, which counts it all the same. Each gives the raw answer."""

    unheard: Callable[[Reason, float], bytes]
    """Refuses what is not a request yet, so many seconds after its first byte; the connection closes."""
    by_head: Callable[[bytes, Headers, float], bytes | None] | None = None
    """Takes a POST's target and headers, and the seconds since its first byte; gives None where it must be heard.

    Its connection goes on, so it refuses only what declares a body that is short enough to be passed over.
    """


def answer_by(first_byte: float, answer_within_s: float) -> float:
    """Give the loop time by which an answer must be known, so that it has left within `answer_within_s`.

    A tenth of the budget, at most 0.1 s, is kept for writing the answer and for a lagging loop.
    """
    return first_byte + answer_within_s - min(_LARGEST_MARGIN_S, answer_within_s / 10)
