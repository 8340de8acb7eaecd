"""From environment variables to `Settings`: every problem at once, one sentence each, never a value.

pydantic-settings knows no unknown names, shows values in its errors and stops at the first bad JSON; so
this module finds the known names, reads the ``*_FILE`` variants, hands the texts to the models, and makes
its sentences from each error's place and type alone: a value may be a secret.
"""

import errno
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from relay.settings import Account, Settings
from relay.settings.rules import broken_rules, unauthenticated
from relay.settings.types import Wants

PREFIX: Final = "RELAY_"
FILE_SUFFIX: Final = "_FILE"
_FOR_TESTS: Final = ("RELAY_TEST_", "RELAY_REQUIRE_")
_LARGEST_FILE: Final = 1024 * 1024
_LONGEST_NAME_SHOWN: Final = 80

# What Kubernetes injects for a Service called relay or relay-….
_INJECTED: Final = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_.*)?$|_PORT_[0-9]+_(TCP|UDP)(_.*)?$", re.DOTALL)
_INJECTED_ADDRESSES: Final = ("tcp://", "udp://")

# A required setting that is wrong must not keep the rules about others from being checked.
_STANDS_IN: Final = MappingProxyType({"RELAY_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092"})

_WHOLE = "is not a whole number"
_NUMBER = "is not a number"
_FORM = "is not of the right form"
_SIZE = "is not a size in bytes"
_WRONG: Final = MappingProxyType(
    {
        "missing": "is not set",
        "int_parsing": _WHOLE,
        "int_parsing_size": _WHOLE,
        "int_from_float": _WHOLE,
        "float_parsing": _NUMBER,
        "finite_number": _NUMBER,
        "bool_parsing": "is neither true nor false",
        "greater_than": "is too small",
        "greater_than_equal": "is too small",
        "less_than": "is too large",
        "less_than_equal": "is too large",
        "literal_error": "is none of the words it can be",
        "string_pattern_mismatch": _FORM,
        "string_too_short": "is empty",
        "string_too_long": "is too long",
        "string_unicode": "is not valid text",
        "string_type": "is not a text",
        "too_short": "is empty",
        "tuple_type": "is not a list",
        "model_type": "is not an object",
        "byte_size": _SIZE,
        "byte_size_unit": _SIZE,
        "port_out_of_range": "has a port that is not from 1 to 65535",
        "extra_forbidden": "has an unknown member",
        "not_json": "is not JSON",
        "not_an_object": "is not a JSON object",
        "repeated_name": "gives a name twice",
        "blank": "is blank",
    }
)
"""What is wrong, by the error's type."""

_UNREADABLE: Final = (
    (FileNotFoundError, "a file that does not exist; mount it there, or correct the path"),
    (IsADirectoryError, "a directory; give the file in it"),
    (PermissionError, "a file that this user may not read; change its mode or owner"),
    (UnicodeDecodeError, "a file that is not UTF-8 text; write it as such"),
    (Exception, "a file that cannot be read or is larger than 1 MiB; correct the path"),
)


