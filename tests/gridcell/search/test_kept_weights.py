"""A search keeps the weights that its suite says: of trials that are over, and at its end."""

import json
import time

import pytest

from climb_search import PLUGIN, climb
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.execute.source import Growth
from gridcell.search.run import SearchRun
from gridcell.store import Store
from silent_mirror import Silent

INLINE = RunOptions(executor="inline")
X = {"walkers.one.x": "uniform(0, 1)"}
TUNE = ("tune", "climb", "--plugin", PLUGIN, "--executor", "inline", "--tracking", "sqlite:///none.db")
LISTED = ("--param", "walkers.one.x=linspace(0, 1, 4)", "--search", "grid", "--fresh-seeds", 2)


def there(store, search=None):
    """Return the titles of the cells, of the trials of a search or of all, whose weights are there."""
    ids = store.results.done() | store.results.at_pauses()
    if search is not None:
        ids &= {cell_id for one in search.tried for cell_id in one.whole.cells}
    results, _ = store.results.read_many(ids)
    return sorted(
        result.cell.title
        for result in results.values()
        for item in result.artifacts.values()
        if store.folder.local(item.path).exists()
    )


@pytest.mark.parametrize(("keep", "left"), [("last", 9), ("none", 0)])
def test_the_end_of_a_search_removes_what_the_suite_does_not_keep(gridcell, keep, left, monkeypatch):
    monkeypatch.setattr("gridcell.cli.tune.Mirror", Silent)
    arguments = (*TUNE, *LISTED, "--set", f"keep_weights={keep}", "--out", "out", "--quiet")
    code, output, errors = gridcell(*arguments)
    assert (code, errors) == (0, "")
    store = Store("runs")
    # One map that all walk by, the default, four trials, and two of these on two fresh seeds.
    assert len(there(store)) == left
    assert f"keep_weights is {keep}: {'1 file' if left == 9 else '10 files'} of weights" in output
    done = store.results.done()
    SearchRun(climb(store, 4, {"walkers.one.x": "linspace(0, 1, 4)"}, search="grid"), INLINE).run()
    assert store.results.done() == done  # nothing is made again for a search that has ended
    assert len(there(store)) == left
    of_best = ("climb", "--suite", "out/best.yaml", "--plugin", PLUGIN)
    _, output, _ = gridcell("plan", *of_best, "--storage", "runs")
    assert f"{2 if keep == 'none' else 1} results are without their weights, which were pruned." in output
    assert "0 to run" in output


class Seen(Silent):
    """A listener that notes, whenever a cell has ended, whose weights are there."""

    def __init__(self, search):
        self.search, self.most = search, 0

    def finished(self, *_):
        self.most = max(self.most, len(there(self.search.store, self.search)))


@pytest.mark.parametrize(
    ("params", "most"),
    [
        (X, 2),  # the map, and the walker that goes
        ({"walkers.one.x": "linspace(0, 1, 6)"}, 7),  # a later trial may have the same value
        ({**X, "walkers.one.steps": "int(2, 4)"}, 2),
    ],
)
def test_weights_of_a_trial_go_when_it_is_over_unless_another_may_ask_for_them(store, params, most):
    search = climb(store, 6, params, ["keep_weights=none"], search="tpe")  # one trial after another
    seen = Seen(search)
    run = SearchRun(search, INLINE, watch=lambda grid: [seen])
    run.run()
    assert seen.most <= most
    assert (seen.most == 2) == (most == 2)
    values = {one.trial.number: one.ended.value for one in search.tried}
    assert all(value is not None for value in values.values())
    assert "files of weights that no cell needs any more were removed" in run.tidying.at_end(run.grid.cells)
    assert there(store) == []


def test_what_a_rung_has_stopped_can_go_on_without_its_weights(store):
    """Its checkpoint is not removed: only what its pause left for the cell that measures it."""
    found = {}
    for keep in ("none", "all"):
        where = Store(f"{store.uri}-{keep}").prepare()
        few = SearchRun(climb(where, 4, X, [f"keep_weights={keep}"], scheduler="asha"), INLINE)
        few.run()
        few.tidying.at_end(few.grid.cells)
        assert bool(there(where)) == (keep == "all")
        more = climb(where, 9, X, [f"keep_weights={keep}"], scheduler="asha")
        SearchRun(more, INLINE).run()
        found[keep] = [(one.rung, one.ended.state, one.ended.value) for one in more.tried]
        assert not where.folder.names("quarantine")
    assert found["none"] == found["all"]


def test_nothing_is_removed_beside_another_run(store):
    search = climb(store, 3, X, ["keep_weights=none"])
    beat = {"host": "elsewhere", "pid": 1, "time": time.time(), "running": {}}
    store.folder.write("drivers/other.json", json.dumps(beat).encode())
    run = SearchRun(search, INLINE)
    run.run()
    assert len(there(store)) == 5
    assert "No weights were removed: another run uses this storage" in run.tidying.at_end(run.grid.cells)


def test_a_cell_that_was_pruned_in_this_very_run_is_made_again_for_a_new_one(store):
    small = climb(store, 1, X)
    grid = small.default.grid
    (base,) = (cell.id for cell in grid.cells.values() if cell.kind == "base")

    class Pruning:
        """Removes the map once all is done, then asks for another walker, who needs it."""

        asked = False

        def more(self, ended):
            if self.asked or not {target.cell for target in grid.targets} <= store.results.done():
                return None
            self.asked = True
            store.results.prune(store.results.read(base), ["map.txt"])
            objective = small.objective
            return Growth(objective.grid(objective.suite({"walkers.one.x": 0.5})))

    schedule = run_grid(small.objective.task, grid, store, INLINE, source=Pruning())
    assert len(schedule.finished) == 5  # base, climb and view, of which base twice, and two more
    assert store.results.pruned() == set()
    assert not store.folder.names("quarantine")
