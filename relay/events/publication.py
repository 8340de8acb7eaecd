"""Publishing the contract: what is published never changes; what the models add is written beside it.

Pure, over files as mappings from path (relative to `schemas/`, with `/`) to bytes. The lock `published.json` holds the
SHA-256 of each published file. A schema's file is a revision of its version: `1.json`, then `1.1.json`, `1.2.json`; an
example's is `sent.json`, then `sent-2.json`.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from relay.events.compatibility import Change, Rule, incompatibilities
from relay.events.schemas import Contract, as_json

Files: TypeAlias = Mapping[str, bytes]

LOCK: Final = "published.json"
ELSEWHERE: Final = frozenset({"asyncapi.json"})
"""What stands in the folder and is made, and checked, by another command."""
_INSTEAD: Final = "undo it, or publish version {} on a new topic (schemas/README.md)"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one file: `says` goes on after the file's path, without a full stop."""

    path: str
    says: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What publishing the models would come to."""

    refusals: tuple[Finding, ...]
    """Why it may not be done; nothing is to be written then."""
    writes: Files
    """What is to be written: lost files, new revisions and examples, the lock."""
    published: Files
    """All that is published afterwards."""


def plan(files: Files, contracts: Sequence[Contract], known: Files) -> Plan:
    """Judge what publishing `contracts` into a folder that holds `files` would come to.

    `known` is what is published as far as the relay itself knows, with its lock; empty where it knows nothing.
    """
    history = _History()
    history.take_known(known)
    history.take_locked(files, {path: as_json(schema) for path, schema in _said(contracts)})
    for contract in contracts:
        history.add(contract, files)
    lock = as_json(dict(sorted((path, _digest(content)) for path, content in history.published.items())))
    wanted = {**history.published, LOCK: lock}
    writes = {path: content for path, content in sorted(wanted.items()) if files.get(path) != content}
    return Plan(tuple(dict.fromkeys(history.refusals)), writes, dict(sorted(history.published.items())))


def findings(files: Files, contracts: Sequence[Contract], known: Files, remedy: str) -> tuple[Finding, ...]:
    """Give what is wrong in a folder that holds `files`: nothing, where publishing would change and refuse nothing.

    `remedy` says how to publish, as an order.
    """
    planned = plan(files, contracts, known)
    locked = _locked(files)
    found: list[Finding] = []
    for path in planned.writes:
        if path not in files:
            found.append(Finding(path, f"is missing: {remedy}"))
        elif path == LOCK and locked is not None:
            found.append(Finding(path, f"is not the list of what is published: {remedy}"))
        elif path != LOCK:
            found.append(Finding(path, f"was changed though it is published: {remedy}, which restores it"))
    found.extend(_strays(files, {*planned.published, *(locked or ())}))
    found.extend(planned.refusals)
    found.extend(_against_the_changed(files, contracts, planned))
    return tuple(dict.fromkeys(found))


def revisions(paths: Collection[str], contract: Contract) -> list[str]:
    """Give the published schema files of a contract's version, the newest last."""
    return _revisions(contract).among(paths)


def examples(paths: Collection[str], contract: Contract) -> list[str]:
    """Give the published example files of a contract's version."""
    folder = contract.example_path("").rpartition("/")[0]
    return sorted(path for path in paths if path.rpartition("/")[0] == folder)


@dataclass(slots=True)
class _History:
    """What is published, and what the models may add to it."""

    published: dict[str, bytes] = field(default_factory=dict)
    refusals: list[Finding] = field(default_factory=list)

    def take_known(self, known: Files) -> None:
        for path, digest in (_locked(known) or {}).items():
            if path in known and _digest(known[path]) == digest:
                self.published[path] = known[path]

    def take_locked(self, files: Files, said: Files) -> None:
        locked = _locked(files)
        if locked is None:
            self.refusals.append(Finding(LOCK, "cannot be read: restore it from version control"))
            return
        for path, digest in locked.items():
            candidates = (self.published.get(path), files.get(path), said.get(path))
            content = next((one for one in candidates if one is not None and _digest(one) == digest), None)
            if content is not None and self.published.get(path, content) == content:
                self.published[path] = content
            elif path in self.published:
                self.refusals.append(Finding(path, "is locked as something else than was published: restore the lock"))
            else:
                fault = "was changed though it is published" if path in files else "is published and missing"
                self.refusals.append(Finding(path, f"{fault}: restore it from version control"))

    def add(self, contract: Contract, files: Files) -> None:
        series = _revisions(contract)
        broken = list(_broken(contract, self._of(series)))
        if contract.fault:
            broken.append(
                Finding("", f"can have no examples of {contract.name} (relay/events/examples.py): {contract.fault}")
            )
        self._append(series, as_json(contract.schema), files, broken)
        for name, example in contract.examples.items():
            series = _Series(contract.example_path(name), "-", 2)
            broken = list(_restated(contract, example, self._of(series)))
            self._append(series, as_json(example), files, broken)

    def _of(self, series: "_Series") -> Files:
        return {path: self.published[path] for path in series.among(self.published)}

    def _append(self, series: "_Series", content: bytes, files: Files, broken: Sequence[Finding]) -> None:
        there = list(self._of(series).values())
        path = series.path(len(there))
        if broken:
            self.refusals.extend(broken)
        elif there[-1:] == [content]:
            return
        elif files.get(path, content) != content:
            says = f"stands there and is not in {LOCK}: put its line back if it is published, else delete it"
            self.refusals.append(Finding(path, says))
        else:
            self.published[path] = content


