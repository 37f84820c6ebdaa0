"""ASHA on 16 slots, in one simulation with Tune's own: how busy slots are, what is trained, what is found.

Trials have a quality, a pace of their own (log-normal), and at each rung a score that is their quality with
noise that shrinks as they train. Both schedulers see the same trials; time is simulated. A trial of gridcell
that goes on after a pause is a new job, which costs a start; one of Tune keeps its slot until it is stopped.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from types import SimpleNamespace
from typing import Any

from gridcell.search.promotion import Standing, promotion

AIMS = {
    "gridcell: slots busy until the last trial begins (share)": ">= 0.99",
    "gridcell: trained of all trials' units (share)": "<= 0.333",
}
SLOTS, TRIALS, ETA, STOPS, REPEATS = 16, 243, 3, (3, 9, 27, 81), 20
START = 0.2  # units of time that the start of a job takes; an epoch takes about 1
NOISE = 0.1  # standard deviation at one unit; qualities are uniform from 0 to 1


@dataclass
class Trials:
    """What both schedulers are given."""

    quality: list[float]
    pace: list[float]
    noise: list[dict[int, float]]

    @classmethod
    def drawn(cls, seed: int) -> "Trials":
        draws = random.Random(seed)
        return cls(
            [draws.random() for _ in range(TRIALS)],
            [draws.lognormvariate(0, 0.5) for _ in range(TRIALS)],
            [{stop: draws.gauss(0, NOISE / stop**0.5) for stop in STOPS} for _ in range(TRIALS)],
        )

    def score(self, number: int, stop: int) -> float:
        return self.quality[number] + self.noise[number][stop]


@dataclass
class Ended:
    """How a simulated search ended.

    Attributes:
        busy: slots x time that trained, until the last trial began.
        until: slots x time until then.
        share: of all slots that were busy, over the whole search.
        makespan: time until the end.
        units: that were trained.
        rank: of the best trial that was trained to its end, by quality; 1 is the best of all.
    """

    busy: float
    until: float
    share: float
    makespan: float
    units: int
    rank: int


def ended(
    trials: Trials, jobs: Sequence[tuple[float, float, int]], units: int, whole: Sequence[int]
) -> Ended:
    """Sum up jobs, each (begin, end, whether it began a trial)."""
    last = max(begin for begin, _, first in jobs if first)
    busy = sum(max(0.0, min(end, last) - begin) for begin, end, _ in jobs)
    found = max(whole, key=lambda number: trials.score(number, STOPS[-1]))
    rank = 1 + sum(quality > trials.quality[found] for quality in trials.quality)
    makespan = max(end for _, end, _ in jobs)
    share = sum(end - begin for begin, end, _ in jobs) / (SLOTS * makespan)
    return Ended(busy, SLOTS * last, share, makespan, units, rank)


def with_gridcell(trials: Trials) -> Ended:
    """Simulate gridcell's choices."""
    now, running, jobs, units = 0.0, [], [], 0
    sent: dict[int, int] = {}
    scores: dict[int, dict[int, float]] = {}
    while True:
        while len(running) < SLOTS:
            more = len(sent) < TRIALS
            standings = [Standing(one, 0, rung, scores.get(one, {})) for one, rung in sent.items()]
            chosen = promotion(standings, eta=ETA, rungs=len(STOPS), closing=not more and not running)
            if chosen is None and not more:
                break
            number, rung = chosen or (len(sent), 0)
            sent[number] = rung
            steps = STOPS[rung] - (STOPS[rung - 1] if rung else 0)
            units += steps
            end = now + START + steps * trials.pace[number]
            jobs.append((now, end, rung == 0))
            heapq.heappush(running, (end, number, rung))
        if not running:
            break
        now, number, rung = heapq.heappop(running)
        scores.setdefault(number, {})[rung] = trials.score(number, STOPS[rung])
    whole = [one for one, found in scores.items() if len(STOPS) - 1 in found]
    return ended(trials, jobs, units, whole)


def with_tune(trials: Trials) -> Ended:
    """Simulate the choices of Tune's AsyncHyperBandScheduler with one bracket, which never pauses."""
    from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

    scheduler: Any = AsyncHyperBandScheduler(
        time_attr="units",
        metric="score",
        mode="max",
        max_t=STOPS[-1],
        grace_period=STOPS[0],
        reduction_factor=ETA,
    )
    now, running, jobs, units, whole, begun = 0.0, [], [], 0, [], 0
    while True:
        while len(running) < SLOTS and begun < TRIALS:
            trial = SimpleNamespace(trial_id=str(begun))
            scheduler.on_trial_add(None, trial)
            end = now + START + STOPS[0] * trials.pace[begun]
            jobs.append((now, end, True))
            heapq.heappush(running, (end, begun, 0, trial))
            begun += 1
        if not running:
            break
        now, number, rung, trial = heapq.heappop(running)
        units += STOPS[rung] - (STOPS[rung - 1] if rung else 0)
        result = {"units": STOPS[rung], "score": trials.score(number, STOPS[rung])}
        goes_on = scheduler.on_trial_result(None, trial, result) == TrialScheduler.CONTINUE
        if rung == len(STOPS) - 1:
            whole.append(number)
        elif goes_on:
            end = now + (STOPS[rung + 1] - STOPS[rung]) * trials.pace[number]
            jobs.append((now, end, False))
            heapq.heappush(running, (end, number, rung + 1, trial))
    return ended(trials, jobs, units, whole)


def measure() -> dict[str, float]:
    """Return means over simulated searches."""
    assert all(later == ETA * before for before, later in pairwise(STOPS))
    figures: dict[str, float] = {}
    for name, run in (("gridcell", with_gridcell), ("Tune", with_tune)):
        found = [run(Trials.drawn(seed)) for seed in range(REPEATS)]
        figures |= {
            f"{name}: slots busy until the last trial begins (share)": fmean(
                one.busy / one.until for one in found
            ),
            f"{name}: slots busy over the whole search (share)": fmean(one.share for one in found),
            f"{name}: trained of all trials' units (share)": fmean(
                one.units / (TRIALS * STOPS[-1]) for one in found
            ),
            f"{name}: time until the end": fmean(one.makespan for one in found),
            f"{name}: rank of the best that was found": fmean(one.rank for one in found),
        }
    return figures
