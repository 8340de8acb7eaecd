"""What a person sees of a run: a picture that fits the terminal, or a line now and then; the ledger at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from relay.demo.board import Event, Snapshot
from relay.demo.ledger import Ledger
from relay.events.record import Destination
from relay.observability.neutralise import text

_FRAME_ROWS: Final = 12
"""Rows above the lower two boxes: title, four lines of guide, the three upper boxes, and the cursor's own."""
_SMALLEST_LOWER_BOX: Final = 5
_BAR: Final = "━"
_STATUS_NAME, _STATUS_COUNT = 11, 7
_STYLES: Final = {"pending": "cyan", "sent": "cyan", "delivered": "green", "unknown": "yellow"}
_FAILED_STYLE: Final = "red"
_DEAD_LETTER_STYLE: Final = "magenta"
_SLOW_S: Final = 1.0
_SMS_ID: Final = 10
_ROOMY: Final = 100
"""Columns from which on there is room for a record's partition and offset."""


@dataclass(frozen=True, slots=True)
class Guide:
    """Where to look while it runs: each line's name and what stands there."""

    webhook: str
    page: str
    kafka: str
    follow: str

    def lines(self) -> tuple[tuple[str, str], ...]:
        """Give name and content of each line."""
        return (
            ("webhook", self.webhook),
            ("page", self.page),
            ("kafka", self.kafka),
            ("follow", self.follow),
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole state as one renderable: as wide as the console, and a row less than it is high."""

    guide: Guide
    now: Snapshot
    limit_s: float | None
    """When the run ends by itself."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw for the console's present size."""
        rows = max(_SMALLEST_LOWER_BOX, console.height - _FRAME_ROWS)
        width = options.max_width
        left = max(28, width // 3)
        yield Group(
            self._title(width),
            self._guide(),
            _side_by_side(
                _box("Sofy posts", self._posts(), 6),
                _box("the relay answers", self._answers(), 6),
                _box("Kafka holds", self._records(), 6),
            ),
            _side_by_side(
                _box("statuses", _status_lines(self.now.statuses, rows - 2, left - 4), rows),
                _box("last records", _event_lines(self.now.events, rows - 2, placed=width >= _ROOMY), rows),
                widths=(left, width - left),
            ),
        )

    def _title(self, width: int) -> Text:
        elapsed = _clock(self.now.elapsed_s)
        of = "" if self.limit_s is None else f" of {_clock(self.limit_s)}"
        left, right = f" Sofy Relay demo  {self.now.phase}, {elapsed}{of}", "Ctrl-C: end with the ledger "
        return Text(f"{left}{right:>{max(1, width - len(left))}}", style="bold reverse", no_wrap=True)

    def _guide(self) -> Text:
        lines = [
            Text.assemble((f" {name:<8} ", "dim"), (content, "bold" if name == "follow" else ""))
            for name, content in self.guide.lines()
        ]
        return _stacked(lines)

    def _posts(self) -> list[Text]:
        now = self.now
        return [
            _rate(now.items_per_s, "items/s"),
            _count(now.items, "items"),
            _count(now.posts, "webhook posts"),
            _count(sum(now.answers.values()) - _good(now), "not answered 2xx", "red"),
        ]

    def _answers(self) -> list[Text]:
        now = self.now
        latency = Text.assemble(
            ("p50 ", "dim"), _milliseconds(now.latency_p50_s), ("  p99 ", "dim"), _milliseconds(now.latency_p99_s)
        )
        answers = Text("  ").join(Text.assemble((f"{status} ", "dim"), f"{n:,}") for status, n in now.answers.items())
        return [
            latency,
            answers,
            _count(now.duplicates, "duplicates", "cyan"),
            _count(now.dead_lettered, "dead letters", _DEAD_LETTER_STYLE),
        ]

    def _records(self) -> list[Text]:
        now = self.now
        return [
            _rate(now.records_per_s, "records/s"),
            _count(now.records.get(Destination.STATUS, 0), "status events"),
            _count(now.records.get(Destination.DEAD_LETTER, 0), "dead letters", _DEAD_LETTER_STYLE),
            Text("read from its topics", "dim"),
        ]


def progress_line(now: Snapshot) -> str:
    """Give the state in one line, for where there is no terminal."""
    answers = " ".join(f"{status}: {n}" for status, n in now.answers.items())
    return (
        f"{now.elapsed_s:5.0f} s  {now.items_per_s:.0f} items/s  p50 {_milliseconds(now.latency_p50_s)}  "
        f"p99 {_milliseconds(now.latency_p99_s)}  [{answers}]  duplicates {now.duplicates}  "
        f"dead letters {now.dead_lettered}  records {sum(now.records.values())}"
    )


def ledger_table(ledger: Ledger) -> Group:
    """Give the ledger as a person reads it, with its verdict."""
    rows = [
        ("sent", ledger.sent, "items that Sofy posted, each attempt"),
        ("received", ledger.received, "of these, answered 2xx"),
        ("published", ledger.published, "distinct events on the status topic"),
        ("duplicates", ledger.duplicates, "items received again, not published again"),
        ("dead_lettered", ledger.dead_lettered, "unreadable bodies and items, on the dead-letter topic"),
        ("lost", ledger.lost, "answered 2xx, but on no topic"),
    ]
    optional = [
        ("unpromised", ledger.unpromised, "on a topic without a 2xx: Sofy would replay them"),
        (
            "repeated_records",
            ledger.repeated_records,
            "further records of the same event; consumers drop them by event_id",
        ),
        ("foreign_records", ledger.foreign_records, "records that this Sofy did not cause"),
    ]
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for name, count, meaning in [*rows, *(row for row in optional if row[1])]:
        style = _FAILED_STYLE if name == "lost" and count else ""
        table.add_row(Text(name, f"bold {style}"), Text(f"{count:,}", style), Text(meaning, "dim"))
    return Group(Text("\nLedger, read back from Kafka\n", "bold"), table, Text(), _verdict(ledger))


def _verdict(ledger: Ledger) -> Text:
    if ledger.lost:
        return Text(f"LOST: {ledger.lost:,} facts were answered 2xx and are on no topic.", "bold red")
    return Text("Nothing was lost: whatever was answered 2xx stands on the topics.", "bold green")


def _good(now: Snapshot) -> int:
    return sum(n for status, n in now.answers.items() if status.startswith("2"))


def _status_lines(statuses: Mapping[str, int], rows: int, width: int) -> list[Text]:
    """Give a bar for each status, the most frequent first; the longest bar takes what room there is."""
    most = max(statuses.values(), default=1)
    room = max(0, width - _STATUS_NAME - _STATUS_COUNT)
    return [
        Text.assemble(
            (f"{text(status):<{_STATUS_NAME}}", _style(status)),
            f"{number:>{_STATUS_COUNT},}",
            (" " + _BAR * max(1, round((room - 1) * number / most)), _style(status)),
        )
        for status, number in list(statuses.items())[:rows]
    ]


def _event_lines(events: Sequence[Event], rows: int, *, placed: bool) -> list[Text]:
    return [_event_line(event, placed=placed) for event in events[:rows]]


def _event_line(event: Event, *, placed: bool) -> Text:
    """Give when, what, of which SMS and why; with `placed` also where on the topic."""
    moment = datetime.fromtimestamp(event.timestamp_ms / 1000, UTC)
    style = _DEAD_LETTER_STYLE if event.is_dead_letter else _style(event.what)
    return Text.assemble(
        (f"{moment:%H:%M:%S} ", "dim"),
        (f"{text(event.what):<11} ", style),
        (f"{text(event.place):<8} " if placed else "", "dim"),
        f"{text(event.sms_id)[:_SMS_ID]:<{_SMS_ID}} ",
        (text(event.why), "dim"),
    )


def _style(status: str) -> str:
    return _STYLES.get(status, _FAILED_STYLE)


def _box(title: str, lines: Sequence[Text], height: int) -> Panel:
    return Panel(_stacked(lines), title=title, title_align="left", box=box.ROUNDED, height=height, border_style="dim")


def _side_by_side(*boxes: Panel, widths: Sequence[int] = ()) -> Table:
    grid = Table.grid(expand=True)
    for index in range(len(boxes)):
        if widths:
            grid.add_column(width=widths[index])
        else:
            grid.add_column(ratio=1)
    grid.add_row(*boxes)
    return grid


def _stacked(lines: Sequence[Text]) -> Text:
    whole = Text("\n").join(lines)
    whole.no_wrap, whole.overflow = True, "ellipsis"
    return whole


def _rate(value: float, what: str) -> Text:
    return Text.assemble((f"{value:,.0f}", "bold"), (f" {what}", "dim"))


def _count(value: int, what: str, style: str = "") -> Text:
    return Text.assemble((f"{value:,}", style if value else ""), (f" {what}", "dim"))


def _milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if seconds >= _SLOW_S else f"{seconds * 1000:.1f} ms"


def _clock(seconds: float) -> str:
    minutes, left = divmod(int(seconds), 60)
    return f"{minutes}:{left:02}"
