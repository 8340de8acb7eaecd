"""The page's script by TypeScript's judgement, and its chart library as npm has it."""

import json
import subprocess
from pathlib import Path

import pytest

import relay.console

pytestmark = pytest.mark.page

PAGE = Path(relay.console.__file__).parent / "page"
VENDORED = {
    "uPlot.iife.min.js": "dist/uPlot.iife.min.js",
    "uPlot.min.css": "dist/uPlot.min.css",
    "LICENSE": "LICENSE",
}


def complaints(node_tools: Path, script: Path, folder: Path) -> str:
    """Give what TypeScript says of a script that runs beside uPlot in a browser; empty: nothing."""
    options = {
        "allowJs": True,
        "checkJs": True,
        "strict": True,
        "noEmit": True,
        "noUnusedLocals": True,
        "noUnusedParameters": True,
        "noImplicitReturns": True,
        "target": "ES2023",
        "lib": ["ES2023", "DOM", "DOM.Iterable"],
        "types": [],
    }
    modules = node_tools / "node_modules"
    files = [str(script), str(modules / "uplot/dist/uPlot.d.ts")]
    project = folder / "tsconfig.json"
    project.write_text(json.dumps({"compilerOptions": options, "files": files}))
    done = subprocess.run(  # noqa: S603 - our own arguments only
        [modules / ".bin/tsc", "--project", project], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def test_typescript_has_nothing_to_complain_of(node_tools: Path, tmp_path: Path) -> None:
    assert complaints(node_tools, PAGE / "page.js", tmp_path) == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("at(id).textContent !== ", "document.getElementById(id).textContent !== "), ("look.level", "look.levle")],
    ids=["null", "misspelt"],
)
def test_typescript_sees_what_would_fail(node_tools: Path, tmp_path: Path, right: str, wrong: str) -> None:
    script = (PAGE / "page.js").read_text(encoding="utf-8")
    assert right in script
    spoilt = tmp_path / "page.js"
    spoilt.write_text(script.replace(right, wrong), encoding="utf-8")

    assert "page.js" in complaints(node_tools, spoilt, tmp_path)


def test_the_chart_library_is_npms_to_the_byte_and_its_licence_stands_beside(node_tools: Path) -> None:
    published = node_tools / "node_modules/uplot"

    assert {file.name for file in (PAGE / "vendor").iterdir()} == VENDORED.keys()
    for ours, theirs in VENDORED.items():
        assert (PAGE / "vendor" / ours).read_bytes() == (published / theirs).read_bytes()
    assert json.loads((published / "package.json").read_text())["license"] == "MIT"
