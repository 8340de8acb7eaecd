"""Reads a lock file."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

_HASH: Final = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Locked:
    """One package of a lock: its requirement as written, and the hashes of its files."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def version(self) -> str:
        """The one that is locked; fails if that is not one."""
        [only] = self.requirement.specifier
        assert only.operator == "=="
        return only.version

    @property
    def is_for_here(self) -> bool:
        """Whether this Python, on this machine, installs it."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate()


def read_lock(lock: Path) -> dict[NormalizedName, Locked]:
    """Give what a lock holds, by name."""
    unfolded = lock.read_text().replace("\\\n", " ")
    lines = [line for line in unfolded.splitlines() if line.strip() and not line.startswith("#")]
    found = [
        Locked(Requirement(line.partition(" --hash=")[0].strip()), frozenset(_HASH.findall(line))) for line in lines
    ]
    return {canonicalize_name(one.requirement.name): one for one in found}
