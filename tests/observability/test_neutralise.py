import errno
import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePosixPath
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from relay.observability.neutralise import MAX_TEXT_BYTES, name, plain, text, told
from relay.publishing.port import NotPublishedError
from relay.reasons import Reason

SECRET = "+590690112233"


class Message(BaseModel):
    recipient: int


class Colour(StrEnum):
    RED = "red"


class Opaque:
    def __repr__(self) -> str:
        return SECRET


def validation_error() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Message.model_validate({"recipient": {"number": SECRET}})
    return caught.value


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain", "plain"),
        ("déjà vu 🎉", "déjà vu 🎉"),
        ("a\nb\r\nc\td", r"a\nb\r\nc\td"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),  # the one-byte form of ESC [
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("\u202eevil", r"\u202eevil"),  # right-to-left override
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\ud800", r"\ud800"),
        ("", ""),
    ],
)
def test_text_stays_on_one_line_and_drives_no_terminal(given_text: str, shown: str) -> None:
    assert text(given_text) == shown


@pytest.mark.parametrize("unit", ["a", "é", "🎉", "\n", "\u2028"])
def test_a_megabyte_is_cut_and_says_how_long_it_was(unit: str) -> None:
    shown = text(unit * 1_000_000)

    assert len(shown.encode()) <= MAX_TEXT_BYTES
    assert shown.endswith("... (cut; 1000000 characters)")


@given(st.text(alphabet=st.characters(), max_size=3000))
def test_any_text_is_one_short_printable_line(value: str) -> None:
    shown = text(value)

    assert len(shown.encode()) <= MAX_TEXT_BYTES
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (Colour.RED, "red"),
        (b"secret", "<6 bytes>"),
        (datetime(2024, 5, 1, tzinfo=UTC), "2024-05-01T00:00:00+00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a\nb"), r"/a\nb"),
        (ValueError, "ValueError"),
        (ValueError(SECRET), "ValueError"),
        ({"a\n": ["b\n", ("c",)]}, {r"a\n": [r"b\n", "<tuple>"]}),
        (({"a"}, [1]), [["a"], [1]]),
        ([[["deep"]]], [["<list>"]]),
    ],
)
def test_a_value_becomes_plain_json(value: object, shown: object) -> None:
    assert plain(value) == shown
    json.dumps(plain(value), allow_nan=False)


def test_an_integer_beyond_64_bits_is_described_as_a_key_too() -> None:
    huge = 10**5000  # Python refuses to write it out

    assert plain({huge: huge}) == {"<integer of 16610 bits>": "<integer of 16610 bits>"}


def test_an_object_is_its_class_never_its_repr() -> None:
    assert plain(Opaque()) == f"<{Opaque.__module__}.Opaque>"


def test_a_large_container_is_cut() -> None:
    assert len(str(plain(list(range(1_000_000))))) < 200


@pytest.mark.parametrize(
    ("exception", "shown"),
    [
        (ValueError(SECRET), "ValueError"),
        (NotPublishedError(Reason.NO_LEADER), "relay.publishing.port.NotPublishedError: no_leader"),
        (ConnectionRefusedError(errno.ECONNREFUSED, SECRET), "ConnectionRefusedError: ECONNREFUSED"),
        (OSError(SECRET), "OSError"),
    ],
)
def test_an_exception_is_named_and_its_message_withheld_unless_it_is_ours(exception: BaseException, shown: str) -> None:
    assert name(exception) == shown


def test_what_is_told_of_a_validation_error_is_its_class_and_its_frames() -> None:
    error = validation_error()
    assert SECRET in str(error)

    (only,) = told(error)

    assert only.name == "pydantic_core._pydantic_core.ValidationError"
    assert any(":validation_error" in frame for frame in only.frames)
    assert SECRET not in str(only)


def test_causes_and_group_members_are_told_in_turn() -> None:
    cause = ValueError(SECRET)
    first = TypeError(SECRET)
    first.__cause__ = cause
    group = ExceptionGroup(SECRET, [first, KeyError(SECRET)])

    assert [one.name for one in told(group)] == ["ExceptionGroup", "TypeError", "KeyError", "ValueError"]


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError(), TypeError()
    first.__cause__, second.__cause__ = second, first

    assert len(told(first)) == 2


def test_a_deep_stack_shows_its_innermost_frames() -> None:
    def dig(depth: int) -> None:
        if depth == 0:
            raise ValueError(SECRET)
        dig(depth - 1)

    with pytest.raises(ValueError, match=r".*") as caught:
        dig(200)

    assert len(told(caught.value)[0].frames) == 20
