"""`relay webhooks list`, `register`, `rotate` and `delete`: Sofy's registrations."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import asyncio
import json
import sys
from collections.abc import Collection
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from relay.cli.terminal import WRONG_SETTINGS, fail, plain, say, settings_or_exit
from relay.cli.webhooks.registering import (
    STATUS_EVENT,
    Order,
    answered,
    check_receiver,
    events_or_exit,
    finish,
    make,
    url_or_exit,
)
from relay.cli.webhooks.rotation_order import Given, carry_out, check_use, opened_ways, plan_or_exit
from relay.sofy.api.keys import ApiKey, ApiVersion

if TYPE_CHECKING:
    from relay.cli.webhooks.registrations import Expected
    from relay.settings import Settings
    from relay.sofy.api.webhooks import Registration

EXAMPLE = "Example: relay webhooks list --url https://relay.example.com/webhooks/sofy"

app = typer.Typer(help="List, make, rotate and delete the registrations of webhooks at Sofy.", no_args_is_help=True)

_GROUPS: Final = ("sofy", "http")

Api = Annotated[ApiVersion | None, typer.Option("--api", help="Sofy's API to use; needed where keys of both are set.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask on a terminal.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]


@app.command("list", epilog=EXAMPLE)
def list_(
    *,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The webhook that must be registered; its token may be left out."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what is registered at Sofy, by all keys that are set (secrets masked), and what is wrong with it.

    Exit 0 when nothing is wrong; 1 when something is, or Sofy does not answer; 2 for unusable settings.
    """
    settings, keys = _settings_and_keys()
    from relay.cli.webhooks.listing import as_json as listed
    from relay.cli.webhooks.listing import print_list
    from relay.cli.webhooks.registrations import findings, webhooks

    expected = _expected(settings, url)
    registrations, errors = asyncio.run(_registered(settings, keys))
    found = webhooks(registrations, expected.paths)
    wrong = findings(found, expected, complete=not errors)
    if as_json:
        typer.echo(json.dumps(listed(found, wrong, errors)))
    else:
        print_list(found, wrong)
    if not found and not errors:
        say(f"No webhook is registered with {_named(keys)}.")
    if not expected.known and any(each.receiver is not None and each.receiver.place for each in found):
        say("No RELAY_SOFY__TOKENS, __SECRETS or __ACCOUNTS is set here: whom the relay believes was not checked.")
    for sentence in errors:
        say(sentence)
    raise typer.Exit(int(bool(wrong or errors)))


