"""The emulator and its stand-in both crash as told."""

import signal
import subprocess
import sys

import pytest

from gridcell.cluster.chaos.simulator import simulator

CRASH = (
    "from gridcell.cluster.chaos.simulator import crash, simulator; print(simulator(), flush=True); crash()"
)
HIDDEN = "import sys; sys.modules['ale_py'] = None; "


@pytest.mark.parametrize("hide", ["", HIDDEN])
def test_a_crash_is_a_segmentation_fault(hide):
    ended = subprocess.run([sys.executable, "-c", hide + CRASH], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGSEGV
    assert ("stand-in" in ended.stdout) == bool(hide)


def test_the_tests_have_the_emulator():
    assert simulator() == "the Atari emulator"
