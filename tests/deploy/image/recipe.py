"""`deploy/Dockerfile`, read; and its build stage, followed on this machine, where no container engine runs.

Reads what that file uses of the language, no more: no here-documents, no flags but ``--from``, and of `.dockerignore`
names, ``*``, ``**/`` and ``!``.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.deploy.tools import DEPLOY

ROOT: Final = DEPLOY.parent
_CONTINUED: Final = re.compile(r"\\\n\s*")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its word in capitals, and the rest of its line."""

    word: str
    rest: str

    def items(self) -> list[str]:
        """Give an instruction in JSON form (ENTRYPOINT, CMD) as a list."""
        return [str(item) for item in json.loads(self.rest)]

    def pairs(self) -> dict[str, str]:
        """Give the names and values of an ENV or LABEL."""
        return {name: value.strip('"') for name, value in re.findall(r'([\w.]+)=("[^"]*"|\S+)', self.rest)}


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next; that is its first instruction."""

    instructions: tuple[Instruction, ...]

    def all(self, word: str) -> list[Instruction]:
        """Give the instructions of this word, in order."""
        return [it for it in self.instructions if it.word == word]


def stages(dockerfile: Path = DEPLOY / "Dockerfile") -> list[Stage]:
    """Give the stages in order; what stands before the first FROM is left out."""
    read: list[list[Instruction]] = []
    lines = "\n".join(line for line in dockerfile.read_text().splitlines() if not line.startswith("#"))
    for line in _CONTINUED.sub(" ", lines).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            read.append([])
        if word and read:
            read[-1].append(Instruction(word, rest.strip()))
    return [Stage(tuple(instructions)) for instructions in read]


def seen_by_the_build(path: str, ignored: str | None = None) -> bool:
    """Whether a build in the repository's root may copy this path; `ignored` stands in for `.dockerignore`."""
    seen = True
    parts = path.split("/")
    ways = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
    for line in ((ROOT / ".dockerignore").read_text() if ignored is None else ignored).splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        expression = _expression(pattern.removeprefix("!"))
        if any(expression.fullmatch(way) for way in ways):
            seen = pattern.startswith("!")  # the last line that says something holds
    return seen


def _expression(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern)
    return re.compile(escaped.replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*"))


@dataclass(frozen=True, slots=True)
class Kitchen:
    """A folder that stands in for the build stage's root: /src is `root`/src, /opt is `root`/opt."""

    root: Path

    def follow(self, stage: Stage) -> None:
        """Do what the stage says, by this machine's Python instead of the base image's. Takes up to a minute.

        Raises:
            AssertionError: a command failed, or a COPY names what the build cannot see.
        """
        folder, environ = self.root, dict(os.environ)
        environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
        for step in stage.instructions[1:]:
            match step.word:
                case "WORKDIR":
                    folder = Path(self._here(step.rest))
                    folder.mkdir(parents=True, exist_ok=True)
                case "ENV":
                    environ |= step.pairs()
                case "COPY":
                    _copy(step.rest.split(), folder)
                case "RUN":
                    self._run(step.rest, folder, environ)
                case other:
                    pytest.fail(f"{other} is not understood here")

    def _run(self, command: str, folder: Path, environ: dict[str, str]) -> None:
        shell = ["/bin/sh", "-ec", self._here(command)]
        done = subprocess.run(shell, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603 - the Dockerfile's own commands
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    def _here(self, text: str) -> str:
        return re.sub(r"(?<![\w./])/(src|opt)\b", rf"{self.root}/\1", text)


def _copy(arguments: list[str], folder: Path) -> None:
    *sources, to = arguments
    for source in sources:
        for path in _files(ROOT / source):
            inside = path.relative_to(ROOT / source)
            copied = (folder / to / source if to.endswith("/") else folder / to) / inside
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copied)


def _files(source: Path) -> Iterator[Path]:
    found = [it for it in (source.rglob("*") if source.is_dir() else (source,)) if it.is_file()]
    seen = [it for it in found if seen_by_the_build(it.relative_to(ROOT).as_posix())]
    assert seen, f"COPY {source.relative_to(ROOT)}: the build sees no such file"
    yield from seen
