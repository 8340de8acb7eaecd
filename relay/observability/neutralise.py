"""What may be shown of a value that somebody else made.

A log line must stay one line, must not drive a terminal, must stay small, and must hold nothing
personal. So text is escaped and cut, an exception is its class and its frames but never its
message (a ValidationError's holds the input), and an object without a plain form is its class.
"""

import errno
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import PurePath
from traceback import walk_tb
from typing import Final, TypeAlias
from uuid import UUID

MAX_TEXT_BYTES: Final = 2048
"""The most that one string takes in a log line, in bytes of UTF-8."""

_MAX_ITEMS: Final = 32
_MAX_DEPTH: Final = 2
_MAX_INTEGER_BITS: Final = 64
_MAX_EXCEPTIONS: Final = 8
_MAX_FRAMES: Final = 20

# Control characters, line and paragraph separators, zero-width and bidirectional marks, lone
# surrogates, tags: whatever could end a line, drive a terminal, hide or reorder text.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)

Shown: TypeAlias = "str | int | float | bool | list[Shown] | dict[str, Shown] | None"
"""What a log line is made of: plain JSON values."""


def text(value: str) -> str:
    """Give `value` on one line, harmless to terminals, in at most `MAX_TEXT_BYTES` of UTF-8."""
    # An escape only ever lengthens, so what comes after this many characters cannot be shown.
    shown = _UNSAFE.sub(_escape, value[:MAX_TEXT_BYTES])
    encoded = shown.encode()
    if len(value) <= MAX_TEXT_BYTES and len(encoded) <= MAX_TEXT_BYTES:
        return shown
    mark = f"... (cut; {len(value)} characters)"
    return encoded[: MAX_TEXT_BYTES - len(mark)].decode(errors="ignore") + mark


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def plain(value: object, depth: int = 0) -> Shown:
    """Give what a log line may hold of `value`; an object of no plain kind is its class's name."""
    match value:
        case None | bool():
            return value
        case int():
            bits = value.bit_length()
            return int(value) if bits <= _MAX_INTEGER_BITS else f"<integer of {bits} bits>"
        case float() if isfinite(value):
            return float(value)
        case Mapping() if depth < _MAX_DEPTH:
            pairs = list(value.items())[:_MAX_ITEMS]
            return {text(str(plain(key, _MAX_DEPTH))): plain(item, depth + 1) for key, item in pairs}
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [plain(item, depth + 1) for item in list(value)[:_MAX_ITEMS]]
        case _:
            return text(_words(value))


def _words(value: object) -> str:
    """Give the words for a value that is no JSON number and no container, before they are neutralised."""
    match value:
        case str() | float() | UUID() | PurePath():
            return str(value)
        case datetime():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case BaseException():
            return name(value)
        case type():
            return _class_name(value)
        case _:
            return f"<{_class_name(type(value))}>"


def name(exception: BaseException) -> str:
    """Give the exception's class, and what is known to be harmless of what it says.

    The relay's own exceptions speak for themselves: their contract is to hold nothing personal. Of
    an operating system's error the symbol is given (`ECONNREFUSED`). Any other message is withheld.
    """
    kind = _class_name(type(exception))
    if type(exception).__module__.partition(".")[0] == "relay":
        return text(f"{kind}: {exception}")
    if isinstance(exception, OSError) and exception.errno is not None and exception.errno in errno.errorcode:
        return f"{kind}: {errno.errorcode[exception.errno]}"
    return text(kind)


def _class_name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


@dataclass(frozen=True, slots=True)
class Told:
    """One exception as a log line shows it."""

    name: str
    frames: tuple[str, ...]
    """`file:line:function`, the innermost last; the outermost are left out of a deep stack."""


def told(exception: BaseException) -> list[Told]:
    """Give the exception, then its causes and a group's members, a bounded number of each."""
    waiting: deque[BaseException] = deque([exception])
    seen: set[int] = set()
    found: list[Told] = []
    while waiting and len(found) < _MAX_EXCEPTIONS:
        one = waiting.popleft()
        if id(one) in seen:
            continue
        seen.add(id(one))
        found.append(Told(name(one), _frames(one)))
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions[:_MAX_EXCEPTIONS])
        below = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        if below is not None:
            waiting.append(below)
    return found


def _frames(exception: BaseException) -> tuple[str, ...]:
    innermost = deque(walk_tb(exception.__traceback__), maxlen=_MAX_FRAMES)
    return tuple(text(f"{_short(frame.f_code.co_filename)}:{line}:{frame.f_code.co_name}") for frame, line in innermost)


def _short(filename: str) -> str:
    """Leave out where the installation lies: it tells nobody anything."""
    return filename.rpartition("site-packages/")[2]
