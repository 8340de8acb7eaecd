"""What wrk says is read, or said to be something else."""

import pytest

from tests.benchmark.load import Answered, LoadError

SAID = """\
Running 2s test @ http://127.0.0.1:8080
  1 threads and 64 connections
  Latency Distribution
     50%    1.44ms

{"requests":68678,"seconds":2.009871,"not_2xx":12,"timeouts":0,"broken":3,"p50_ms":1.440,"p99_ms":7.920,"p999_ms":11.640}
"""


def test_the_last_line_of_wrk_holds_the_figures() -> None:
    answered = Answered.read(SAID)

    assert answered == Answered(68_678, 2.009871, 12, 0, 3, 1.44, 7.92, 11.64)
    assert answered.accepted == 68_666


@pytest.mark.parametrize("said", ["", "unable to connect to 127.0.0.1:8080\n", '{"requests":1}\n', "[1, 2]\n"])
def test_what_else_wrk_says_is_told(said: str) -> None:
    with pytest.raises(LoadError, match="did not end with its figures"):
        Answered.read(said)
