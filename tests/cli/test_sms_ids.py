"""A list of ids, one a line: whatever the file holds, and however large it is."""

import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.sms_ids import LONGEST_LINE, SmsIdsError, ids, opened_ids


def read(content: bytes) -> list[tuple[int, str | None]]:
    return list(ids(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", []),
        (b"\n\r\n  \n", []),
        (b"a\nb\n", [(1, "a"), (2, "b")]),
        (b"a\nb", [(1, "a"), (2, "b")]),  # no line break at the end
        (b"a\r\n\r\nb\r\n", [(1, "a"), (3, "b")]),
        (b"\xef\xbb\xbfa\n", [(1, "a")]),  # a byte order mark
        (b" \ta b\t \n", [(1, "a b")]),
        ("é/..\n".encode(), [(1, "é/..")]),
        (b"\xff\nb\n", [(1, None), (2, "b")]),
        (b"a\nA\n00\n", [(1, "a"), (2, "A"), (3, "00")]),
        (b"x" * LONGEST_LINE + b"\nb\n", [(1, None), (2, "b")]),
        (b"x" * 3 * LONGEST_LINE + b"\nb", [(1, None), (2, "b")]),
        (b"x" * 3 * LONGEST_LINE, [(1, None)]),
        (b"x" * (LONGEST_LINE - 1) + b"\nb", [(1, "x" * (LONGEST_LINE - 1)), (2, "b")]),
    ],
)
def test_each_line_that_is_not_blank_is_an_id(content: bytes, found: list[tuple[int, str | None]]) -> None:
    assert read(content) == found


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=40)))
def test_ids_come_back_in_their_order(written: list[str]) -> None:
    stripped = [text.encode().strip().decode() for text in written]

    assert [it for _, it in read(b"-\n" + "\n".join(written).encode())] == ["-", *(it for it in stripped if it)]


def test_a_line_without_an_end_takes_no_memory() -> None:
    class Endless(io.RawIOBase):
        left = 64 * 1024 * 1024

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the io module's own stub is wider
            size = min(len(buffer), self.left)
            buffer[:size] = b"x" * size
            self.left -= size
            return size

    tracemalloc.start()
    try:
        found = list(ids(io.BufferedReader(Endless())))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert found == [(1, None)]
    assert peak < 1024 * 1024


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "absent"):
        with (
            pytest.raises(SmsIdsError, match=r"^--sms-ids .* cannot be read \(.*\): name a file"),
            opened_ids(str(source)),
        ):
            pass
