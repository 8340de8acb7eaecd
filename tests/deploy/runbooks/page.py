"""A page of `deploy/runbooks/`, taken apart: headings, blocks, tables, words in code. Pure but for reading the file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.deploy.tools import DEPLOY
from tests.test_documents import rows

RUNBOOKS: Final = DEPLOY / "runbooks"
INDEX: Final = "README"
_BLOCK: Final = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """One file, or what a test makes of it."""

    name: str
    """The file's name without `.md`: the alert's, or `INDEX`."""
    text: str

    @property
    def prose(self) -> str:
        """What is not in a block."""
        return _BLOCK.sub("", self.text)

    @property
    def plain(self) -> str:
        """The prose without what is in code font or a link's target."""
        return re.sub(r"`[^`\n]+`|\]\([^)]*\)", " ", self.prose)

    def blocks(self, language: str) -> list[str]:
        """Give the blocks of a language, in order."""
        return [found["text"] for found in _BLOCK.finditer(self.text) if found["language"] == language]

    def sections(self) -> dict[str, str]:
        """Give what stands below each heading of the second level, by heading, in order."""
        _, *parts = re.split(r"^## (.+)$", self.text, flags=re.MULTILINE)
        return dict(zip(parts[::2], parts[1::2], strict=True))

    def code(self) -> list[str]:
        """Give what stands in code font within the prose."""
        return re.findall(r"`([^`\n]+)`", self.prose)

    def commands(self) -> Iterator[str]:
        """Give each command line, of blocks and of the prose."""
        for line in (*self.code(), *"".join(self.blocks("sh")).splitlines()):
            if re.match(r"(kubectl|relay|curl|date) ", line):
                yield line

    def first_column(self, head: str) -> set[str]:
        """Give the words in code font in the first column of the table whose first column has this head."""
        found = re.search(rf"^\| {head} \|.*?(?=^(?!\|)|\Z)", self.text, re.MULTILINE | re.DOTALL)
        table = rows(found[0]) if found else []
        return {word for row in table for word in re.findall(r"`([^`]+)`", row[0])}


def page(name: str) -> Page:
    """Read one page."""
    return Page(name, path_of(name).read_text(encoding="utf-8"))


def path_of(name: str) -> Path:
    """Give the file of the page of this name."""
    return RUNBOOKS / f"{name}.md"


def names() -> list[str]:
    """Give the names of all pages but the index."""
    return sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.stem != INDEX)
