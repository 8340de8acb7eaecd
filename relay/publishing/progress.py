"""What the records handed to one producer, and their acknowledgements, tell of it. Pure: times come as arguments."""


class Progress:
    """The record of one producer, from its first record on. For one event loop's thread; times are its `time()`."""

    def __init__(self) -> None:
        """Start with a producer that was given nothing yet."""
        self.fatal_error = False
        """A record failed in a way after which the producer takes no more; whoever sees that sets it."""
        self.offsets_went_back = False
        """A partition acknowledged an offset that it had passed: what it acknowledged before may be gone."""
        self._unanswered: tuple[float, float] | None = None
        self._offsets: dict[tuple[str, int], int] = {}

    @property
    def silent_s(self) -> float:
        """For how long records have been handed over since the last acknowledgement; without traffic it stands."""
        if self._unanswered is None:
            return 0.0
        first, last = self._unanswered
        return last - first

    def handed_over(self, now: float) -> None:
        """A record was appended."""
        first = now if self._unanswered is None else self._unanswered[0]
        self._unanswered = (first, now)

    def acknowledged(self, topic: str, partition: int, offset: int, count: int) -> None:
        """`count` records are stored from `offset` on.

        One batch a partition is in flight: each offset is greater than the one before, for as long as the partition
        keeps what it took.
        """
        self._unanswered = None
        if offset <= self._offsets.get((topic, partition), -1):
            self.offsets_went_back = True
        self._offsets[topic, partition] = offset + count - 1
