"""docs/performance.md says what docs/performance/bench.json holds."""

import re
from pathlib import Path

import pytest

from tests.benchmark import report
from tests.benchmark.figures import Bench
from tests.benchmark.peers.building import KINDS

DOCUMENT = report.DOCUMENT.read_text(encoding="utf-8")
BENCH = Bench.read(report.FOLDER / "bench.json")


def test_the_document_is_what_the_figures_make_of_it() -> None:
    assert report.written(DOCUMENT, BENCH) == DOCUMENT


def test_every_part_stands_in_the_document_once() -> None:
    assert sorted(re.findall(r"<!-- figures: ([a-z-]+) -->", DOCUMENT)) == sorted(report.PARTS)


def test_everything_was_measured() -> None:
    assert BENCH.items
    assert BENCH.curves
    assert BENCH.start_up is not None
    assert {peer.name for peer in BENCH.peers} >= {kind.name for kind in KINDS}


def test_a_figure_that_is_changed_by_hand_is_noticed() -> None:
    ratio = f"{BENCH.ratio_to_floor:.2f}"
    changed = DOCUMENT.replace(f"**{ratio} times**", "**1.00 times**")

    assert changed != DOCUMENT
    assert report.written(changed, BENCH) == DOCUMENT


def test_every_picture_is_there() -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", DOCUMENT):
        assert (report.DOCUMENT.parent / picture).is_file(), picture


@pytest.mark.parametrize("file", [file for kind in KINDS for file in kind.files])
def test_the_configuration_of_every_peer_is_shown(file: str) -> None:
    assert (report.ROOT / file).is_file()
    assert f"(../{file})" in DOCUMENT


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    BENCH.write(tmp_path / "bench.json")

    assert Bench.read(tmp_path / "bench.json") == BENCH
