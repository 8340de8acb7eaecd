"""`schemas/README.md` says what the code does."""

import json
import re
from pathlib import Path

from relay.events.compatibility import Rule
from relay.events.publication import ELSEWHERE, LOCK
from relay.events.schemas import contracts
from relay.settings import Settings
from tests.events.published import SCHEMAS, files

PAGE = SCHEMAS / "README.md"
TEXT = PAGE.read_text()


def rows(heading: str) -> list[list[str]]:
    """Give the cells of all table rows below a heading, without the tables' heads."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    tables = re.findall(r"^\|-.*\n((?:\|.*\n)+)", section, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for table in tables for line in table.splitlines()]


def test_the_page_has_every_rule_once_and_in_order() -> None:
    assert [row[0] for row in rows("What may not")] == [f"`{rule}`" for rule in Rule]


def test_the_page_has_every_contract_with_its_topic() -> None:
    topics = Settings.model_validate({"kafka": {"bootstrap_servers": "localhost:9092"}}).topics
    names = {
        "sms-status": topics.status,
        "sms-latest": topics.latest,
        "webhook-other": topics.other,
        "dead-letter": topics.dead_letter,
    }

    told = {row[0]: row[1] for row in rows("Which file is which") if row[1].startswith("`sofy.")}

    assert told == {f"`{contract.name}`": f"`{names[contract.name]}`" for contract in contracts()}


def test_the_page_names_every_file_that_is_no_schema_and_no_example() -> None:
    others = {path for path in files() if "/" not in path}

    assert others <= {LOCK, *ELSEWHERE}
    assert all(f"`{path}`" in TEXT for path in (LOCK, *ELSEWHERE))


def test_the_page_names_every_enumeration_that_a_value_or_a_header_has() -> None:
    enumerated = set()
    for contract in contracts():
        for name, schema in contract.schema["properties"].items():
            definition = contract.schema.get("$defs", {}).get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
            if "enum" in definition:
                enumerated.add(name)

    said = TEXT.partition("wherever the schema lists some: ")[2].partition(". Of")[0]
    assert enumerated - {"content-type"} <= set(re.findall(r"`([^`]+)`", said))


def test_the_pages_links_lead_somewhere() -> None:
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", TEXT)):
        page = (SCHEMAS / target).resolve()
        assert page.is_file(), target
        headings = {
            heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
        }
        assert not anchor or anchor in headings, anchor


def test_the_pages_code_runs_on_the_published_files() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)

    code = code.replace('Path("schemas/', f'Path("{SCHEMAS.as_posix()}/')
    exec(compile(code, str(PAGE), "exec"), {})  # noqa: S102 - our own page's


def test_the_example_files_that_the_page_names_exist() -> None:
    first = {"sms-status/1.json", "sms-status/examples/sent.json"}

    assert first <= set(re.findall(r"`([^`]+\.json)`", TEXT))
    assert first <= set(json.loads((Path(SCHEMAS) / LOCK).read_text()))
