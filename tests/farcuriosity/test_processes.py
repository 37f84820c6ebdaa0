"""Cells of several processes on Ray, where each has to do with what Tune has reserved for it."""

import pytest

from farcuriosity import task
from farcuriosity.plan import plan
from farcuriosity.settings import Settings
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.suite import parse_settings

TRAINING = {
    "steps": 128,
    "environments": 4,
    "horizon": 16,
    "epochs": 1,
    "minibatches": 2,
    "features": 16,
    "lstm": 0,
    "random_steps": 50,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "processes",
    [{"learners": 2, "runners": 1}, pytest.param({"runners": 2}, marks=pytest.mark.long)],
    ids=str,
)
def test_a_cell_of_several_processes_runs_on_ray(store, processes):
    rooms = {"id": "gridcell/Rooms-v0", "options": {"rows": 1, "columns": 2, "size": 3, "view": 3}}
    settings = {"environments": {"rooms": rooms}, "curiosities": {"rnd": {}}}
    grid = plan(parse_settings(Settings, settings | {"training": TRAINING | processes}))
    schedule = run_grid(task, grid, store, RunOptions(num_cpus=3))
    assert schedule.failed == {}
    (cell,) = grid.cells.values()
    assert store.results.read(cell.id).metrics["steps"] == 128
