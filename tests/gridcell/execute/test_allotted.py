"""What a process may use where a batch system or a container allows less than there is; folders that fit."""

import contextlib
import os
import subprocess
import sys
import tempfile

import pytest

from gridcell.cluster.doctor import machine
from gridcell.errors import UserError
from gridcell.execute import allotted, reach
from gridcell.execute.allotted import usable_cpus, usable_memory
from gridcell.store.cache import cache_folder

GIB = 1 << 30
THERE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Make a file system of a machine with 64 cores and these files."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))

    def make(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return make


V2 = {"proc/self/cgroup": "0::/slurm/job_7/step_0\n"}
V1 = {"proc/self/cgroup": "6:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n0::/docker/a\n"}


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({}, 64),
        (V2 | {"sys/fs/cgroup/slurm/job_7/step_0/cpu.max": "400000 100000\n"}, 4),
        (V2 | {"sys/fs/cgroup/slurm/job_7/cpu.max": "250000 100000\n"}, 3),  # of a group around it
        (V2 | {"sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),  # in a container the own group is the top
        (V2 | {"sys/fs/cgroup/slurm/job_7/step_0/cpu.max": "max 100000\n"}, 64),
        (
            V1
            | {
                "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        (
            V1
            | {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            64,
        ),
        (V2 | {"sys/fs/cgroup/slurm/job_7/step_0/cpu.max": "nonsense"}, 64),
    ],
)
def test_the_cores_are_those_that_the_group_of_processes_may_use(root, files, cpus):
    assert usable_cpus(root(files)) == cpus


@pytest.mark.parametrize(
    ("files", "memory"),
    [
        ({}, THERE),
        (V2 | {"sys/fs/cgroup/slurm/job_7/step_0/memory.max": "max\n"}, THERE),
        (V2 | {"sys/fs/cgroup/slurm/job_7/step_0/memory.max": f"{GIB}\n"}, GIB),
        (V2 | {"sys/fs/cgroup/slurm/memory.max": f"{GIB // 2}\n"}, GIB // 2),
        (V1 | {"sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": f"{GIB}\n"}, GIB),
        (V1 | {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, THERE),
    ],
)
def test_the_memory_is_what_the_group_of_processes_may_use(root, files, memory):
    assert usable_memory(root(files)) == memory


def test_affinity_limits_the_cores():
    code = "from gridcell.execute.allotted import usable_cpus; print(usable_cpus())"
    first = min(os.sched_getaffinity(0))
    pinned = f"import os; os.sched_setaffinity(0, {{{first}}}); {code}"
    done = subprocess.run([sys.executable, "-c", pinned], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_doctor_and_run_count_alike(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert usable_cpus() == 1
    assert any(" for 1 cores" in finding.found for finding in machine.memory())
    assert machine.usable_cpus is allotted.usable_cpus


def test_ray_is_started_with_the_cores_that_may_be_used(monkeypatch):
    import ray

    from gridcell.execute.cluster import ray_cluster

    asked = {}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(ray, "init", lambda **options: asked.update(options))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with ray_cluster(None, None):
        assert asked["num_cpus"] == 1


# Folders.


def test_without_a_home_the_cache_is_beside_temporary_files(monkeypatch, tmp_path):
    for name in ("GRIDCELL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "gridcell"
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    fallback = cache_folder()
    assert fallback.name.startswith("gridcell-cache-")
    monkeypatch.undo()

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("GRIDCELL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.home", homeless)
    assert cache_folder() == fallback
    reach.use_token_if_there()


def test_rays_sockets_have_short_names_wherever_temporary_files_are(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.delenv("TMPDIR", raising=False)
    reach.keep_sockets_short()
    assert "RAY_TMPDIR" not in os.environ  # Ray's own choice does
    long = tmp_path / ("x" * 45)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setenv("RAY_TMPDIR", "")  # so that the test's end removes what is set here
    reach.keep_sockets_short()
    chosen = os.environ["RAY_TMPDIR"]
    socket = f"{chosen}/ray/session_2026-11-26_04-22-30_123456_1234567/sockets/plasma_store"
    assert len(socket) <= 107
    assert os.access(chosen, os.W_OK)


def test_where_no_folder_fits_the_user_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setattr(reach, "_SHORT_FOLDERS", ())
    monkeypatch.setenv("RAY_TMPDIR", "/no/such/folder")
    with pytest.raises(UserError, match="'/no/such/folder' is none: name one by RAY_TMPDIR"):
        reach.keep_sockets_short()


@pytest.mark.parametrize(("platform", "fits"), [("linux", True), ("darwin", False)])
def test_the_path_of_a_socket_is_shorter_on_macos(monkeypatch, platform, fits):
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="gridcell-" + 13 * "x" + "-") as folder:
        assert 32 < len(folder) <= 36
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(reach, "_SHORT_FOLDERS", ())
        monkeypatch.setenv("RAY_TMPDIR", folder)
        with contextlib.nullcontext() if fits else pytest.raises(UserError, match="at most 32 letters"):
            reach.keep_sockets_short()


# The cluster of the environment.


def test_the_cluster_that_the_environment_names_is_run_on(monkeypatch, gridcell):
    asked = []

    def run_grid(task, grid, store, options, **_):
        asked.append(options.address)
        raise KeyboardInterrupt

    monkeypatch.setattr("gridcell.cli.run.run_grid", run_grid)
    monkeypatch.setattr("gridcell.cli.executing.leave", lambda code: None)
    for named, address in (("10.0.0.1:6379", "10.0.0.1:6379"), ("auto", "auto"), ("local", None), ("", None)):
        monkeypatch.setenv("RAY_ADDRESS", named)
        _, output, _ = gridcell("run", "toy")
        assert asked.pop() == address
        assert ("RAY_ADDRESS" in output) == (address is not None)
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    _, output, _ = gridcell("run", "toy")
    assert asked.pop() is None
    assert "this run starts its own Ray" in output
    _, output, _ = gridcell("run", "toy", "--address", "10.0.0.2:6379")
    assert asked.pop() == "10.0.0.2:6379"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    gridcell("run", "toy", "--executor", "inline")
    assert asked.pop() is None


@pytest.mark.parametrize(("told", "cpus"), [(6, 6), (1, 1), (None, 1)])
def test_where_no_affinity_is_known_the_machines_cores_count(tmp_path, monkeypatch, told, cpus):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: told)
    assert usable_cpus(tmp_path) == cpus
