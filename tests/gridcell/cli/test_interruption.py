"""A request to end is heard wherever it arrives."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, threading
from gridcell.cli.interruption import end_when_asked

class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        for _ in range(1000):  # the signal is handled in here, where nothing can be raised
            pass

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
end_when_asked()
try:
    Dying()
    print("went on", flush=True)
    threading.Event().wait(30)
except KeyboardInterrupt:
    print("ended")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_that_came_to_nothing_is_not_lost(name):
    program = PROGRAM.format(name=name)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n") == ["went on", "ended", ""]
    assert (done.returncode, done.stderr) == (0, "")


def test_what_else_a_destructor_raises_is_still_reported():
    program = (
        PROGRAM.format(name="SIGUSR1").replace("os.kill(", "raise ZeroDivisionError(").replace("30", "0")
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "went on\n"
    assert "ZeroDivisionError" in done.stderr


def test_leaving_says_all_and_skips_what_python_does_at_its_end():
    code = (
        "import atexit; from gridcell.cli.interruption import leave; "
        "atexit.register(print, 'at the end'); print('said', end=''); leave(130)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "said", "")
