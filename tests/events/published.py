"""What stands in `schemas/`, as those read it that have nothing else: by version, revision and example."""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from relay.events.publication import examples, revisions
from relay.events.schemas import Contract, contracts

SCHEMAS = Path(__file__).parents[2] / "schemas"


@cache
def files() -> dict[str, bytes]:
    """Every JSON file of `schemas/` by its path in it."""
    return {path.relative_to(SCHEMAS).as_posix(): path.read_bytes() for path in sorted(SCHEMAS.rglob("*.json"))}


def document(path: str) -> dict[str, Any]:
    """Give a file of `schemas/`."""
    parsed: dict[str, Any] = json.loads(files()[path])
    return parsed


class Reading(NamedTuple):
    """One golden example before one published revision of its version."""

    contract: Contract
    revision: str
    example: str

    @property
    def described(self) -> Any:  # noqa: ANN401 - any JSON
        """The part of the example that the schema describes; None is the value of a record that erases."""
        part = document(self.example)[self.contract.describes]
        if self.contract.describes == "headers":
            # FastStream's, on every record and of no schema: see schemas/README.md.
            return {name: value for name, value in part.items() if name != "correlation_id"}
        return part


def readings() -> list[Reading]:
    """Give every example of every version with every revision of that version."""
    return [
        Reading(contract, revision, example)
        for contract in contracts()
        for revision in revisions(files(), contract)
        for example in examples(files(), contract)
    ]
