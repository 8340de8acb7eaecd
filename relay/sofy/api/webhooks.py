"""Webhooks registered at Sofy: list, register, delete; v1 and v2 differ in paths, keys and the secret.

A rotation is made of the same three.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from relay.sofy.api.addresses import canonical
from relay.sofy.api.calls import Call, Calls
from relay.sofy.api.errors import ApiError, Trouble, UncertainError, UnknownWebhookError
from relay.sofy.api.keys import ApiVersion
from relay.sofy.values import identifier

STATUS_EVENT: Final = "sms.status"


@dataclass(frozen=True, slots=True)
class Registration:
    """A webhook as a list shows it."""

    version: ApiVersion
    """The API that listed it."""
    id: str
    url: str = field(repr=False)
    """May hold secrets: v1's only ones are in it."""
    events: tuple[str, ...] | None
    """None: the list does not say."""
    created_at: str | None


@dataclass(frozen=True, slots=True)
class Made:
    """A registration that was just made."""

    registration: Registration
    secret: str | None = field(repr=False)
    """Signs its webhooks. None: v1's have none, or the answer that held it was lost."""
    answer_lost: bool = False
    """It was found in the list, for the answer to its making never came."""
    copies: tuple[str, ...] = ()
    """Ids of further registrations of the same URL, made by attempts that seemed to have failed."""


class _Entry(BaseModel):
    """What is read of a registration; whatever else Sofy says is left alone."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: Annotated[str, BeforeValidator(identifier)]
    url: Annotated[str, Field(strict=True)]
    events: Annotated[tuple[Annotated[str, Field(strict=True)], ...] | None, Field()] = None
    created_at: Annotated[str | None, BeforeValidator(lambda it: it if isinstance(it, str) else None)] = Field(
        None, alias="createdAt"
    )


class _NewEntry(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: Annotated[str, BeforeValidator(identifier)]
    secret: Annotated[str | None, Field(strict=True)] = None


class Webhooks:
    """The registrations of one key. Every method raises `ApiError` when Sofy does not do what is asked."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.version = calls.key.version

    async def registered(self) -> list[Registration]:
        """Give all registrations of the key, in Sofy's order."""
        return await self._calls.repeatedly(self._list)

    async def register(self, url: str, events: tuple[str, ...], *, beside: Collection[str] = ()) -> Made:
        """Register a URL that is not in the list yet, but under the ids `beside`; never leaves a copy unsaid.

        An attempt that may have succeeded without an answer is looked for in the list before there is another.

        Raises:
            UncertainError: whether it was made cannot be found out, for the list fails too.
        """
        uncertain = False

        async def attempt() -> Made:
            nonlocal uncertain
            if uncertain and (there := _of(url, await self._list(), beside)):
                return Made(there[0], None, answer_lost=True, copies=tuple(it.id for it in there[1:]))
            try:
                made = await self._create(url, events)
            except ApiError as error:
                uncertain = uncertain or error.may_have_been_done
                raise
            return await self._with_copies(made, beside) if uncertain else made

        try:
            return await self._calls.repeatedly(attempt)
        except ApiError as error:
            if not uncertain:
                raise
            there = await self._found_after(error, url, beside)
            if not there:
                raise
            return Made(there[0], None, answer_lost=True, copies=tuple(it.id for it in there[1:]))

    async def delete(self, webhook_id: str) -> None:
        """Unregister.

        Raises:
            UnknownWebhookError: this key has registered no webhook of that id.
        """
        uncertain = False

        async def attempt() -> None:
            nonlocal uncertain
            try:
                await self._calls.once(self._call("Deleting a {} webhook", "DELETE", webhook_id=webhook_id))
            except ApiError as error:
                if error.trouble is Trouble.NOT_FOUND and uncertain:
                    return  # an earlier attempt did it, and its answer was lost
                uncertain = uncertain or error.may_have_been_done
                raise

        try:
            await self._calls.repeatedly(attempt)
        except ApiError as error:
            if error.trouble is not Trouble.NOT_FOUND:
                raise
            message = f"This key has no webhook of that id at {self.version} any more."
            raise UnknownWebhookError(message) from None

    async def _list(self) -> list[Registration]:
        call = self._call("Listing {}'s webhooks", "GET")
        answer = await self._calls.once(call)
        # A bare array by v1's example; that a list may come as `data`, as a webhook's items do, is not ruled out.
        listed = answer.get("data") if isinstance(answer, dict) else answer
        if not isinstance(listed, list):
            raise self._calls.unexpected(call)
        try:
            entries = [_Entry.model_validate(each) for each in listed]
        except ValidationError:
            raise self._calls.unexpected(call) from None
        return [Registration(self.version, it.id, it.url, it.events, it.created_at) for it in entries]

    async def _create(self, url: str, events: tuple[str, ...]) -> Made:
        call = self._call("Registering a {} webhook", "POST", {"url": url, "events": list(events)})
        answer = await self._calls.once(call)
        try:
            entry = _NewEntry.model_validate(answer)
        except ValidationError:
            raise self._calls.unexpected(call) from None
        return Made(Registration(self.version, entry.id, url, events, None), entry.secret or None)

    async def _with_copies(self, made: Made, beside: Collection[str]) -> Made:
        """Say which earlier attempt succeeded after all; of no use to ask twice: the list command shows it too."""
        try:
            there = _of(made.registration.url, await self._list(), beside)
        except ApiError:
            return made
        copies = tuple(it.id for it in there if it.id != made.registration.id)
        return Made(made.registration, made.secret, copies=copies)

    async def _found_after(self, error: ApiError, url: str, beside: Collection[str]) -> list[Registration]:
        try:
            return _of(url, await self._calls.repeatedly(self._list), beside)
        except ApiError:
            message = (
                f"{error.why}, and whether the webhook was registered all the same cannot be found out now; "
                "look with `relay webhooks list` before you register it again."
            )
            raise UncertainError(message) from None

    def _call(
        self, doing: str, method: str, body: dict[str, Any] | None = None, *, webhook_id: str | None = None
    ) -> Call:
        # That v1 deletes as v2 does is taken from v2: its documentation does not say how.
        path = f"/{self.version}/webhooks" + ("" if webhook_id is None else f"/{quote(webhook_id, safe='')}")
        return Call(doing.format(self.version), method, path, body)


def _of(url: str, registrations: list[Registration], beside: Collection[str]) -> list[Registration]:
    wanted = canonical(url)
    return [each for each in registrations if canonical(each.url) == wanted and each.id not in beside]
