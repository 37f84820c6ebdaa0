"""A search of a task whose answer is known, for the tests here."""

from pathlib import Path

from gridcell import plugins
from gridcell.execute.options import RunOptions
from gridcell.search.objective import Objective
from gridcell.search.run import SearchRun
from gridcell.search.search import Search
from gridcell.search.space import Space
from gridcell.search.wanted import GENERIC, wanted_of
from gridcell.task import find_task

PLUGIN = Path(__file__).parent / "plugins" / "hill_task.py"
SPACE = {
    "walkers.one.x": "uniform(0, 1)",
    "walkers.one.y": "loguniform(1, 100)",
    "walkers.one.k": "int(0, 3)",
}
INLINE = RunOptions(executor="inline")


def hill(store, trials=12, params=None, overrides=(), mode="max", others=(), **how):
    """Return a search of the hill task."""
    plugins.load([PLUGIN], joins=True)
    block = {"params": params or SPACE, "trials": trials, "metric": "height", "fresh_seeds": 0}
    wanted = wanted_of(block, how)
    space = Space.of(wanted.params)
    select = {"walker": ["one"]}
    task = find_task("hill")
    objective = Objective(
        task, "mini", tuple(overrides), None, (), select, "height", mode, GENERIC, tuple(others)
    )
    return Search(objective, space, wanted, store)


def searched(store, *arguments, **how):
    """Run such a search to its end and return it."""
    search = hill(store, *arguments, **how)
    SearchRun(search, INLINE).run()
    return search


def asked(search):
    """Return the values of each trial."""
    return [dict(one.trial.params) for one in search.tried]