class SettingsError(Exception):
    """The settings cannot be used.

    Attributes:
        problems: One sentence each, at least one; names, places and kinds, never a value.
        warnings: As `Loaded.warnings`: a name misspelt is often why another is not set.
    """

    def __init__(self, problems: tuple[str, ...], warnings: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.warnings = warnings


@dataclass(frozen=True, slots=True)
class Loaded:
    """Usable settings, and what about the environment looks like a mistake."""

    settings: Settings
    warnings: tuple[str, ...]
    """One sentence for each unknown ``RELAY_`` name, with the nearest known one."""
    given: Mapping[str, str]
    """Which variable gave a setting (its name, or that with ``_FILE``); absent: the default holds."""
    texts: Mapping[str, str] = field(repr=False)
    """Each given setting's text, secrets included."""
    to_serve: bool = False
    """As it was asked of `load`."""
    groups: Collection[str] | None = None
    """As it was asked of `load`."""


def load(environ: Mapping[str, str], *, to_serve: bool = False, groups: Collection[str] | None = None) -> Loaded:
    """Read all settings from `environ` and the files it names. Blocks on those files only.

    Args:
        environ: variables by name, as `os.environ`.
        to_serve: also refuse settings that `relay serve` must not start with: no token and no secret.
        groups: those whose settings are needed (None: all), as `Settings` names them. The others are not read, may be
            wrong or missing, and must not be used.

    Raises:
        SettingsError: with everything that is wrong, not only the first.
    """
    reading = _read(environ, Settings.model_fields if groups is None else groups)
    warnings = tuple(unknown_names(environ))
    settings = _build(reading)
    broken = [*broken_rules(settings), *(unauthenticated(settings) if to_serve else ())]
    reading.problems += [it.sentence for it in broken if reading.wrong.isdisjoint(it.names)]
    if reading.problems:
        raise SettingsError(tuple(reading.problems), warnings)
    return Loaded(
        settings, warnings, MappingProxyType(reading.given), MappingProxyType(reading.texts), to_serve, groups
    )


def unknown_names(environ: Mapping[str, str]) -> Iterator[str]:
    """Give a sentence for each ``RELAY_`` name that is no setting, with the nearest that is one.

    Names that Kubernetes injects for a Service, and the test suite's own, are no mistakes.
    """
    known = [*KNOWN, *(name + FILE_SUFFIX for name in KNOWN)]
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name.startswith(_FOR_TESTS) or name in known:
            continue
        if _INJECTED.search(name) or (name.endswith("_PORT") and environ[name].startswith(_INJECTED_ADDRESSES)):
            continue
        among = [it for it in known if it.endswith(FILE_SUFFIX) == name.endswith(FILE_SUFFIX)]
        nearest = get_close_matches(name[: 2 * _LONGEST_NAME_SHOWN].upper(), among, n=1, cutoff=0.0)[0]
        yield f"{_printable(name)} is no setting of this version; the nearest known one is {nearest}."


def effective(settings: Settings) -> dict[str, str]:
    """Give every setting's full name and value as a person may see it: secrets as stars, lists of them counted."""
    return {name: _shown(getattr(getattr(settings, it.group), it.field)) for name, it in KNOWN.items()}


@dataclass(frozen=True, slots=True)
class _Known:
    """A setting's place in the models, and what it accepts."""

    group: str
    field: str
    wants: str
    may_be_empty: bool


def _known() -> dict[str, _Known]:
    nested = Settings.model_config["env_nested_delimiter"]
    return {
        f"{PREFIX}{group}{nested}{field}".upper(): _Known(group, field, _wants(info), info.default == "")
        for group, its in Settings.model_fields.items()
        for field, info in _fields(its.annotation).items()
    }


def _fields(model: Any) -> dict[str, FieldInfo]:  # noqa: ANN401 - an annotation is whatever it is
    return model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}


def _wants(info: FieldInfo) -> str:
    """Find what a field accepts: beside its type, or inside where the type is optional."""
    inner = (mark for option in get_args(info.annotation) for mark in getattr(option, "__metadata__", ()))
    return next((mark.words for mark in (*info.metadata, *inner) if isinstance(mark, Wants)), "another value")


KNOWN: Final = MappingProxyType(_known())
"""Every setting by its full name, in the order of the models."""


@dataclass(slots=True)
class _Reading:
    """What was read so far, and what was found wrong with it."""

    texts: dict[str, str]
    given: dict[str, str]
    problems: list[str]
    wrong: set[str]
    """Full names that have a problem already, or are not needed: rules between settings say nothing about them."""

    def refuse(self, name: str, sentence: str) -> None:
        self.problems.append(sentence)
        self.wrong.add(name)


