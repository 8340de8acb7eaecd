"""A moment as it is given to a command."""

from datetime import UTC, datetime, timedelta

import pytest

from relay.cli.dead_letters.moments import moment

NOW = datetime(2026, 8, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30s", NOW - timedelta(seconds=30)),
        ("90m", NOW - timedelta(minutes=90)),
        ("2h", NOW - 2 * HOUR),
        (" 7d ", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2026-08-01T12:00:00Z", datetime(2026, 8, 1, 12, tzinfo=UTC)),
        ("2026-08-01T12:00:00.250+02:00", datetime(2026, 8, 1, 10, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_a_moment_is_rfc_3339_or_how_long_ago(text: str, meant: datetime) -> None:
    assert moment(text, NOW) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "h",
        "-2h",
        "2y",
        "yesterday",
        "2026-08-01",
        "2026-08-01T12:00:00",
        "999999w",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="give a time with its zone"):
        moment(text, NOW)
