"""A search of the task whose cells can pause, for the tests here."""

from pathlib import Path

from gridcell import plugins
from gridcell.execute.options import RunOptions
from gridcell.search.asked import search_of
from gridcell.search.run import SearchRun

PLUGIN = Path(__file__).parent / "plugins" / "climb_task.py"
INLINE = RunOptions(executor="inline")


def climb(store, trials=12, params=None, overrides=(), **how):
    """Return a search of the climb task."""
    plugins.load([PLUGIN], joins=True)
    block = {
        "params": params or {"walkers.one.x": "uniform(0, 1)"},
        "trials": trials,
        "fresh_seeds": 0,
        "search": "random",
        "at_once": 1,
    }
    return search_of("climb", "mini", store, block | how, overrides=overrides)


def climbed(store, *arguments, options=INLINE, **how):
    """Run such a search to its end and return it."""
    search = climb(store, *arguments, **how)
    SearchRun(search, options).run()
    return search


def came_to(search):
    """Return the values of each trial, the rung that it came to, and what it was worth there."""
    return [(dict(one.trial.params), one.rung, one.ended.state, one.ended.value) for one in search.tried]
