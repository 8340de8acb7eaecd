"""`relay reconcile`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import asyncio
import json
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from relay.cli.asking import answered
from relay.cli.sms_ids import SmsIdsError, opened_ids
from relay.cli.terminal import WRONG_SETTINGS, fail, plain, say, settings_or_exit

if TYPE_CHECKING:
    from relay.settings import Settings
    from relay.sofy.api.keys import ApiKey
    from relay.streams.dossier import Dossier
    from relay.streams.reconciling import Books, Finding, Order, Today
    from relay.streams.standing import Progress

EXAMPLE = "Example: relay reconcile --older-than 24 --dry-run"

_GROUPS: Final = ("kafka", "topics", "privacy", "sofy", "projector")
_RATE: Final = 5.0
_INTERRUPTED: Final = 130
_LOOK_EVERY_S: Final = 5.0
"""How long answers may wait to be judged and written: lost, if somebody interrupts."""
_LINE_EVERY_S: Final = 10.0
_LONGEST_WORD: Final = 64


def reconcile(  # noqa: PLR0913 - an option each
    *,
    sms_ids: Annotated[
        str | None,
        typer.Option(
            "--sms-ids",
            metavar="FILE|-",
            help="Ask about these SMS, whatever is known of them: one id a line; - is stdin.",
        ),
    ] = None,
    account: Annotated[
        str, typer.Option(metavar="NAME", help="Whose SMS they are and whose RELAY_SOFY__API_TOKEN is set.")
    ] = "default",
    older_than: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=876_000,
            metavar="HOURS",
            help="Only SMS first seen at least so long ago: of younger ones webhooks may be coming still. "
            "[RELAY_PROJECTOR__STUCK_AFTER_H, 72]",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N SMS, the oldest first.")] = None,
    rate: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=1000,
            metavar="N",
            help="At most N questions a second. Sofy says no limit: the default is low.",
        ),
    ] = _RATE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask Sofy, say what would be done, write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object an SMS.")] = False,
) -> None:
    """Ask Sofy about SMS without a final status, and publish what its webhooks would have told.

    Published is only what is certain to be the webhook's own event, with its event_id; everything else is told. Exit 0
    when all is settled, 1 when something is not, 2 for wrong use or settings, 130 when interrupted.
    """
    if sms_ids is not None and older_than is not None:
        fail("--older-than chooses among SMS on the latest-state topic; leave it out with --sms-ids.", WRONG_SETTINGS)
    settings = settings_or_exit(groups=_GROUPS).settings
    key = _key_or_exit(settings)
    choice = _Choice(sms_ids, account, older_than, limit, rate, dry_run, as_json)
    from relay.streams.dossier import Dossier
    from relay.streams.reconciling import Books, UnknownAccountError

    order, books = _order(settings, choice), Books()
    try:
        with closing(Dossier()) as dossier:
            run = _Run(settings, key, choice, order, dossier, books)
            run.read_ids()
            answered(run.play)
    except KeyboardInterrupt:
        _summary(books, choice)
        fail("Interrupted. Run it again to go on: what stands on the topics is not published again.", _INTERRUPTED)
    except (SmsIdsError, UnknownAccountError) as error:
        fail(plain(str(error)), WRONG_SETTINGS)
    except typer.Exit:  # Kafka cannot be asked, or not any more
        if books.verdicts:
            _summary(books, choice)
        raise
    _summary(books, choice)
    raise typer.Exit(int(bool(books.stopped or books.left or any(not it.settled for it in books.verdicts))))


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the options ask for."""

    sms_ids: str | None
    account: str
    older_than_h: int | None
    limit: int | None
    rate: float
    dry_run: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of the command."""

    settings: "Settings"
    key: "ApiKey"
    choice: _Choice
    order: "Order"
    dossier: "Dossier"
    books: "Books"

    def read_ids(self) -> None:
        """Put the ids that are given, if any, into the dossier."""
        if self.choice.sms_ids is None:
            return
        from relay.sofy.api.sms import can_be_asked
        from relay.sofy.reconciling import Verdict
        from relay.streams.reconciling import Finding

        repeated = 0
        with opened_ids(self.choice.sms_ids) as ids:
            for line, sms_id in ids:
                if sms_id is not None and can_be_asked(sms_id):
                    repeated += not self.dossier.ask_about(sms_id.encode())
                    continue
                self.books.chosen += 1
                self.books.verdicts[Verdict.UNUSABLE_ID] += 1
                # Not repeated: the file may be another one, with numbers and texts.
                self._tell(Finding("", Verdict.UNUSABLE_ID, detail=f"line {line}"))
        if repeated:
            say(f"{repeated} line{'s repeat' if repeated > 1 else ' repeats'} an id that was given before.")

    async def play(self, progress: "Progress") -> None:
        """Ask, judge, publish, tell; see `relay.streams.reconciling`."""
        from relay.events.record import Destination
        from relay.kafka_settings import connection
        from relay.sofy.api.calls import Patience, opened
        from relay.sofy.api.pacing import Pace
        from relay.sofy.api.sms import SmsOfSofy
        from relay.streams.reconciling import reconcile as reconciled

        topics = self.settings.topics
        # Nobody waits at the terminal for a single answer, and Sofy may ask to stay away for a minute.
        patience = Patience(attempts=5, begin_within_s=180.0, longest_wait_s=20.0, longest_retry_after_s=120.0)
        async with opened(self.settings.sofy.api_url, self.key, patience=patience, notice=say) as calls:
            await reconciled(
                connection(self.settings),
                topics={Destination.STATUS: topics.status, Destination.LATEST: topics.latest},
                sofy=SmsOfSofy(calls, Pace(self.choice.rate, clock=time.monotonic, sleep=asyncio.sleep)),
                dossier=self.dossier,
                order=self.order,
                today=_today(self.settings),
                books=self.books,
                tell=self._tell,
                progress=_with_lines(progress),
            )

    def _tell(self, finding: "Finding") -> None:
        """Print what became of an SMS on stdout. Never a number or a text of an SMS."""
        typer.echo(json.dumps(_as_object(finding)) if self.choice.as_json else plain(_line(finding)))


def _as_object(finding: "Finding") -> dict[str, object]:
    from relay.sofy.reconciling import SAYS

    answer = finding.answer
    return {
        "sms_id": finding.sms_id or None,
        "verdict": finding.verdict.value,
        "says": SAYS[finding.verdict],
        "detail": finding.detail,
        "status": None if answer is None or answer.status is None else answer.status.value,
        "sofy_status": None if answer is None else answer.word,
        "sofy_reason": None if answer is None else answer.reason,
        "sofy_updated_at": None if answer is None else answer.updated_at,
        "event_id": finding.event_id,
    }


def _line(finding: "Finding") -> str:
    detail = "" if finding.detail is None else f" ({finding.detail})"
    answer = finding.answer
    learnt = (
        ""
        if answer is None
        else "  ".join(
            f"{name}={word[:_LONGEST_WORD]!r}"
            for name, word in (
                ("status", answer.word),
                ("statusReason", answer.reason),
                ("updatedAt", answer.updated_at),
            )
            if word is not None
        )
    )
    return f"{finding.sms_id or '-'}  {finding.verdict}{detail}{'  ' if learnt else ''}{learnt}"


def _summary(books: "Books", choice: _Choice) -> None:
    """Say on stderr how far it came, and what each verdict means."""
    from relay.sofy.reconciling import SAYS, Verdict

    if books.without_states:
        say("There is no latest-state topic: what is known of an SMS is what the status topic still holds.")
    if books.young:
        say(
            f"{books.young} SMS without a final status are left out: they were first seen after --older-than, so that "
            "webhooks may be coming still."
        )
    if books.stopped is not None:
        say(books.stopped)
    done = books.verdicts.total()
    say(f"{done} of {books.chosen} SMS are done{', and nothing was written: a dry run' if choice.dry_run else ''}.")
    for verdict in Verdict:
        if books.verdicts[verdict]:
            say(f"  {verdict}: {books.verdicts[verdict]} ({SAYS[verdict]})")
    if books.verdicts[Verdict.TOLD_DIFFERENTLY]:
        say(
            "Of some SMS Sofy's API and its webhooks do not say the same. Compare them before you reconcile any more: "
            "what is published rests on their agreement."
        )


def _order(settings: "Settings", choice: _Choice) -> "Order":
    from relay.settings import DEFAULT_ACCOUNT
    from relay.streams.reconciling import Order
    from relay.streams.writing import AT_ONCE

    sofy = settings.sofy
    some = bool(sofy.tokens or sofy.secrets or sofy.webhook_ids or sofy.accounts)
    named = {each.name for each in sofy.every_account()} if some else set()
    if named and choice.account not in named:
        names = ", ".join(sorted(named))
        fail(f"The settings have no account {plain(choice.account)}: name one of {names} by --account.", WRONG_SETTINGS)
    hours = settings.projector.stuck_after_h if choice.older_than_h is None else choice.older_than_h
    return Order(
        account=choice.account,
        configured=choice.account in named,
        presumed=choice.account == DEFAULT_ACCOUNT,
        seen_before=None if choice.sms_ids is not None else datetime.now(UTC) - timedelta(hours=hours),
        limit=choice.limit,
        dry_run=choice.dry_run,
        look_every=max(1, min(AT_ONCE, int(choice.rate * _LOOK_EVERY_S))),
    )


def _key_or_exit(settings: "Settings") -> "ApiKey":
    from relay.sofy.api.keys import ApiVersion
    from relay.sofy_settings import API_TOKEN, api_keys, unusable_api

    if settings.sofy.api_token is None:
        fail(
            f"{API_TOKEN} is not set: SMS are asked about through v2 of Sofy's API. It may be read from a file: "
            f"{API_TOKEN}_FILE.",
            WRONG_SETTINGS,
        )
    problems = [*unusable_api(settings)]
    if problems:
        for sentence in problems:
            say(sentence)
        raise typer.Exit(WRONG_SETTINGS)
    return next(key for key in api_keys(settings) if key.version is ApiVersion.V2)


def _today(settings: "Settings") -> "Today":
    from relay.privacy_settings import privacy
    from relay.sofy.numbers import PhoneNumbers
    from relay.streams.reconciling import Today

    return Today(e164=PhoneNumbers().e164, privacy=privacy(settings), now=lambda: datetime.now(UTC))


def _with_lines(progress: "Progress") -> "Progress":
    """Give a progress that is also seen where stderr is no terminal: a line now and then."""
    if sys.stderr.isatty():
        return progress
    shown_at = time.monotonic()

    def show(what: str, done: int, total: int) -> None:
        nonlocal shown_at
        now = time.monotonic()
        if now >= shown_at + _LINE_EVERY_S:
            shown_at = now
            say(f"{what}: {done} of {total}")

    return show
