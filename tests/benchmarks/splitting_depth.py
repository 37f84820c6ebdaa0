"""How far subset simulation is off at 20, 60 and 120 bits of a kernel space whose tail is known exactly.

Means over 32 runs of 60 particles, with the half-width of Student's 95 % interval; the hypotheses that a run
computes say what it costs. No setting was chosen on this seed.
"""

import math

import numpy as np
from scipy.stats import t
from tests.inductive_bias.test_splitting import error_at, kernel_space

from inductive_bias.splitting.levels import Plan, advance
from inductive_bias.splitting.probability import log_probability

AIMS = {
    "20 bits, adaptive: error (bits, absolute)": "<= 0.5",
    "60 bits, adaptive: error (bits, absolute)": "<= 1",
    "120 bits, adaptive: error (bits, absolute)": "<= 2",
}
SEED = 7_301
RUNS = 32
PARTICLES = 60
SWEEPS = {"2 sweeps": 2, "3 sweeps": 3, "adaptive": "adaptive"}


def measure() -> dict[str, float]:
    """Return errors in bits, how sure they are, and what a run costs."""
    space, exact = kernel_space(seed=SEED)
    figures = {}
    for bits in (20, 60, 120):
        target = error_at(exact, bits)
        for name, sweeps in SWEEPS.items():
            found, costs = [], []
            for number in range(RUNS):
                plan = Plan(PARTICLES, sweeps, 1_000, SEED, number)
                *_, last = advance(space, plan, target, None)
                found.append(-log_probability(target, target, last) / math.log(2))
                costs.append(last.evaluated)
            where = f"{bits} bits, {name}"
            error = float(np.mean(found)) - bits
            figures[f"{where}: error (bits)"] = error
            if f"{where}: error (bits, absolute)" in AIMS:
                figures[f"{where}: error (bits, absolute)"] = abs(error)
            half = t.ppf(0.975, RUNS - 1) * np.std(found, ddof=1) / math.sqrt(RUNS)
            figures[f"{where}: half-width of its 95 % interval (bits)"] = float(half)
            figures[f"{where}: standard deviation of a run (bits)"] = float(np.std(found, ddof=1))
            figures[f"{where}: hypotheses a run"] = float(np.mean(costs))
    return figures
