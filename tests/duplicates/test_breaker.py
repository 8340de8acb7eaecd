"""A store that failed is tried at once if it was quiet before, then once a pause."""

from relay.duplicates.breaker import Breaker


def test_it_is_open_until_an_attempt_succeeds_and_again_after_a_failure() -> None:
    breaker = Breaker(1.0)
    states = [breaker.closed]

    breaker.attempt(5.0)
    breaker.close()
    states.append(breaker.closed)
    breaker.open()
    states.append(breaker.closed)

    assert states == [False, True, False]


def test_the_first_attempt_is_due_at_once() -> None:
    assert Breaker(1.0).due_in(0.0) == 0.0


def test_an_attempt_is_followed_by_a_pause() -> None:
    breaker = Breaker(1.0)
    breaker.attempt(10.0)

    assert breaker.due_in(10.0) == 1.0
    assert breaker.due_in(10.75) == 0.25
    assert breaker.due_in(11.0) == 0.0


def test_a_failure_long_after_the_last_attempt_is_followed_by_one_at_once() -> None:
    breaker = Breaker(1.0)
    breaker.attempt(10.0)
    breaker.close()

    breaker.open()

    assert breaker.due_in(60.0) == 0.0
