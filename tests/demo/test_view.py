"""The picture fits the terminal and says where to look; the ledger's verdict is plain."""

import io

import pytest
from rich.console import Console

from relay.demo.board import Event, Snapshot
from relay.demo.ledger import Ledger
from relay.demo.view import Guide, Picture, ledger_table, progress_line
from relay.events.record import Destination

_GUIDE = Guide(
    webhook="http://127.0.0.1:8080/webhooks/sofy/a-token",
    page="http://127.0.0.1:8081/",
    kafka="127.0.0.1:12345 (embedded: gone when the demo ends)",
    follow="RELAY_KAFKA__BOOTSTRAP_SERVERS=127.0.0.1:12345 relay tail",
)
_HOSTILE = Event(
    timestamp_ms=0, what="sent\x1b[2J", is_dead_letter=False, why="one\ntwo", sms_id="\u202eabc", place="1@2"
)
_NOW = Snapshot(
    elapsed_s=75.0,
    phase="running",
    items_per_s=150.4,
    records_per_s=140.2,
    latency_p50_s=0.0021,
    latency_p99_s=1.5,
    posts=1900,
    items=2345,
    answers={"200": 1890, "503": 9, "no answer": 1},
    duplicates=120,
    dead_lettered=4,
    records={Destination.STATUS: 2100, Destination.DEAD_LETTER: 4},
    statuses={"sent": 1100, "delivered": 900, "failed": 100},
    events=(_HOSTILE,) * 60,
)
_START = Snapshot(
    elapsed_s=0.0,
    phase="running",
    items_per_s=0.0,
    records_per_s=0.0,
    latency_p50_s=None,
    latency_p99_s=None,
    posts=0,
    items=0,
    answers={},
    duplicates=0,
    dead_lettered=0,
    records={},
    statuses={},
    events=(),
)
_LEDGER = Ledger(
    sent=12,
    received=11,
    published=8,
    duplicates=2,
    dead_lettered=1,
    lost=0,
    unpromised=0,
    repeated_records=0,
    foreign_records=0,
)


def _printed(what: object, width: int, height: int) -> list[str]:
    output = io.StringIO()
    console = Console(file=output, width=width, height=height, force_terminal=True, color_system=None, highlight=False)
    console.print(what)
    return output.getvalue().splitlines()


@pytest.mark.parametrize("now", [_NOW, _START], ids=["busy", "start"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 20), (200, 60)])
def test_the_picture_leaves_one_row_of_the_terminal_free(now: Snapshot, width: int, height: int) -> None:
    lines = _printed(Picture(_GUIDE, now, limit_s=None), width, height)

    assert len(lines) == height - 1
    assert max(len(line) for line in lines) <= width


def test_at_80_columns_everything_that_is_to_be_typed_is_there_in_full() -> None:
    picture = "\n".join(_printed(Picture(_GUIDE, _NOW, limit_s=90.0), 80, 24))

    for content in (_GUIDE.webhook, _GUIDE.page, _GUIDE.kafka, _GUIDE.follow, "1:15 of 1:30", "Ctrl-C"):
        assert content in picture


def test_the_picture_shows_rates_latencies_statuses_duplicates_and_dead_letters() -> None:
    picture = "\n".join(_printed(Picture(_GUIDE, _NOW, limit_s=None), 120, 40))

    for content in (
        "150 items/s",
        "140 records/s",
        "p50 2.1 ms  p99 1.5 s",
        "200 1,890  503 9  no answer 1",
        "10 not answered 2xx",
        "120 duplicates",
        "4 dead letters",
        "2,100 status events",
    ):
        assert content in picture


def test_texts_of_others_cannot_drive_the_terminal() -> None:
    picture = "\n".join(_printed(Picture(_GUIDE, _NOW, limit_s=None), 120, 40))

    assert "\x1b" not in picture
    assert "\u202e" not in picture
    assert r"one\ntwo" in picture


def test_a_line_of_progress_is_one_line() -> None:
    for now in (_NOW, _START):
        assert progress_line(now).splitlines() == [progress_line(now)]


def test_the_ledger_of_a_good_run_says_that_nothing_was_lost() -> None:
    said = "\n".join(_printed(ledger_table(_LEDGER), 80, 24))

    assert "Nothing was lost" in said
    assert "unpromised" not in said


def test_the_ledger_of_a_bad_run_says_so() -> None:
    bad = Ledger(
        sent=12,
        received=11,
        published=7,
        duplicates=2,
        dead_lettered=1,
        lost=1,
        unpromised=0,
        repeated_records=3,
        foreign_records=0,
    )

    said = "\n".join(_printed(ledger_table(bad), 80, 24))

    assert "LOST: 1 " in said
    assert "repeated_records" in said
    assert "Nothing was lost" not in said
