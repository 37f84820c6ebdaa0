"""A population-based search of the task whose cells train in stages, for the tests here."""

from pathlib import Path

from gridcell import plugins
from gridcell.execute.options import RunOptions
from gridcell.search.asked import search_of
from gridcell.search.run import SearchRun

PLUGIN = Path(__file__).parent / "plugins" / "noise_task.py"
INLINE = RunOptions(executor="inline")
LR = {"runs.one.lr": "loguniform(0.01, 1)"}


def noise(store, trials=5, params=None, overrides=(), **how):
    """Return a search of the noise task."""
    plugins.load([PLUGIN], joins=True)
    block = {
        "params": params or LR,
        "trials": trials,
        "population": trials,
        "rungs": 4,
        "fresh_seeds": 0,
        "scheduler": "pbt",
    }
    return search_of("noise", "mini", store, block | how, overrides=overrides)


def bred(store, *arguments, options=INLINE, **how):
    """Run such a search to its end and return it."""
    search = noise(store, *arguments, **how)
    SearchRun(search, options).run()
    return search


def came_to(search):
    """Return of each trial its values, whom it goes on from, and what it was worth."""
    return [
        (one.trial.number, one.trial.parent, dict(one.trial.params), one.ended.state, one.ended.value)
        for one in search.tried
    ]
