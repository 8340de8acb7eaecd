"""How a registration is made: what is wanted, who would receive it, Sofy's answer, and what becomes of the secret.

Shared by the commands that make one.
"""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from relay.cli.terminal import WRONG_SETTINGS, fail, plain, say
from relay.sofy.api.keys import ApiKey, ApiVersion

if TYPE_CHECKING:
    from relay.cli.webhooks.registrations import Expected
    from relay.cli.webhooks.secret_file import SecretFile
    from relay.settings import Settings
    from relay.sofy.api.webhooks import Made, Registration

STATUS_EVENT: Final = "sms.status"
_EVENT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Order:
    """A registration that somebody wants."""

    key: ApiKey
    url: str = field(repr=False)
    events: tuple[str, ...]
    dry_run: bool


def events_or_exit(given: list[str]) -> tuple[str, ...]:
    """Give the events once each; ends the command if one can be none."""
    if not all(_EVENT.fullmatch(event) for event in given):
        fail(f"--event takes a name such as {STATUS_EVENT}.", WRONG_SETTINGS)
    return tuple(dict.fromkeys(given))


def url_or_exit(url: str, token_file: Path | None) -> str:
    """Give the URL to register, with the file's token in it; ends the command if it must not be registered."""
    from relay.cli.webhooks.urls import UrlError, checked, with_token

    try:
        if token_file is None:
            checked(url)
            return url
        return with_token(url, line_or_exit(token_file, "--token-file"))
    except UrlError as error:
        fail(str(error), WRONG_SETTINGS)


def line_or_exit(path: Path, option: str) -> str:
    """Read one token or secret: the file's text less one final line break, as the settings read theirs.

    Ends the command if the file, which `option` named, holds anything else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        fail(f"{path} is no text file that this user may read; give {option} another.", WRONG_SETTINGS)
    line = text.removesuffix("\n").removesuffix("\r")
    if not line.strip() or any(not letter.isprintable() for letter in line):
        fail(f"{path} does not hold one line of text; write it alone to {option}'s file.", WRONG_SETTINGS)
    if line.lstrip().startswith("["):
        fail(f"{path} holds a list; {option} takes a file with one text alone.", WRONG_SETTINGS)
    return line


def check_receiver(order: Order, expected: "Expected", *, allow_unauthenticated: bool) -> None:
    """Say what the relay would think of the webhooks; ends the command where v1 could not prove anything."""
    from relay.cli.webhooks.registrations import refusal
    from relay.cli.webhooks.urls import receiver

    there = receiver(order.url, expected.paths)
    if there is None or there.place is None:
        say("The URL's path is none of the relay's (/webhooks/sofy after RELAY_HTTP__BASE_PATH): is it right?")
        return
    if order.key.version is ApiVersion.V2:
        return
    if not there.holds_token and not allow_unauthenticated:
        fail(
            "The URL holds no token, and v1 signs nothing, so the relay would refuse its webhooks; write one of "
            "RELAY_SOFY__TOKENS to a file and give --token-file (`openssl rand -hex 32` makes a new one).",
            WRONG_SETTINGS,
        )
    why = refusal(order.key.version, there, expected)
    if why is not None:
        say(f"By the settings here the relay refuses such a webhook (401): {why}. Set the relay up first.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: there already, made, or neither, which only a dry run does."""

    order: Order
    already: "Registration | None" = None
    made: "Made | None" = None


async def make(settings: "Settings", order: Order, expected: "Expected") -> Outcome:
    """Register, unless the URL is registered through this API; says who else posts to the same relay.

    Raises:
        ApiError, UncertainError: as `Webhooks.register`.
    """
    from relay.cli.webhooks.registrations import same_receiver, webhooks
    from relay.sofy.api.addresses import canonical
    from relay.sofy.api.calls import Patience, opened
    from relay.sofy.api.webhooks import Webhooks

    async with opened(settings.sofy.api_url, order.key, patience=Patience(), notice=say) as calls:
        api = Webhooks(calls)
        registrations = await api.registered()
        for each in registrations:
            if canonical(each.url) == canonical(order.url):
                return Outcome(order, already=each)
        for other in same_receiver(order.url, webhooks(registrations, expected.paths), expected.paths):
            say(f"{other.id} posts to the same relay: once the new one works, `relay webhooks delete {other.id}`.")
        return Outcome(order, made=None if order.dry_run else await api.register(order.url, order.events))


def answered(question: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - gives what the coroutine gives
    """Run what asks Sofy; end with one sentence if that does not do it."""
    from relay.sofy.api.errors import ApiError, UncertainError, UnknownWebhookError

    try:
        return asyncio.run(question)
    except (ApiError, UncertainError, UnknownWebhookError) as error:
        fail(str(error))


def finish(outcome: Outcome, expected: "Expected", file: "SecretFile | None") -> None:
    """Say how a registration ended; ends the command with 1 where something is left to do before it works."""
    from relay.cli.webhooks.urls import shown

    order = outcome.order
    about = f"{shown(order.url)} ({order.key.version}, {', '.join(order.events)})"
    if outcome.already is not None:
        _say_already(outcome.already, order)
    elif outcome.made is None:
        say(f"Would register {about}.")
    else:
        made = outcome.made
        say(f"Registered {about} as {made.registration.id}.")
        for copy in made.copies:
            say(f"An attempt that seemed to fail registered it as {copy} too: `relay webhooks delete {copy}`.")
        _say_unexpected(made, expected)
        if order.key.version is ApiVersion.V2:
            _hand_over(made, file)
            _say_where(order.url, expected)


def _say_already(already: "Registration", order: Order) -> None:
    missing = [] if already.events is None else [it for it in order.events if it not in already.events]
    if missing:
        fail(
            f"It is registered as {plain(already.id)}, but not for {', '.join(missing)}, and Sofy's API changes no "
            "registration; delete that one and register it anew."
        )
    say(f"It is registered already, as {already.id}; nothing was done.")
    if order.key.version is ApiVersion.V2:
        say("Its secret was shown when it was made. If that is lost, delete this registration and make a new one.")


def _say_unexpected(made: "Made", expected: "Expected") -> None:
    from relay.cli.webhooks.registrations import Kind, findings, webhooks

    for finding in findings(webhooks([made.registration], expected.paths), expected):
        if finding.kind is Kind.UNEXPECTED_ID:
            say(finding.says)


def _hand_over(made: "Made", file: "SecretFile | None") -> None:
    """Give v2's secret to who asked for it; it is never to be had again."""
    from relay.cli.webhooks.secret_file import SecretFileError

    if made.secret is None:
        lost = "in the answer that was lost" if made.answer_lost else "not in Sofy's answer"
        fail(f"Its secret was {lost}: `relay webhooks delete {plain(made.registration.id)}`, and register it anew.")
    if file is None:
        typer.echo(made.secret)
    else:
        try:
            file.write(made.secret)
        except SecretFileError as error:
            typer.echo(made.secret)
            fail(f"{error} It is on stdout instead, this once.")
        say(f"Its secret is in {file.path}.")


def _say_where(url: str, expected: "Expected") -> None:
    from relay.cli.webhooks.urls import receiver

    there = receiver(url, expected.paths)
    account = None if there is None or there.place is None else there.place.account
    where = "RELAY_SOFY__SECRETS" if account is None else f"the secrets of {account} in RELAY_SOFY__ACCOUNTS"
    say(f"Put it into {where}, best its file, which is followed; until then Sofy's webhooks are refused and replayed.")
