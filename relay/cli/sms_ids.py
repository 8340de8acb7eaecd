"""Ids of SMS, one a line, from a file or stdin; read as they come, whatever the file's size and whatever it holds."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

LONGEST_LINE: Final = 4096
"""Bytes: more than any id has, blanks around it included."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class SmsIdsError(Exception):
    """The file cannot be read; one sentence."""


@contextmanager
def opened_ids(source: str) -> Iterator[Iterator[tuple[int, str | None]]]:
    """Open the file that is named, or stdin if that is `-`; give what `ids` gives.

    Raises:
        SmsIdsError: it cannot be opened, or not be read to its end.
    """
    try:
        if source == "-":
            yield ids(sys.stdin.buffer)
        else:
            with Path(source).open("rb") as file:
                yield ids(file)
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else "not possible"
        message = f"--sms-ids {source} cannot be read ({why}): name a file with one id a line, or - for stdin."
        raise SmsIdsError(message) from error


def ids(file: BinaryIO) -> Iterator[tuple[int, str | None]]:
    """Give each line that is not blank: its number, from 1 on, and its text without blanks around it.

    The text is None where the line is longer than any id, or not UTF-8.
    """
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield number, None
            continue
        # The mark is what Windows' editors begin a file with.
        text = (line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line).strip()
        if text:
            yield number, _decoded(text)


def _decoded(text: bytes) -> str | None:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None
