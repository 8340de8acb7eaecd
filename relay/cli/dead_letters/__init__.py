"""`relay dead-letters list`, `show` and `replay`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from relay.cli.asking import answered
from relay.cli.dead_letters.moments import moment
from relay.cli.terminal import fail, plain, say, settings_or_exit
from relay.reasons import MEANING, Kind

if TYPE_CHECKING:
    from relay.settings import Settings
    from relay.streams.dead_letters import Choice, DeadLetter, Place
    from relay.streams.judging import Report, Today
    from relay.streams.standing import Progress

EXAMPLE = "Example: relay dead-letters replay --reason missing_status --since 2h --dry-run"

app = typer.Typer(help="Look at what could not be read, and replay it once it can.", no_args_is_help=True)

_TO_READ: Final = ("kafka", "topics")
_TO_REPLAY: Final = ("kafka", "topics", "privacy", "sofy")
_ALIKE: Final = 10
"""How many letters with the same obstacle have a line of their own: where Kafka fails, it is thousands."""
_REASONS: Final = [reason.value for reason, meaning in MEANING.items() if meaning.kind is Kind.DEAD_LETTERED]

Reasons = Annotated[
    list[str] | None,
    typer.Option(
        "--reason", metavar="REASON", help=f"Only letters of this reason, one of {', '.join(_REASONS)}; repeatable."
    ),
]
Account = Annotated[str | None, typer.Option(metavar="NAME", help="Only letters of this account.")]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only letters received then or later: RFC 3339, or 2h for two hours ago."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Only letters received before then; as --since.")]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N letters, the oldest first.")]


@app.command("list", epilog="Example: relay dead-letters list --since 7d --json")
def list_(  # noqa: PLR0913 - an option each
    *,
    reason: Reasons = None,
    account: Account = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show the dead letters, the oldest first, without their payloads. Joins no group, so nobody's offsets move."""
    settings = settings_or_exit(groups=_TO_READ).settings
    from relay.cli.dead_letters.listing import as_object, print_list

    choice = _choice((), reason, account, since, until)
    found = answered(lambda progress: _summaries(settings, choice, progress))
    chosen = sorted(found, key=lambda letter: (letter.received_at, letter.place))[:limit]
    if as_json:
        for letter in chosen:
            typer.echo(json.dumps(as_object(letter)))
    else:
        print_list(chosen)


@app.command(epilog="Example: relay dead-letters show 3@17")
def show(
    id_: Annotated[str, typer.Argument(metavar="PARTITION@OFFSET", help="As `relay dead-letters list` shows it.")],
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Write the payload's bytes to stdout, and nothing else.")] = False,
) -> None:
    """Show one dead letter with its headers and its payload, which is personal data."""
    settings = settings_or_exit(groups=_TO_READ).settings
    from relay.cli.dead_letters.listing import payload_lines

    place = _places([id_])[0]
    letter = answered(lambda _progress: _one(settings, place))
    if letter is None:
        fail(f"No dead letter stands at {place}; `relay dead-letters list` shows those that do.")
    if raw:
        sys.stdout.buffer.write(letter.payload or b"")
        sys.stdout.flush()
        return
    typer.echo(f"partition@offset: {place}")
    typer.echo(f"key: {plain(letter.sms_id or '(none)')}")
    for name, value in letter.headers.items():
        typer.echo(f"{plain(name)}: {plain(value)}")
    typer.echo()
    say("The payload is personal data: phone numbers, and texts that may hold one-time codes.")
    for line in payload_lines(letter.payload):
        typer.echo(line)


@app.command(epilog=EXAMPLE)
def replay(  # noqa: PLR0913 - an option each
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[PARTITION@OFFSET]...", help="Only these letters.")
    ] = None,
    *,
    reason: Reasons = None,
    account: Account = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of each; write nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what stands on its topic already.")] = False,
) -> None:
    """Read the chosen letters as webhooks are read today, and publish what is not on its topic yet.

    Exit 0 when all that was chosen is there, or nothing was; else 1. What is still unreadable stays where it is.
    """
    settings = settings_or_exit(groups=_TO_REPLAY).settings
    from relay.kafka_settings import connection, destinations
    from relay.streams.replaying import Order
    from relay.streams.replaying import replay as replayed

    choice = _choice(ids or (), reason, account, since, until)
    reports = answered(
        lambda progress: replayed(
            connection(settings),
            topics=destinations(settings),
            order=Order(choice=choice, limit=limit, again=again, dry_run=dry_run),
            today=_today(settings),
            now=lambda: datetime.now(UTC),
            progress=progress,
        )
    )
    _print_reports(reports, dry_run=dry_run)
    raise typer.Exit(int(any(it.failed for it in reports)))


