from relay.observability.repeats import LeftOut, RepeatLimit


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_few_of_an_interval_pass_and_the_rest_are_counted() -> None:
    clock = Clock()
    repeats = RepeatLimit(clock=clock, limit=2, interval_s=60)

    admitted = [repeats.admit("lib", "lost %s") for _ in range(5)]

    assert admitted == [True, True, False, False, False]
    assert repeats.due() == []
    clock.now += 60
    assert repeats.due() == [LeftOut("lib", "lost %s", 3)]
    assert repeats.due() == []


def test_after_the_interval_lines_pass_again() -> None:
    clock = Clock()
    repeats = RepeatLimit(clock=clock, limit=1, interval_s=60)
    repeats.admit("lib", "a")
    clock.now += 60
    repeats.due()

    assert repeats.admit("lib", "a")


def test_nothing_left_out_is_no_news() -> None:
    clock = Clock()
    repeats = RepeatLimit(clock=clock, limit=2, interval_s=60)
    repeats.admit("lib", "a")
    clock.now += 61

    assert repeats.due() == []


def test_loggers_and_templates_do_not_share_a_limit() -> None:
    repeats = RepeatLimit(clock=Clock(), limit=1)

    assert repeats.admit("lib", "a")
    assert repeats.admit("lib", "b")
    assert repeats.admit("other", "a")
    assert not repeats.admit("lib", "a")


def test_a_library_that_never_repeats_itself_is_limited_too() -> None:
    clock = Clock()
    repeats = RepeatLimit(clock=clock, limit=2, interval_s=60, most=3)

    admitted = sum(repeats.admit("lib", f"text {number}") for number in range(1000))

    assert admitted == 3 + 2
    clock.now += 60
    assert repeats.due() == [LeftOut("lib", "(other lines)", 995)]
