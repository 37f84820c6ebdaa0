"""Each fault is survived, and no longer once the part of the platform that handles it is taken out.

Faults whose handling doesn't need Ray strike a driver that runs the cells in its own process, the others a
cluster of three nodes. ``chaos_without`` is what takes a part out of the driver.
"""

import contextlib
import os
import tempfile
from pathlib import Path

import psutil
import pytest

from gridcell.cluster.chaos import grid
from gridcell.cluster.chaos.cluster import Cluster, kill_tree, running
from gridcell.cluster.chaos.fault import faults
from gridcell.cluster.chaos.run import judge
from gridcell.cluster.chaos.trial import ENVIRONMENT, NotSurvived, Trial
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions

SETTINGS = {"models": 3, "step_s": 0.06}
HANGS, SOON_S = "the driver hung", 15.0  # in which a driver ends that doesn't hang

# Fault -> part of the platform -> what the judge says without it.
INLINE = {
    "driver-killed": {"checkpoints": "did not go on from the last checkpoint"},
    "driver-terminated": {"handler_of_sigterm": "exit code -15 instead of 130"},
    "mlflow-gone": {"guard_of_the_window": "'gridcell sync' catches up' was not said"},
    "storage-flaky": {"patience_with_storage": "Input/output error"},
    "disk-full": {"stop_on_a_full_disk": "'a disk is full' was not said"},
    "checkpoint-truncated": {
        "checksums_of_checkpoints": "exit code 1 instead of 0",
        "older_checkpoints": "did not go on from the last checkpoint",
    },
    "checkpoint-flipped": {
        "checksums_of_checkpoints": "exit code 1 instead of 0|differ from the undisturbed run",
        "older_checkpoints": "did not go on from the last checkpoint",
    },
    "shard-corrupt": {
        "checksums_of_artifacts": "differ from the undisturbed run",
        "quarantine_of_damaged_results": "exit code 1 instead of 0",
    },
    # What handles these has tests of its own that fail without it: test_commit, test_causes, test_streams,
    # test_heartbeat.
    "links-missing": {},
    "memory-short": {},
    "terminal-closed": {},
    "clock-off": {},
}
WITH_MLFLOW = {"mlflow-away": {"guard_of_the_window": "'gridcell sync' catches up' was not said"}}
ON_RAY = {  # what leaves less of the cluster comes last
    "worker-killed": {"retries_of_lost_cells": "exit code 1 instead of 0"},
    "simulator-crash": {"retries_of_lost_cells": "exit code 1 instead of 0"},
    "simulator-stall": {
        "retries_of_stalled_cells": "exit code 1 instead of 0",
        "watch_for_stalls": HANGS,
    },
    "gpu-broken": {"retries_of_lost_cells": "exit code 1 instead of 0"},
    "node-drained": {},
    "node-killed": {"retries_of_lost_cells": "exit code 1 instead of 0"},
    "head-killed": {"watch_for_the_head": HANGS},
}
HELD = {"driver-killed", "driver-terminated", "checkpoint-truncated", "checkpoint-flipped"}


class Here:
    """In place of a cluster: the driver's own process."""

    options = ("--executor", "inline")
    # Nobody looks at MLflow but where its faults say so; its database takes longer than these grids.
    environment = {  # noqa: RUF012
        **os.environ,
        **ENVIRONMENT,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The answers of an undisturbed run, here and without waiting."""
    trial = Trial(Here, tmp_path_factory.mktemp("undisturbed") / "trial", settings=SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid.time, "sleep", lambda _: None)
        cells = grid.plan(grid.Settings(**SETTINGS, folder=str(trial.folder)))
        run_grid(grid.task, cells, trial.store().prepare(), RunOptions(executor="inline"))
    return trial.answers()


@pytest.fixture(scope="module")
def cluster():
    """A head and two nodes; the sockets of Ray's processes have short names only."""
    with (
        tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        running(Cluster(Path(folder), Here.environment)) as cluster,
    ):
        yield cluster


@pytest.fixture(autouse=True)
def nothing_left(tmp_path):
    """End what a command that was not waited for may have left."""
    yield
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie, or ended by now
            if tmp_path in Path(child.cwd()).parents:
                kill_tree(child.pid)


def come_through(name, where, folder, expected, without=None, **options):
    fault = faults.get(name)
    here = folder / name
    taken_out = [without] if without else []
    if where is Here and not name.startswith("mlflow"):  # nobody looks at MLflow: it starts longer than these
        taken_out.append("window")
    environment = {}
    if taken_out:
        environment = {"CHAOS_WITHOUT": ",".join(taken_out), "GRIDCELL_TASKS": "chaos=chaos_without:task"}
    trial = Trial(where, here, fault.storage_in(here), SETTINGS, environment, **options)
    if name in HELD:
        trial.order("hold", "model0", 2 * grid.CHECKPOINT_EVERY + 2)  # the step that strikes wait for
    fault.strike(trial)
    judge(fault, trial, expected)


def cases(*tables):
    return [
        (name, part, says)
        for table in tables
        for name, parts in table.items()
        for part, says in parts.items()
    ]


def test_every_fault_has_a_case():
    assert {*INLINE, *WITH_MLFLOW, *ON_RAY} == set(faults.all)


@pytest.mark.parametrize(
    "name", [*INLINE, *(pytest.param(name, marks=pytest.mark.long) for name in WITH_MLFLOW)]
)
def test_a_fault_is_survived(name, expected, tmp_path):
    come_through(name, Here, tmp_path, expected)


@pytest.mark.long
@pytest.mark.parametrize(("name", "part", "says"), [*cases(INLINE), *cases(WITH_MLFLOW)])
def test_a_fault_is_not_survived_without_its_handling(name, part, says, expected, tmp_path):
    with pytest.raises(NotSurvived, match=says):
        come_through(name, Here, tmp_path, expected, part)


@pytest.mark.long
@pytest.mark.xdist_group("chaos")
@pytest.mark.parametrize("name", ON_RAY)
def test_a_fault_on_a_cluster_is_survived(name, cluster, expected, tmp_path):
    come_through(name, cluster, tmp_path, expected)


@pytest.mark.long
@pytest.mark.xdist_group("chaos")
@pytest.mark.parametrize(("name", "part", "says"), cases(ON_RAY))
def test_a_fault_on_a_cluster_is_not_survived_without_its_handling(
    name, part, says, cluster, expected, tmp_path
):
    patience = {"patience_s": SOON_S} if says == HANGS else {}
    with pytest.raises(NotSurvived, match=says):
        come_through(name, cluster, tmp_path, expected, part, **patience)