def _print_reports(reports: Sequence["Report"], *, dry_run: bool) -> None:
    """Print a line for each that is not replayed (in a dry run for all), then how many there are of each."""
    from relay.streams.judging import Fate

    words = {
        Fate.REPLAYED: "would be replayed" if dry_run else "replayed",
        Fate.STANDS_ALREADY: "stands there already",
        Fate.UNREADABLE: "cannot be replayed",
        Fate.NOT_KNOWN: "may have been replayed",
        Fate.NOT_PUBLISHED: "not published",
        Fate.NOT_THERE: "not found",
    }
    told: Counter[str] = Counter()
    for it in reports:
        if dry_run or it.failed:
            says = f"{words[it.fate]}{_details(it, dry_run=dry_run)}"
            told[says] += 1
            if dry_run or told[says] <= _ALIKE:
                typer.echo(plain(f"{it.place}  {says}"))
    for says, number in told.items():
        if not dry_run and number > _ALIKE:
            typer.echo(plain(f"and {number - _ALIKE} more  {says}"))
    counted = Counter(it.fate for it in reports)
    if counted:
        typer.echo(", ".join(f"{words[fate]}: {counted[fate]}" for fate in words if counted[fate]))
    else:
        typer.echo("No dead letter is meant by that.")


def _details(it: "Report", *, dry_run: bool) -> str:
    """Say how many records that are, and what stands in the way."""
    parts = [*it.says]
    if it.published:
        count = f"{it.published} record{'s' * (it.published != 1)}"
        was = "would be" if dry_run else "was" if it.published == 1 else "were"
        parts.insert(0, f"{count} of it {was} replayed" if it.failed else count)
    return f": {'; '.join(parts)}" if parts else ""


def _choice(
    ids: Sequence[str], reason: list[str] | None, account: str | None, since: str | None, until: str | None
) -> "Choice":
    from relay.streams.dead_letters import Choice

    unknown = [word for word in reason or () if word not in _REASONS]
    if unknown:
        says = f"{plain(unknown[0])} is no reason of a dead letter; give one of {', '.join(_REASONS)}"
        raise typer.BadParameter(says, param_hint="--reason")
    return Choice(
        places=frozenset(_places(ids)),
        reasons=frozenset(reason or ()),
        account=account,
        since=_moment("--since", since),
        until=_moment("--until", until),
    )


def _places(texts: Sequence[str]) -> list["Place"]:
    from relay.streams.dead_letters import Place

    try:
        return [Place.read(text) for text in texts]
    except ValueError as error:
        raise typer.BadParameter(plain(str(error))) from None


def _moment(option: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else moment(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _today(settings: "Settings") -> "Today":
    from relay.privacy_settings import privacy
    from relay.sofy.numbers import PhoneNumbers
    from relay.sofy_settings import credentials
    from relay.streams.judging import Today

    expected = {name: its.webhook_ids for name, its in credentials(settings).items()}

    def expects(account: str, webhook_id: str | None) -> bool:
        # An account that is no longer set was one when the letter came.
        ids = expected.get(account)
        return not ids or webhook_id in ids

    return Today(expects=expects, e164=PhoneNumbers().e164, privacy=privacy(settings))


async def _summaries(settings: "Settings", choice: "Choice", progress: "Progress") -> list["DeadLetter"]:
    from relay.kafka_settings import connection
    from relay.streams.reading import reading
    from relay.streams.replaying import letters

    async with reading(connection(settings)) as reader:
        found = letters(reader, settings.topics.dead_letter, choice, progress)
        return [letter.without_payload() async for letter in found]


async def _one(settings: "Settings", place: "Place") -> "DeadLetter | None":
    from relay.kafka_settings import connection
    from relay.streams.dead_letters import Choice
    from relay.streams.reading import reading
    from relay.streams.replaying import letters

    async with reading(connection(settings)) as reader:
        found = letters(reader, settings.topics.dead_letter, Choice(places=frozenset({place})))
        return next(iter([letter async for letter in found]), None)
