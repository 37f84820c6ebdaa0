"""What a search costs a trial, with 1,000 trials told: choosing it, planning it, and taking note of its end.

All figures are processor time, so that other work on the machine counts less.
"""

import sys
import tempfile
import time
from pathlib import Path

from gridcell.search.run import SearchRun
from gridcell.search.samplers import SamplerName, Told, suggest
from gridcell.store import Store

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "plugins")]

AIMS = {
    "a trial by random draws (ms)": "<= 100",
    "tpe: an ask with 1,000 told (ms)": "<= 100",
    "cmaes: an ask with 1,000 told (ms)": "<= 100",
}
TRIALS = 1_000
ASKS: dict[SamplerName, int] = {"tpe": 10, "cmaes": 10, "gp": 1}


def measure() -> dict[str, float]:
    """Return milliseconds of processor time: of a whole trial whose cell takes none, and of one ask."""
    from hill_search import INLINE, hill

    with tempfile.TemporaryDirectory() as folder:
        search = hill(Store(folder).prepare(), TRIALS, search="random")
        begun = time.process_time()
        SearchRun(search, INLINE).run()
        figures = {"a trial by random draws (ms)": 1e3 * (time.process_time() - begun) / TRIALS}
        told = [Told(one.trial, one.ended) for one in search.tried]
    for sampler, asks in ASKS.items():
        suggest(sampler, search.space, told[:20], number=0, seed=0, maximise=True)  # imports
        begun = time.process_time()
        for number in range(TRIALS, TRIALS + asks):
            suggest(sampler, search.space, told, number=number, seed=0, maximise=True)
        taken = 1e3 * (time.process_time() - begun) / asks
        figures[f"{sampler}: an ask with 1,000 told (ms)"] = taken
    return figures