def _read(environ: Mapping[str, str], groups: Collection[str]) -> _Reading:
    """Find the text of each setting of `groups` that is given, from its variable or from the file that one names."""
    reading = _Reading({}, {}, [], {name for name, known in KNOWN.items() if known.group not in groups})
    for name, known in KNOWN.items():
        if name in reading.wrong:
            continue
        in_file = name + FILE_SUFFIX
        if name in environ and in_file in environ:
            reading.refuse(name, f"{name} and {in_file} are both set; keep one of them.")
            continue
        if in_file in environ:
            try:
                text = _file(environ[in_file])
            except (OSError, ValueError) as error:
                why = next(words for kind, words in _UNREADABLE if isinstance(error, kind))
                reading.refuse(name, f"{in_file} names {why}.")
                continue
            reading.given[name] = in_file
        elif name in environ:
            text = environ[name]
            reading.given[name] = name
        else:
            continue
        if not text and not known.may_be_empty:
            reading.refuse(name, f"{_subject(name, reading)} is empty; give {known.wants}, or leave it unset.")
        else:
            reading.texts[name] = text
    return reading


def _file(path: str) -> str:
    """Give a file's text less one final line break.

    Raises:
        OSError, ValueError: `_UNREADABLE` says what it means, without the path: that may be a secret set by mistake.
    """
    with Path(path).open("rb") as file:
        content = file.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    text = content.decode()
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _build(reading: _Reading) -> Settings:
    """Make the settings; where a text is unusable, say so and let the default stand in."""
    try:
        return _validated(reading.texts, reading.wrong)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False, include_input=False):
            name = f"{PREFIX}{detail['loc'][0]}__{detail['loc'][1]}".upper()
            reading.refuse(name, _sentence(name, detail, reading))
    return _validated({name: text for name, text in reading.texts.items() if name not in reading.wrong}, reading.wrong)


def _validated(texts: Mapping[str, str], wrong: set[str]) -> Settings:
    groups: dict[str, dict[str, str]] = {group: {} for group in Settings.model_fields}
    for name, stand_in in _STANDS_IN.items():
        if name in wrong:
            groups[KNOWN[name].group][KNOWN[name].field] = stand_in
    for name, text in texts.items():
        groups[KNOWN[name].group][KNOWN[name].field] = text
    return Settings.model_validate(groups)


def _sentence(name: str, detail: ErrorDetails, reading: _Reading) -> str:
    place, wants = _place(detail, KNOWN[name].wants)
    return f"{_subject(name, reading)}{place} {_WRONG.get(detail['type'], 'is not usable')}; give {wants}."


def _subject(name: str, reading: _Reading) -> str:
    given = reading.given.get(name, name)
    return name if given == name else f"{name} (read from {given})"


def _place(detail: ErrorDetails, wants: str) -> tuple[str, str]:
    """Say where inside a setting, by position and by our own words; and what that place wants."""
    setting, inside = detail["loc"][1], detail["loc"][2:]
    places = []
    for depth, step in enumerate(inside):
        if isinstance(step, int):
            places.append(f"{'account' if setting == 'accounts' and depth == 0 else 'item'} {step + 1}")
        elif step in Account.model_fields:
            places.append(f"its {step}")
            wants = _wants(Account.model_fields[step])
    return "".join(f", {place}" for place in places) + ("," if places else ""), wants


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, tuple):
        return _shown_list(value)
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value) or "empty"


def _shown_list(values: tuple[object, ...]) -> str:
    if not values:
        return "not set"
    if all(isinstance(value, Account) for value in values):
        return ", ".join(value.name for value in values if isinstance(value, Account))
    if all(isinstance(value, SecretStr) for value in values):
        return f"******** ({len(values)})"
    return ", ".join(str(value) for value in values)


def _printable(name: str) -> str:
    """Give a variable's name without anything that could steer a terminal or fill a log."""
    shown = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in name)
    return shown if len(shown) <= _LONGEST_NAME_SHOWN else f"{shown[:_LONGEST_NAME_SHOWN]}..."
