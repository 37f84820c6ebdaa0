"""A node runs short of memory, and Ray ends workers there: the run begins anew and goes on."""

import pytest
import toy_task

from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions


@pytest.mark.slow
def test_a_run_goes_on_when_tune_gives_up_because_memory_ran_short(store, monkeypatch):
    """Ray's memory monitor ends workers with an error that makes Tune raise, here at the third result."""
    import ray
    from ray.air.execution._internal.actor_manager import RayActorManager

    resolved, results = RayActorManager._actor_task_resolved, []

    def short_of_memory(self, tracked_actor_task, result):
        results.append(result)
        if len(results) == 3:
            raise RuntimeError("Caught unexpected exception") from ray.exceptions.OutOfMemoryError("low")
        resolved(self, tracked_actor_task, result)

    monkeypatch.setattr(RayActorManager, "_actor_task_resolved", short_of_memory)
    grid = toy_task.plan(toy_task.Settings(width=2, length=2))
    schedule = run_grid(toy_task.task, grid, store, RunOptions(num_cpus=1))
    assert len(results) > 3
    assert schedule.finished == set(grid.cells) == store.results.done()
    assert "preempted" in {loss.failure_class for loss in store.losses.read_all()}
