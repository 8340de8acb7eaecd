"""The tests themselves, however they are started."""

import subprocess
import sys

_SESSION = """
import signal, sys, pytest

signal.signal(signal.SIGINT, signal.SIG_IGN)

class Look:
    def pytest_collection_finish(self):
        print("heeded" if signal.getsignal(signal.SIGINT) is signal.default_int_handler else "ignored")

sys.exit(pytest.main(["--collect-only", "--quiet", "-p", "no:cacheprovider", sys.argv[1]], plugins=[Look()]))
"""


def test_a_run_in_the_background_heeds_interrupts_as_what_it_starts_must() -> None:
    # A test that interrupted `relay tail` waited for ever where the shell had made SIGINT an ignored one.
    ran = subprocess.run(  # noqa: S603 - the program stands above
        [sys.executable, "-c", _SESSION, __file__], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stdout
    assert "heeded" in ran.stdout.splitlines()