@dataclass(frozen=True, slots=True)
class _Series:
    """The files that say one thing, each more than the one before: `1.json`, `1.1.json`; `sent.json`, `sent-2.json`."""

    first: str
    mark: str
    second: int
    """The number of the second one."""

    def path(self, place: int) -> str:
        """Give the file at a place, counted from 0."""
        number = f"{self.mark}{place - 1 + self.second}" if place else ""
        return f"{self.first.removesuffix('.json')}{number}.json"

    def among(self, paths: Collection[str]) -> list[str]:
        """Give those of `paths` that are of the series, in order."""
        found = [self.path(place) for place in range(len(paths))]
        return [path for path in found if path in paths]


def _revisions(contract: Contract) -> _Series:
    return _Series(contract.schema_path, ".", 1)


def _said(contracts: Sequence[Contract]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for contract in contracts:
        yield contract.schema_path, contract.schema
        for name, example in contract.examples.items():
            yield contract.example_path(name), example


def _broken(contract: Contract, published: Files) -> Iterator[Finding]:
    """Compare the model with every revision; a change is told of the oldest that it breaks."""
    told: set[Change] = set()
    for path, content in published.items():
        old = _parsed(content)
        for change in () if old is None else incompatibilities(old, contract.schema, whole=contract.whole):
            if change not in told:
                told.add(change)
                yield _incompatible(path, change, contract)


def _restated(contract: Contract, example: Mapping[str, Any], published: Files) -> Iterator[Finding]:
    now = _without(contract.of_the_bytes, example)
    for path, content in published.items():
        old = _parsed(content)
        place = None if old is None else _contradicted(_without(contract.of_the_bytes, old), now, "")
        if place is not None:
            yield _incompatible(path, Change(Rule.EXAMPLE_CHANGED, place, "would be written differently"), contract)
            return


def _incompatible(path: str, change: Change, contract: Contract) -> Finding:
    return Finding(path, f"would change incompatibly ({change}): {_INSTEAD.format(contract.version + 1)}")


def _without(headers: frozenset[str], example: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in example.get("headers", {}).items() if name not in headers}
    return {**example, "headers": kept}


def _contradicted(old: Any, new: Any, place: str) -> str | None:  # noqa: ANN401 - any JSON
    """Give the first place where `new` does not say what `old` does; more it may say."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in old.items():
            inner = f"{place}.{name}" if place else name
            found = _contradicted(value, new[name], inner) if name in new else inner
            if found is not None:
                return found
        return None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        places = (_contradicted(one, other, f"{place}[]") for one, other in zip(old, new, strict=True))
        return next((found for found in places if found is not None), None)
    return None if type(old) is type(new) and old == new else place


def _strays(files: Files, published: Collection[str]) -> Iterator[Finding]:
    for path in sorted(files):
        if path not in published and path != LOCK and path not in ELSEWHERE:
            yield Finding(path, "is not made from the models: delete it")


def _against_the_changed(files: Files, contracts: Sequence[Contract], planned: Plan) -> Iterator[Finding]:
    """Compare the models also with what somebody made of a published schema: the drift alone says not what it means."""
    for contract in contracts:
        changed = {
            path: files[path]
            for path in revisions(planned.published, contract)
            if path in files and files[path] != planned.published[path]
        }
        yield from _broken(contract, changed)


def _locked(files: Files) -> dict[str, str] | None:
    """Give the lock's entries, none where there is no lock; None where it is not one."""
    if LOCK not in files:
        return {}
    try:
        lock = json.loads(files[LOCK])
    except ValueError:
        return None
    is_lock = isinstance(lock, dict) and all(isinstance(digest, str) for digest in lock.values())
    return lock if is_lock else None


def _parsed(content: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(content)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
