"""What all tests share: the toy plug-in and the shared problems on the path, here and in worker processes."""

import gc
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

# Else each of hundreds of processes that tests start compiles the project anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Machines differ in speed and are shared: no test may fail because it was slow.
settings.register_profile("gridcell", deadline=None)
settings.load_profile("gridcell")

import shared_ray  # noqa: E402  from this folder, which is on the path now


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep the garbage collector from what stays to the end: a million objects of libraries and tests.

    To look through them again and again took a quarter of the time in which the tests are collected.

    The tests' bytecode is kept for the next run, but none is written while they run: of a file named as a
    test, which a test wrote, pytest would take it for that of an edit in the same second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = True
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """End the Ray of the modules before, where a test has none or its own."""
    shared_ray.end_before(
        getattr(item, "module", None), item.fixturenames, {"one_ray", "executor", "crew", "local_ray"}
    )


def pytest_sessionfinish():
    """End the Ray of the last tests."""
    shared_ray.end()


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
