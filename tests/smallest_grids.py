"""The least of each task that has three targets and runs in a moment, run: for tests of reports."""

import yaml

from gridcell.execute.attempt import Attempt
from gridcell.execute.run_cell import run_cell
from gridcell.report import GridResults
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task
from rib_stored import stored_results

SMALLEST = {
    "farmap": {
        "maps": {"small": 1},
        "agents": {"frontier": {"kind": "frontier"}, "random-walk": {"kind": "random-walk"}},
        "compare": ["frontier", "random-walk"],
        "steps": 30,
        "seeds": [0, 1],
    },
    "generalization-difficulty": {
        "tasks": {
            name: {
                "kind": "classification",
                "n": 10_000,
                "m": 8 + index,
                "radius": 1.0,
                "classes": 10,
                "delta": 0.1,
                "eps": 1e-3,
            }
            for index, name in enumerate(("a", "b", "c"))
        }
    },
    "inductive-bias": {
        "problems": {"easy": {"source": "teacher", "dimension": 2, "points": 60}},
        "spaces": {"rbf": {"kind": "rbf"}},
        "training_size": 10,
        "test_points": 10,
        "kernel_samples": 30,
        "bootstrap": 10,
        "seeds": [0, 1, 2],
    },
    "farcuriosity": {
        "forgetting": {
            "worlds": {"two": {"rows": 1, "columns": 2, "size": 3}},
            "path": {"laps": 2, "sweeps": 1, "segment": 16, "epochs": 1, "warm_up": 20},
            "curiosities": {"rnd": {"features": 8}},
        },
        "seeds": [0, 1, 2],
    },
}
TASKS = ["imagenet-rib", *SMALLEST]


def complete_results(name, folder):
    """Return a task and the results of its smallest grid, which has no failures and skips nothing."""
    task, store = find_task(name), Store(str(folder / "store")).prepare()
    if name == "imagenet-rib":
        return task, stored_results(store, folder, {"ft": {}, "lwf": {}})
    (folder / "smallest.yaml").write_text(yaml.safe_dump(SMALLEST[name]))
    suite = load_suite(task, str(folder / "smallest.yaml"))
    grid = suite.grid()
    for cell in grid.cells.values():
        assert run_cell(Attempt(cell, task, store, locations=grid.locations)).done
    results, _ = store.results.read_many(grid.cells)
    settings = suite.settings.model_dump(mode="json")
    return task, GridResults("complete", settings, grid, results, {}, store)
