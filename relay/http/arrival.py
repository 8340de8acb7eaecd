"""What a connection knows of a request, and its application needs: when it began, and whether it is whole."""

from typing import Final

from relay.reasons import Reason

STATE_KEY: Final = "relay.arrival"
"""Where in an ASGI scope's `state` the request's `Arrival` lies."""

_LARGEST_MARGIN_S: Final = 0.1


class Arrival:
    """One request on its way in. The protocol writes it, the application reads it; same event loop."""

    __slots__ = ("complete", "first_byte", "refusal")

    def __init__(self, first_byte: float) -> None:
        self.first_byte = first_byte
        """The running loop's `time()` when the request's first byte was read."""
        self.complete = False
        """Whether the request has arrived to its last byte."""
        self.refusal: Reason | None = None
        """Why no more of the body can be read; None as long as it can."""


def answer_by(first_byte: float, answer_within_s: float) -> float:
    """Give the loop time by which an answer must be known, so that it has left within `answer_within_s`.

    A tenth of the budget, at most 0.1 s, is kept for writing the answer and for a lagging loop.
    """
    return first_byte + answer_within_s - min(_LARGEST_MARGIN_S, answer_within_s / 10)