@app.command(
    epilog="Example: relay webhooks register https://relay.example.com/webhooks/sofy --secret-file sofy-secret"
)
def register(  # noqa: PLR0913 - one parameter an option
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the relay takes webhooks.")],
    *,
    api: Api = None,
    event: Annotated[
        list[str] | None, typer.Option(metavar="EVENT", help=f"May be given several times [{STATUS_EVENT}].")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="v1: read the token from it and put it into the URL: as the password if the URL names a user, else "
            "as the path's last part. Keeps it out of the shell's history.",
        ),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="v2: write the secret to it, for its owner only, instead of printing it on stdout."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what --secret-file holds already.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Register a URL at Sofy, unless it is. v2's secret is shown once: on stdout alone, or in --secret-file.

    v1 signs nothing, so its URL must hold one of RELAY_SOFY__TOKENS. Exit 0 when it is registered, 1 when not, 2 for
    wrong use or unusable settings.
    """
    settings, keys = _settings_and_keys()
    key = _chosen(keys, api)
    events = events_or_exit(event or [STATUS_EVENT])
    if key.version is ApiVersion.V1 and secret_file is not None:
        fail("v1 has no secret to write: leave --secret-file out, or give --api v2.", WRONG_SETTINGS)
    if key.version is ApiVersion.V2 and token_file is not None:
        fail("v2 signs its webhooks and needs no token: leave --token-file out, or give --api v1.", WRONG_SETTINGS)
    order = Order(key, url_or_exit(url, token_file), events, dry_run=dry_run)
    expected = _expected(settings, order.url)
    check_receiver(order, expected, allow_unauthenticated=settings.sofy.allow_unauthenticated)
    from relay.cli.webhooks.secret_file import SecretFileError, reserved

    try:
        with nullcontext() if secret_file is None else reserved(secret_file, force=force) as file:
            finish(answered(make(settings, order, expected)), expected, file)
    except SecretFileError as error:
        fail(str(error), WRONG_SETTINGS)


@app.command(
    epilog="Example: relay webhooks rotate https://relay.example.com/webhooks/sofy --add-to /run/secrets/sofy-secrets"
)
def rotate(  # noqa: PLR0913 - one parameter an option
    url: Annotated[str, typer.Argument(metavar="URL", help="The registered one; v1: without its token.")],
    *,
    api: Api = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="v1: read the new token from it; as for `register`.")
    ] = None,
    add_to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Add the new token (v1) or secret (v2) to this file, which the relay follows: the one that "
            "RELAY_SOFY__TOKENS_FILE, __SECRETS_FILE or __ACCOUNTS_FILE names.",
        ),
    ] = None,
    add_id_to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Add the new id to this file, which RELAY_SOFY__WEBHOOK_IDS_FILE names."),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="v2, without --add-to: write the secret to it, instead of to stdout."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what --secret-file holds already.")] = False,
    finish: Annotated[
        str | None,
        typer.Option(metavar="ID", help="v2: go on with this new registration, whose secret is in --secret-file."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long the relay may take to know what is new.")
    ] = 120,
    in_a_row: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="Answers in a row, a connection each, that prove it.")
    ] = 5,
    overlap: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long both registrations stand after the proof.")
    ] = 30,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Replace a registration and its token or secret without a gap: the new one is proven before the old one goes.

    Exit 0 when it is done, 1 when not (nothing is lost then, and what to do is said), 2 for wrong use or unusable
    settings.
    """
    settings, keys = _settings_and_keys()
    key = _chosen(keys, api)
    given = Given(
        token_file=token_file,
        add_to=add_to,
        add_id_to=add_id_to,
        secret_file=secret_file,
        force=force,
        finish=finish,
        wait_s=wait,
        in_a_row=in_a_row,
        overlap_s=overlap,
    )
    check_use(key.version, given)
    order = Order(key, url_or_exit(url, token_file), (), dry_run=dry_run)
    registrations, errors = asyncio.run(_registered(settings, (key,)))
    for sentence in errors:
        fail(sentence)
    from relay.http.paths import WebhookPaths

    plan = plan_or_exit(order, registrations, WebhookPaths(settings.http.base_path), finish)
    for line in plan.lines():
        say(line)
    with opened_ways(plan, given) as ways:
        if dry_run:
            return
        if not yes and sys.stdin.isatty() and not typer.confirm("Do that?", err=True):
            fail("Nothing was changed.")
        carry_out(settings, plan, ways, given)


@app.command(epilog="Example: relay webhooks delete 8_zyfMv7Q_o7ovXviPUu3")
def delete(
    webhook_id: Annotated[
        str, typer.Argument(metavar="ID", help="As `relay webhooks list` shows it. After -- if it begins with a dash.")
    ],
    *,
    api: Api = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Delete a registration at Sofy: nothing is posted to its URL any more. Asks first on a terminal.

    Exit 0 when it is deleted, 1 when not, 2 for wrong use or unusable settings.
    """
    settings, keys = _settings_and_keys()
    keys = keys if api is None else (_chosen(keys, api),)
    from relay.cli.webhooks.urls import shown

    registrations, errors = asyncio.run(_registered(settings, keys))
    found = next((each for each in reversed(registrations) if each.id == webhook_id), None)
    if found is None:
        for sentence in errors:
            say(sentence)
        if errors:
            raise typer.Exit(1)
        fail(f"No webhook of that id is registered with {_named(keys)}; `relay webhooks list` shows those that are.")
    about = f"{webhook_id} ({found.version}, {shown(found.url)})"
    if not errors and _receives_alone(found, registrations):
        say(f"{about} is the only one registered for {STATUS_EVENT}: without it no status arrives.")
    if dry_run:
        say(f"Would delete {about}.")
        return
    if not yes and sys.stdin.isatty() and not typer.confirm(plain(f"Delete {about}?"), err=True):
        fail("Nothing was deleted.")
    key = next(key for key in keys if key.version is found.version)
    answered(_delete(settings, key, webhook_id))
    say(f"Deleted {about}.")


# Settings and keys


def _settings_and_keys() -> tuple["Settings", tuple[ApiKey, ...]]:
    """Give the settings (Sofy's and the paths' only) and at least one key; ends the command without."""
    loaded = settings_or_exit(groups=_GROUPS)
    from relay.sofy_settings import api_keys, unusable_api

    problems = [*unusable_api(loaded.settings)]
    if problems:
        # A name misspelt is often why another is not set.
        for sentence in (*problems, *loaded.warnings):
            say(sentence)
        raise typer.Exit(WRONG_SETTINGS)
    return loaded.settings, api_keys(loaded.settings)


def _chosen(keys: Collection[ApiKey], api: ApiVersion | None) -> ApiKey:
    """Give the one key to use; ends the command if that is not clear."""
    from relay.sofy_settings import API_TOKEN, KEY_ID, KEY_SECRET

    if api is None and len(keys) > 1:
        fail(f"{KEY_ID} (v1) and {API_TOKEN} (v2) are both set: say --api v1 or --api v2.", WRONG_SETTINGS)
    usable = [key for key in keys if api in {None, key.version}]
    if not usable:
        names = API_TOKEN if api is ApiVersion.V2 else f"{KEY_ID} and {KEY_SECRET}"
        fail(f"--api {api} needs {names}, not set here; set that, or choose the other API.", WRONG_SETTINGS)
    return usable[0]


def _named(keys: Collection[ApiKey]) -> str:
    return " or ".join(f"{key.version}'s key" for key in keys)


def _expected(settings: "Settings", url: str | None) -> "Expected":
    from relay.cli.webhooks.registrations import Expected
    from relay.http.paths import WebhookPaths
    from relay.sofy_settings import authenticator, credentials

    return Expected(
        WebhookPaths(settings.http.base_path), authenticator(settings), credentials(settings), url and url.strip()
    )


# Asking Sofy


async def _registered(settings: "Settings", keys: Collection[ApiKey]) -> tuple[list["Registration"], list[str]]:
    """Give the registrations of all keys, v1's first, and a sentence for each key that could not be asked."""
    from relay.sofy.api.calls import Patience, opened
    from relay.sofy.api.errors import ApiError
    from relay.sofy.api.webhooks import Webhooks

    async def ask(key: ApiKey) -> "list[Registration] | str":
        try:
            async with opened(settings.sofy.api_url, key, patience=Patience(), notice=say) as calls:
                return await Webhooks(calls).registered()
        except ApiError as error:
            return str(error)

    answers = await asyncio.gather(*(ask(key) for key in keys))
    registrations = [each for answer in answers if not isinstance(answer, str) for each in answer]
    return registrations, [answer for answer in answers if isinstance(answer, str)]


async def _delete(settings: "Settings", key: ApiKey, webhook_id: str) -> None:
    from relay.sofy.api.calls import Patience, opened
    from relay.sofy.api.webhooks import Webhooks

    async with opened(settings.sofy.api_url, key, patience=Patience(), notice=say) as calls:
        await Webhooks(calls).delete(webhook_id)


def _receives_alone(found: "Registration", registrations: Collection["Registration"]) -> bool:
    def wants(each: "Registration") -> bool:
        return each.events is None or STATUS_EVENT in each.events

    return wants(found) and not any(wants(each) for each in registrations if each.id != found.id)
