"""What a rotation is asked to do: the options, what is registered, and the means, found out before anything is done."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.terminal import WRONG_SETTINGS, fail, plain, say
from relay.cli.webhooks.registering import STATUS_EVENT, Order, line_or_exit
from relay.cli.webhooks.rotating import Rotating, Ways
from relay.sofy.api.keys import ApiVersion

if TYPE_CHECKING:
    from relay.cli.webhooks.credential_file import Whose
    from relay.http.paths import WebhookPaths
    from relay.settings import Settings
    from relay.sofy.api.webhooks import Registration


@dataclass(frozen=True, slots=True)
class Given:
    """The options, as given."""

    token_file: Path | None
    add_to: Path | None
    add_id_to: Path | None
    secret_file: Path | None
    force: bool
    finish: str | None
    wait_s: float
    in_a_row: int
    overlap_s: float


def check_use(version: ApiVersion, given: Given) -> None:
    """End the command where options do not go together."""
    wrong = None
    if version is ApiVersion.V1 and (given.secret_file is not None or given.finish is not None):
        wrong = "v1 has no secret: leave --secret-file and --finish out, or give --api v2."
    elif version is ApiVersion.V2 and given.token_file is not None:
        wrong = "v2 signs its webhooks and needs no token: leave --token-file out, or give --api v1."
    elif given.add_to is not None and given.secret_file is not None:
        wrong = "The secret goes to one place: give --add-to or --secret-file."
    elif given.finish is not None and given.secret_file is None:
        wrong = "--finish needs the secret of that registration: give --secret-file."
    if wrong is not None:
        fail(wrong, WRONG_SETTINGS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rotation has to do."""

    order: Order
    new: "Registration | None"
    """It stands already: an earlier run made it."""
    old: "tuple[Registration, ...]"
    """What is deleted at the end."""
    whose: "Whose"
    token: str | None = field(default=None, repr=False)
    """v1: the new one."""

    def lines(self) -> "Iterator[str]":
        """Say what is going to be done, a sentence each."""
        from relay.cli.webhooks.urls import shown

        about = f"{shown(self.order.url)} ({self.order.key.version}, {', '.join(self.events)})"
        if self.new is None:
            yield f"To do: register {about} anew, and prove that the relay believes it."
        else:
            yield f"To do: prove that the relay believes {self.new.id}, which is {about}."
        for each in self.old:
            yield f"Then: delete {each.id} ({shown(each.url)})."

    @property
    def events(self) -> tuple[str, ...]:
        """Those of the old registrations, so that none of them ceases."""
        found = [event for each in self.old for event in each.events or (STATUS_EVENT,)]
        return tuple(dict.fromkeys(found)) or (STATUS_EVENT,)


def plan_or_exit(
    order: Order, registrations: "Sequence[Registration]", paths: "WebhookPaths", new_id: str | None
) -> Plan:
    """Say what is to be done; ends the command where there is nothing to rotate."""
    from relay.cli.webhooks.urls import shown

    if order.key.version is ApiVersion.V1:
        plan = _by_token(order, registrations, paths)
    else:
        plan = _by_secret(order, registrations, paths, new_id)
    if plan.new is None and not plan.old:
        fail(
            f"No webhook is registered for {shown(order.url)}, so there is none to rotate; "
            "use `relay webhooks register`."
        )
    _check_events(plan)
    return plan


def _by_token(order: Order, registrations: "Sequence[Registration]", paths: "WebhookPaths") -> Plan:
    from relay.cli.webhooks.credential_file import Whose
    from relay.cli.webhooks.urls import without_secrets
    from relay.sofy.api.addresses import canonical

    token = _token(order.url, paths)
    if token is None:
        fail(
            "The URL's path is none of the relay's with a token (/webhooks/sofy after RELAY_HTTP__BASE_PATH); write "
            "the new token to a file and give --token-file.",
            WRONG_SETTINGS,
        )
    bare = without_secrets(order.url)
    # One without a token is v2's, and another rotation's.
    held = {each.id: _token(each.url, paths) for each in registrations if without_secrets(each.url) == bare}
    same = [each for each in registrations if held.get(each.id) is not None]
    new = next((each for each in same if canonical(each.url) == canonical(order.url)), None)
    old = tuple(each for each in same if each is not new)
    tokens = frozenset(its for its in held.values() if its is not None)
    return Plan(order, new, old, Whose(None, tokens), token.decode(errors="replace"))


