"""A rotation without a gap: a new registration beside the old one, proven, and only then the old one's end.

At every moment at least one registration stands whose webhooks the relay believes, so that a run that ends anywhere
loses nothing. What a run leaves behind, the next one takes up, or deletes.
"""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import typer

from relay.cli.terminal import fail, plain, say
from relay.cli.webhooks.secret_file import SecretFileError
from relay.sofy.api.keys import ApiVersion

if TYPE_CHECKING:
    from relay.cli.webhooks.credential_file import CredentialFile
    from relay.cli.webhooks.probing import Prober, Proof
    from relay.cli.webhooks.rotation_order import Plan
    from relay.cli.webhooks.secret_file import SecretFile
    from relay.sofy.api.webhooks import Made, Registration, Webhooks

TWO_LOOKS_S: Final = 3.0
"""How long the relay takes, with some room, to read a changed file: two looks, a second each."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How the relay learns what is new, and how long is waited."""

    add_to: "CredentialFile | None" = None
    """The file of tokens, secrets or accounts that the relay follows."""
    add_id_to: "CredentialFile | None" = None
    """The file of expected registrations that it follows."""
    secret_file: "SecretFile | None" = None
    """v2: where the secret goes for somebody who brings it to the relay; without any of these, stdout."""
    secret: str | None = field(default=None, repr=False)
    """v2: an earlier run's, which is taken up."""
    token: str | None = field(default=None, repr=False)
    """v1: the new one."""
    overlap_s: float = 0.0
    """How long both registrations stand once the new one is proven."""


