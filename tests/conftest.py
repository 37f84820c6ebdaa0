"""What all tests share: the toy plug-in and the shared problems on the path, here and in worker processes."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
SHARED = [str(HERE / "plugins"), str(HERE)]
sys.path[:0] = SHARED
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*SHARED, os.environ.get("PYTHONPATH")]))

# A token of whoever runs the tests is not for the clusters that they start, which name their own.
os.environ["RAY_AUTH_MODE"] = "disabled"

# Each of several test processes computes with one thread: more threads than cores wait for each other, and
# a test of three seconds then took over a minute.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Machines differ in speed and are shared: no test may fail because it was slow.
settings.register_profile("gridcell", deadline=None)
settings.load_profile("gridcell")


@pytest.fixture(autouse=True)
def _no_plugin_is_left():
    from gridcell import plugins

    yield
    if plugins.loaded():
        plugins.forget()


@pytest.fixture
def store(tmp_path):
    from gridcell.store import Store

    return Store(str(tmp_path / "store")).prepare()
