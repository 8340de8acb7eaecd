"""The small pure parts: a lock file, a relay's metrics, a registry's words, py-spy's stacks, a process's CPU."""

import os
import time

import pytest

from tests.benchmark.machine import cpu_seconds
from tests.benchmark.peers.building import without_addresses
from tests.benchmark.profile import shares, titled
from tests.benchmark.stand import remembered_ids
from tests.benchmark.start_up import distributions

LOCK = """\
aiokafka[lz4,zstd]==0.14.0 \\
    --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:1111111111111111111111111111111111111111111111111111111111111111
cffi==2.1.1 ; platform_python_implementation != 'PyPy' \\
    --hash=sha256:2222222222222222222222222222222222222222222222222222222222222222
"""

GO_SAID = """\
go: example.com/m@v1: reading https://proxy.example/m/@v/v1.info: 403 Forbidden
\tserver response: This module version is not available.
"""
MAVEN_SAID = """\
[ERROR] Failed to execute goal g on project p: Couldn't download: Could not find artifact io.x:y:jar:1 in central \
(https://repo.example/maven2) -> [Help 1]
[ERROR]
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.
"""


def test_the_image_holds_what_its_lock_names_but_for_other_systems() -> None:
    assert distributions(LOCK) == ["aiokafka", "cffi"]


def test_the_size_of_the_duplicate_window_is_read_from_the_metrics() -> None:
    metrics = "# TYPE x gauge\nsofy_relay_duplicate_window_entries 1e+06\nsofy_relay_other 3.0\n"

    assert remembered_ids(metrics) == 1_000_000


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (GO_SAID, "403 Forbidden server response: This module version is not available."),
        (MAVEN_SAID, "Could not find artifact io.x:y:jar:1"),
        ("no answer\n", "no answer"),
    ],
)
def test_what_a_registry_said_is_told_without_its_address(said: str, why: str) -> None:
    assert without_addresses(said) == why


def test_shares_count_a_function_once_a_stack_whatever_its_lines() -> None:
    inside, itself, total = shares(["main (a.py:1);f (b.py:7);f (b.py:9) 3", "main (a.py:2) 1"])

    assert total == 4
    assert inside == {"main (a.py)": 4, "f (b.py)": 3}
    assert itself == {"main (a.py)": 1, "f (b.py)": 3}


def test_cpu_of_a_process_is_its_own_clocks() -> None:
    before = cpu_seconds(os.getpid())

    own = time.process_time()

    assert before <= own <= cpu_seconds(os.getpid())


def test_a_flame_graph_is_titled_by_its_name_and_not_by_a_command_of_this_machine() -> None:
    graph = '<svg><text id="title" x="50%">/home/me/bin/py-spy record --pid 1</text><text id="details"> </text></svg>'

    assert titled(graph, "one item") == '<svg><text id="title" x="50%">one item</text><text id="details"> </text></svg>'