class Rotating:
    """One rotation, step by step; `left` says at any moment what to do should it end there."""

    def __init__(self, plan: "Plan", ways: Ways, prober: "Prober") -> None:
        """Take the plan and the means; nothing is done yet."""
        self._plan = plan
        self._ways = ways
        self._prober = prober
        self.left = "Nothing was changed at Sofy." if plan.new is None else self._stands("Run this again.")

    async def run(self, api: "Webhooks") -> None:
        """Rotate by Sofy's `api`; ends the command with what is left to do where a step does not succeed.

        Raises:
            ApiError, UncertainError: Sofy does not do what is asked; `left` says what stands.
            CredentialFileError: a file cannot be changed any more.
        """
        new = await (self._by_token(api) if self._plan.order.key.version is ApiVersion.V1 else self._by_secret(api))
        old = self._plan.old
        self.left = f"{new} works. What is left: {_deletions(old)}"
        say(f"{new} works: the relay believes its webhooks.")
        if old and self._ways.overlap_s:
            say(f"Both registrations stand for {self._ways.overlap_s:.0f} s more: webhooks under way arrive meanwhile.")
            await asyncio.sleep(self._ways.overlap_s)
        await self._delete(api, old)
        self._say_what_remains()

    # The new registration

    async def _by_token(self, api: "Webhooks") -> str:
        from relay.cli.webhooks.probing import Proof

        plan, ways = self._plan, self._ways
        url = plan.order.url
        if ways.add_to is not None and ways.token is not None:
            await self._tell_token(ways.add_to, ways.token)
        if plan.new is None:
            self.left = "Nothing was changed at Sofy; run the same command again once the relay knows the token."
        await self._proven(Proof(url, None))
        new = plan.new or (await self._register(api)).registration
        self._add_id(new.id)
        await self._proven(Proof(url, new.id))
        return plain(new.id)

    async def _tell_token(self, file: "CredentialFile", token: str) -> None:
        from relay.cli.webhooks.credential_file import with_credential

        if file.change(partial(with_credential, member="tokens", value=token, whose=self._plan.whose)):
            say(f"The token is in {file.path} too, beside the old one.")
            await asyncio.sleep(TWO_LOOKS_S)  # a probe before would count as a refused webhook

    async def _by_secret(self, api: "Webhooks") -> str:
        from relay.cli.webhooks.probing import Proof
        from relay.cli.webhooks.urls import shown

        plan = self._plan
        wrong = await self._prober.reaches(plan.order.url)
        if wrong is not None:
            fail(f"{shown(plan.order.url)} {wrong.removesuffix('.')}; {self.left}")
        if plan.new is not None:
            new_id, secret = plan.new.id, self._ways.secret
        else:
            made = await self._register(api)
            new_id, secret = made.registration.id, made.secret
            if secret is None:
                lost = "in the answer that was lost" if made.answer_lost else "not in Sofy's answer"
                fail(f"Its secret was {lost}. {self.left}")
            self._hand_over(new_id, secret)
        self.left = self._stands(self._go_on(new_id))
        await self._proven(Proof(plan.order.url, new_id, secret))
        return plain(new_id)

    async def _register(self, api: "Webhooks") -> "Made":
        from relay.cli.webhooks.urls import shown

        order, old = self._plan.order, self._plan.old
        self.left = f"Another registration may stand beside the old one. {self._anew()}"
        made = await api.register(order.url, self._plan.events, beside=[each.id for each in old])
        self.left = self._stands(self._anew())
        events = ", ".join(self._plan.events)
        say(f"Registered {shown(order.url)} ({order.key.version}, {events}) as {made.registration.id}.")
        for copy in made.copies:
            say(f"An attempt that seemed to fail registered it as {copy} too: `relay webhooks delete {copy}`.")
        return made

    def _hand_over(self, new_id: str, secret: str) -> None:
        """Give v2's secret to the relay, or to who brings it there; it is never to be had again."""
        from relay.cli.webhooks.credential_file import CredentialFileError, with_credential

        ways = self._ways
        try:
            self._add_id(new_id)
            if ways.add_to is not None:
                ways.add_to.change(partial(with_credential, member="secrets", value=secret, whose=self._plan.whose))
                say(f"Its secret is in {ways.add_to.path}, beside the old one.")
                return
            if ways.secret_file is not None:
                ways.secret_file.write(secret)
        except (CredentialFileError, SecretFileError) as error:
            typer.echo(secret)
            fail(f"{error} The secret is on stdout instead, this once. {self._stands(self._go_on(new_id))}")
        if ways.secret_file is None:
            typer.echo(secret)
            _end_stdout()
        where = "on stdout" if ways.secret_file is None else f"in {ways.secret_file.path}"
        say(f"Its secret is {where}: add it to the relay's now, beside the old one.")

    def _add_id(self, new_id: str) -> None:
        """Let the relay expect the registration, where it expects certain ones."""
        from relay.cli.webhooks.credential_file import with_webhook_id

        ways = self._ways
        of_accounts = ways.add_to if ways.add_to is not None and ways.add_to.of_accounts else None
        for file in (ways.add_id_to, of_accounts):
            if file is not None and file.change(partial(with_webhook_id, webhook_id=new_id, whose=self._plan.whose)):
                say(f"{new_id} is in {file.path}, beside the old one.")

    # What to do should it end here

    def _stands(self, how: str) -> str:
        return f"The old registration stands beside the new one, so nothing is lost. {how}"

    def _anew(self) -> str:
        if self._plan.order.key.version is ApiVersion.V1:
            return "Run the same command again: it goes on from here."
        return "Run the same command again: it makes yet another registration, and deletes all before it."

    def _go_on(self, new_id: str) -> str:
        """Say how to take up v2's rotation: with its secret, or by a registration anew where the relay alone has it."""
        from relay.cli.webhooks.urls import shown

        if self._ways.add_to is not None:
            return self._anew()
        url, file = self._plan.order.url, self._ways.secret_file
        command = " ".join(
            [
                "relay webhooks rotate",
                shlex.quote(url) if shown(url) == url else "URL",
                shlex.quote(f"--finish={plain(new_id)}"),
                "--secret-file",
                "FILE" if file is None else shlex.quote(str(file.path)),
            ]
        )
        return f"Once the relay has the secret, `{command}` goes on."

    async def _proven(self, proof: "Proof") -> None:
        from relay.cli.webhooks.urls import shown

        wrong = await self._prober.believed(proof)
        if wrong is not None:
            fail(f"{shown(proof.url)} {wrong.removesuffix('.')}. {self.left}")

    # The old ones

    async def _delete(self, api: "Webhooks", old: "Sequence[Registration]") -> None:
        from relay.sofy.api.errors import UnknownWebhookError

        left = list(old)
        while left:
            self.left = f"The new registration works. What is left: {_deletions(left)}"
            try:
                await api.delete(left[0].id)
                say(f"Deleted {left[0].id}, the old one.")
            except UnknownWebhookError:
                say(f"{left[0].id}, the old one, was gone already.")
            del left[0]

    def _say_what_remains(self) -> None:
        what = "token" if self._plan.order.key.version is ApiVersion.V1 else "secret"
        file = self._ways.add_to
        where = "the relay's settings" if file is None else str(file.path)
        say(
            f"The old {what} is still in {where}, for webhooks under way and replays. How long Sofy replays is not "
            f"known; take it out after some days, at once if it leaked."
        )


def _deletions(old: "Sequence[Registration]") -> str:
    if not old:
        return "nothing."
    return ", then ".join(f"`relay webhooks delete -- {plain(each.id)}`" for each in old) + "."


def _end_stdout() -> None:
    """Let the reader of a pipe see its end: it hands the secret on while we wait for the relay to know it."""
    sys.stdout.flush()
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    if not os.isatty(descriptor):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
