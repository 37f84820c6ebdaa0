"""Freed memory is kept: a thread that allocates the same block again makes the system map no new pages."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gridcell.execute.allocation import ENVIRONMENT, keep_freed_memory

BLOCK, TIMES = 96 << 20, 4  # bytes: more than a heap of a thread of its own can hold

# Another block stays between them, as a layer's output does; what is counted is the system's, not ours.
PROGRAM = """
import ctypes, resource, sys, threading
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes, libc.memset.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
block, times, where = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

def work():
    for number in range(times + 1):
        if number == 1:
            work.before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        one, other = libc.malloc(block), libc.malloc(block // 3)
        libc.memset(one, 1, block); libc.memset(other, 1, block // 3)
        libc.free(one); libc.free(other)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - work.before)

if where == "here":
    from gridcell.execute.allocation import keep_freed_memory
    assert keep_freed_memory()
    work()
else:
    thread = threading.Thread(target=work); thread.start(); thread.join()
"""

glibc = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc: it has no mallopt"
)


def mapped(where, environment):
    """Return how many pages a new process mapped for the repetitions."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", PROGRAM, str(BLOCK), str(TIMES), where]
    done = subprocess.run(command, env=bare | environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


@glibc
def test_a_worker_that_is_started_so_maps_its_blocks_once_also_in_a_thread():
    every_time = TIMES * (BLOCK + BLOCK // 3) // os.sysconf("SC_PAGE_SIZE")
    assert mapped("thread", {}) > 0.5 * every_time
    assert mapped("thread", ENVIRONMENT) < 0.02 * every_time


@glibc
def test_a_process_that_runs_already_can_be_told():
    every_time = TIMES * (BLOCK + BLOCK // 3) // os.sysconf("SC_PAGE_SIZE")
    assert mapped("here", {}) < 0.02 * every_time


@glibc
def test_what_the_environment_says_goes_before():
    every_time = TIMES * (BLOCK + BLOCK // 3) // os.sysconf("SC_PAGE_SIZE")
    assert mapped("here", {"MALLOC_MMAP_THRESHOLD_": "131072"}) > 0.5 * every_time


def test_another_c_library_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert keep_freed_memory() is False


@pytest.mark.parametrize(
    "file", ["docker/cpu.Dockerfile", "clusters/slurm/gridcell.sbatch", "clusters/by-hand/node.sh"]
)
def test_nodes_that_are_started_elsewhere_say_the_same(file):
    text = (Path(__file__).parents[3] / file).read_text()
    assert not [name for name, value in ENVIRONMENT.items() if f"{name}={value}" not in text]
