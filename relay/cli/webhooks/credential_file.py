"""A file of tokens or secrets that the relay follows: read strictly, added to, replaced in one step.

Its two forms are the settings': a JSON list of texts (RELAY_SOFY__TOKENS, __SECRETS, __WEBHOOK_IDS), or a JSON object
of accounts (RELAY_SOFY__ACCOUNTS).
"""

import json
import os
import stat
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from relay.sofy.authenticity import DEFAULT_ACCOUNT

_MEMBERS: Final = ("tokens", "secrets", "webhook_ids")
_LARGEST: Final = 1024 * 1024

Member = Literal["tokens", "secrets"]
_Given = TypeVar("_Given")
_Lists = dict[str, dict[str, list[str]]]


class CredentialFileError(Exception):
    """The file cannot be read, understood or replaced; one sentence without what it holds."""


class FormError(Exception):
    """What is wrong with the content, as follows "FILE"."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Which account is meant: the one that the URL names, else the one that has one of these tokens, else `default`."""

    account: str | None = None
    tokens: Collection[bytes] = field(default=(), repr=False)


def with_credential(text: str, member: Member, value: str, whose: Whose) -> str:
    """Give the content with a token or a secret more, at its list's end; unchanged if it is there.

    Raises:
        FormError: it is none that the relay could use, or has not this account.
    """
    content = _parsed(text)
    if isinstance(content, list):
        if whose.account not in {None, DEFAULT_ACCOUNT}:
            message = f"holds a list, which can only be account default's: the one of {whose.account} is an object"
            raise FormError(message)
        return _written(text, content, _with(content, value))
    name = _account(content, whose)
    own = content[name]
    return _written(text, content, {**content, name: {**own, member: _with(own.get(member, []), value)}})


def with_webhook_id(text: str, webhook_id: str, whose: Whose) -> str:
    """Give the content with an expected registration more; unchanged if it is there, or all are expected.

    Raises:
        FormError: it is none that the relay could use, or has not this account.
    """
    content = _parsed(text)
    if isinstance(content, list):
        return _written(text, content, _with(content, webhook_id) if content else content)
    name = _account(content, whose)
    own = content[name]
    if not own.get("webhook_ids"):
        return text
    return _written(text, content, {**content, name: {**own, "webhook_ids": _with(own["webhook_ids"], webhook_id)}})


def is_of_accounts(text: str) -> bool:
    """Say whether the content is that of RELAY_SOFY__ACCOUNTS."""
    return isinstance(_parsed(text), dict)


class CredentialFile:
    """One file, which others may read at any moment: they see the old content or the new one, never a part."""

    def __init__(self, path: Path) -> None:
        """Take the path; a symbolic link is followed when it is written."""
        self.path = path

    @property
    def of_accounts(self) -> bool:
        """Whether it is RELAY_SOFY__ACCOUNTS's.

        Raises:
            CredentialFileError: it is nobody's.
        """
        return self._read(is_of_accounts, self._text())

    def rehearse(self, edit: Callable[[str], str], *, really: bool = True) -> None:
        """Find out whether `change` would succeed: the same content takes the file's place, unless not `really`.

        Raises:
            CredentialFileError: it would not.
        """
        text = self._text()
        self._read(edit, text)
        if really:
            self._replace(text)

    def change(self, edit: Callable[[str], str]) -> bool:
        """Let `edit` make the new content of the one that is there now; say whether it differs. Durable on return.

        Raises:
            CredentialFileError: it cannot be read, understood or replaced. What it held, it holds.
        """
        before = self._text()
        after = self._read(edit, before)
        if after == before:
            return False
        self._replace(after)
        return True

    def _read(self, by: Callable[[str], _Given], text: str) -> _Given:
        try:
            return by(text)
        except FormError as error:
            message = f"{self.path} {error}."
            raise CredentialFileError(message) from None

    def _text(self) -> str:
        try:
            if not self.path.is_file():  # a pipe would be waited for
                raise ValueError  # noqa: TRY301 - said with the others
            with self.path.open("rb") as file:
                content = file.read(_LARGEST + 1)
            if len(content) > _LARGEST:
                raise ValueError  # noqa: TRY301 - said with the others
            return content.decode()
        except (OSError, ValueError):
            message = f"{self.path} is no text file that this user may read; name the one that the relay follows."
            raise CredentialFileError(message) from None

    def _replace(self, text: str) -> None:
        target = Path(os.path.realpath(self.path))
        temporary = None
        try:
            there = target.stat()
            descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            with os.fdopen(descriptor, "wb") as file:
                # The relay may run as another user: who could read the file must be able to read the new one.
                if (there.st_uid, there.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), there.st_uid, there.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(there.st_mode))
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)  # noqa: PTH105 - a temporary file's name is a text
            temporary = None
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            message = (
                f"{self.path} cannot be replaced ({why}): run this where the folder may be written to, as its owner."
            )
            raise CredentialFileError(message) from None
        finally:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)


def _parsed(text: str) -> list[str] | _Lists:
    try:
        content = json.loads(text, object_pairs_hook=_no_name_twice)
    except (ValueError, RecursionError):
        content = None
    if _is_list(content):
        found: list[str] = content
        return found
    if isinstance(content, dict) and all(
        isinstance(own, dict) and set(own) <= set(_MEMBERS) and all(_is_list(each) for each in own.values())
        for own in content.values()
    ):
        return content
    message = 'holds neither a JSON list of texts, such as ["first"], nor RELAY_SOFY__ACCOUNTS\'s object'
    raise FormError(message)


def _is_list(content: object) -> bool:
    return isinstance(content, list) and all(isinstance(each, str) and each.strip() for each in content)


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError
    return members


def _account(accounts: _Lists, whose: Whose) -> str:
    owners = [
        name
        for name, own in accounts.items()
        if any(token.encode(errors="replace") in whose.tokens for token in own.get("tokens", ()))
    ]
    name = whose.account or (owners[0] if owners else DEFAULT_ACCOUNT)
    if name not in accounts:
        message = f"has no account {name}" if whose.account else "has no account with the token that is replaced"
        raise FormError(message)
    return name


def _with(values: list[str], value: str) -> list[str]:
    return values if value in values else [*values, value]


def _written(text: str, before: object, after: object) -> str:
    """Write it as it was written: on one line or on several."""
    if after == before:
        return text
    body = text.rstrip()
    return json.dumps(after, indent=2 if "\n" in body else None) + text[len(body) :]
