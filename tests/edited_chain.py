"""A task whose files tests edit: a chain of two cells and one beside it."""

import sys
from pathlib import Path

from gridcell import plugins
from gridcell.execute import running_code
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.staleness import find_stale
from gridcell.suite import load_suite
from gridcell.task import find_task

TASK = '''
"""A chain of two cells and one beside it."""

from pathlib import Path

from gridcell.grid import GridBuilder
from gridcell.settings import Strict
from gridcell.task import Task


class Settings(Strict):
    """Nothing to set."""


def plan(settings):
    grid = GridBuilder("chain")
    first = grid.add("first", {}, title="first")
    grid.target({"cell": "second"}, grid.add("second", {}, needs={"first": first}, title="second"))
    grid.target({"cell": "beside"}, grid.add("beside", {}, title="beside"))
    return grid.build()


task = Task(
    name="chain",
    summary="A chain of two cells and one beside it.",
    settings=Settings,
    suites=Path(__file__).parent,
    plan=plan,
    cells={"first": "chain_first:run", "second": "chain_second:run", "beside": "chain_beside:run"},
    report="chain_first:run",
)
'''
FILES = {
    "chain_of_test.py": TASK,
    "mini.yaml": "{}",
    "chain_first.py": "from chain_shared import ONE\n\ndef run(cell, context):\n    return {'x': ONE}\n",
    "chain_second.py": (
        "def run(cell, context):\n    return {'x': 10 * context.need('first').metrics['x'], 'seconds': 1.5}\n"
    ),
    "chain_beside.py": "def run(cell, context):\n    from chain_shared import ONE\n    return {'x': ONE}\n",
    "chain_shared.py": "ONE = 1\n",
}


def forget_modules():
    """As a new process would begin."""
    for name in [name for name in sys.modules if name.startswith("chain_")]:
        del sys.modules[name]
    running_code.forget()


class Chain:
    """A task whose files can be edited."""

    def __init__(self, folder: Path, store):
        self.folder, self.store = folder, store

    def edit(self, name, old, new):
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def _begin(self):
        forget_modules()
        plugins.load([self.folder / "chain_of_test.py"])
        task = find_task("chain")
        self.grid = grid = load_suite(task, "mini").grid()
        results, _ = self.store.results.read_many(grid.cells)
        return task, grid, find_stale(task, grid, self.store, results)

    def stale(self):
        """Return title -> reason."""
        _, grid, stale = self._begin()
        return {grid.cells[cell_id].title: why for cell_id, why in stale.reasons.items()}

    def run(self, rerun=False, diverge=False):
        """Return title -> metric, and the titles of what was run; ``diverge`` if a cell is to diverge."""
        task, grid, stale = self._begin()
        options = RunOptions(executor="inline", rerun=stale.stamps if rerun else {})
        schedule = run_grid(task, grid, self.store, options)
        assert bool(schedule.failed or schedule.diverged) is diverge
        results, _ = self.store.results.read_many(grid.cells)
        ran = {grid.cells[cell_id].title for cell_id in schedule.finished}
        return {result.cell.title: result.metrics["x"] for result in results.values()}, ran
