"""The board: rates over a window, latencies by rank, and what was read from Kafka."""

import json

import pytest

from relay.demo.board import WINDOW_S, Board
from relay.demo.reading import Found
from relay.events.record import Destination
from tests.demo.attempts import attempt


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rates_and_latencies_look_back_over_the_window_alone() -> None:
    clock = _Clock()
    board = Board(clock)
    board.attempted(attempt(items=50, status=200, seconds=3.0))

    clock.now += WINDOW_S + 1
    board.attempted(attempt(items=20, status=200, seconds=0.002, answer=b'{"duplicates":3,"dead_lettered":1}'))
    board.attempted(attempt(items=10, status=None, seconds=4.0))
    now = board.snapshot()

    assert now.items_per_s == pytest.approx(30 / WINDOW_S)
    assert now.latency_p50_s == now.latency_p99_s == pytest.approx(0.002)
    assert (now.posts, now.items, now.duplicates, now.dead_lettered) == (3, 80, 3, 1)
    assert now.answers == {"200": 2, "no answer": 1}


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b"\xff", b'{"duplicates": "many", "dead_lettered": null}'])
def test_an_answer_without_counts_counts_nothing(answer: bytes) -> None:
    board = Board(_Clock())

    board.attempted(attempt(items=1, status=200, answer=answer))

    assert (board.snapshot().duplicates, board.snapshot().dead_lettered) == (0, 0)


def test_what_is_read_is_counted_by_status_and_listed_newest_first() -> None:
    board = Board(_Clock())

    board.read(_status(7, {"sms_id": "x", "status": "expired", "reason": {"code": "EXPIRED"}}))
    board.read(_status(8, {"sms_id": "y", "status": "sent", "reason": None}))
    board.read(_letter(9))
    now = board.snapshot()

    assert now.statuses == {"expired": 1, "sent": 1}
    assert now.records == {Destination.STATUS: 2, Destination.DEAD_LETTER: 1}
    assert [(event.what, event.why, event.sms_id, event.place) for event in now.events] == [
        ("dead letter", "missing_status: status: absent", "x", "0@9"),
        ("sent", "", "y", "0@8"),
        ("expired", "EXPIRED", "x", "0@7"),
    ]


@pytest.mark.parametrize("value", [b"", b"[]", b"\xff", b'{"reason": "a text"}'])
def test_a_record_that_is_no_event_is_listed_all_the_same(value: bytes) -> None:
    board = Board(_Clock())

    board.read(Found(Destination.STATUS, 0, 1, 0, None, value, {}))

    assert [event.what for event in board.snapshot().events] == ["?"]


def _status(offset: int, value: object) -> Found:
    return Found(Destination.STATUS, 0, offset, 0, b"key", json.dumps(value).encode(), {})


def _letter(offset: int) -> Found:
    headers = {"relay-reason": b"missing_status", "relay-detail": b"status: absent"}
    return Found(Destination.DEAD_LETTER, 0, offset, 0, b"x", b"{}", headers)