def _by_secret(
    order: Order, registrations: "Sequence[Registration]", paths: "WebhookPaths", new_id: str | None
) -> Plan:
    from relay.cli.webhooks.credential_file import Whose
    from relay.cli.webhooks.urls import receiver, shown
    from relay.sofy.api.addresses import canonical

    same = [each for each in registrations if canonical(each.url) == canonical(order.url)]
    new = next((each for each in same if each.id == new_id), None)
    if new_id is not None and new is None:
        fail(f"{plain(new_id)} is no registration of {shown(order.url)}; `relay webhooks list` shows those that are.")
    there = receiver(order.url, paths)
    account = None if there is None or there.place is None else there.place.account
    return Plan(order, new, tuple(each for each in same if each is not new), Whose(account))


def _check_events(plan: Plan) -> None:
    new = plan.new
    missing = [] if new is None or new.events is None else [it for it in plan.events if it not in new.events]
    if new is not None and missing and plan.old:
        fail(
            f"{plain(new.id)} is the new one already, but without {plain(', '.join(missing))}, which the old one has; "
            f"`relay webhooks delete -- {plain(new.id)}`, and run this again."
        )


def _token(url: str, paths: "WebhookPaths") -> bytes | None:
    from relay.cli.webhooks.urls import receiver

    there = receiver(url, paths)
    if there is None or there.place is None:
        return None
    return there.place.token if there.password is None else there.password


@contextmanager
def opened_ways(plan: Plan, given: Given) -> Iterator[Ways]:
    """Give the means, each found usable; ends the command where one is not, before anything is done."""
    from relay.cli.webhooks.credential_file import CredentialFile, CredentialFileError, with_webhook_id
    from relay.cli.webhooks.secret_file import SecretFileError, reserved

    with ExitStack() as stack:
        try:
            add_to = None if given.add_to is None else CredentialFile(given.add_to)
            add_id_to = None if given.add_id_to is None else CredentialFile(given.add_id_to)
            if add_to is not None:
                add_to.rehearse(_addition(plan), really=not plan.order.dry_run)
            if add_id_to is not None:
                edit = partial(with_webhook_id, webhook_id="an id", whose=plan.whose)
                add_id_to.rehearse(edit, really=not plan.order.dry_run)
            secret, file = None, None
            if given.secret_file is not None and given.finish is not None:
                secret = line_or_exit(given.secret_file, "--secret-file")
            elif given.secret_file is not None:
                file = stack.enter_context(reserved(given.secret_file, force=given.force))
        except (CredentialFileError, SecretFileError) as error:
            fail(str(error), WRONG_SETTINGS)
        yield Ways(
            add_to=add_to,
            add_id_to=add_id_to,
            secret_file=file,
            secret=secret,
            token=plan.token,
            overlap_s=given.overlap_s,
        )


def _addition(plan: Plan) -> Callable[[str], str]:
    from relay.cli.webhooks.credential_file import with_credential

    if plan.token is None:
        return partial(with_credential, member="secrets", value="a secret", whose=plan.whose)
    return partial(with_credential, member="tokens", value=plan.token, whose=plan.whose)


def carry_out(settings: "Settings", plan: Plan, ways: Ways, given: Given) -> None:
    """Rotate; ends the command with what stands and what to do, should it not come to its end."""
    from relay.cli.webhooks.credential_file import CredentialFileError
    from relay.cli.webhooks.probing import Prober
    from relay.sofy.api.calls import Patience, opened
    from relay.sofy.api.errors import ApiError, UncertainError
    from relay.sofy.api.webhooks import Webhooks

    rotating = Rotating(plan, ways, Prober(say, wait_s=given.wait_s, in_a_row=given.in_a_row))

    async def rotate() -> None:
        async with opened(settings.sofy.api_url, plan.order.key, patience=Patience(), notice=say) as calls:
            await rotating.run(Webhooks(calls))

    try:
        asyncio.run(rotate())
    except (ApiError, UncertainError, CredentialFileError) as error:
        fail(f"{error} {rotating.left}")
    except KeyboardInterrupt:
        fail(f"Interrupted. {rotating.left}")
