"""Subset simulation: P(error <= eps) as a product of conditional probabilities of about one half.

Particles are drawn from the space. The best half survives and is doubled; each copy then moves by a Markov
chain that leaves the space's distribution as it is and is rejected where it does not stay below the level.
``probability.py`` adds up what the levels say, until the target lies within the particles.

The level is the best particle that does not survive. Survivors lie strictly below it: a survivor on the level
itself would be no draw of what lies below, and counting it makes each level look too easy.

Equal errors, as shares of mistakes have, are put in order by a label: a standard normal number of each
particle, which moves with it. So there is always a level that just half of the particles lie below.

Source: Au and Beck, "Estimation of small failure probabilities in high dimensions by subset simulation",
Probabilistic Engineering Mechanics 16 (2001); survivors: Bréhier et al., "Unbiasedness of some generalized
adaptive multilevel splitting algorithms", Annals of Applied Probability 26 (2016); moves: Cotter et al.,
"MCMC methods for functions", Statistical Science 28 (2013), and Papaioannou et al., Probabilistic Engineering
Mechanics 41 (2015) for their steps; labels: Skilling, "Nested sampling for general Bayesian computation",
Bayesian Analysis 1 (2006).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gridcell.data import generator
from inductive_bias.splitting.mixing import enough_sweeps, ranks
from inductive_bias.splitting.moves import autoregressive

Floats = NDArray[np.float64]
States = Mapping[str, NDArray]
"""Particles: arrays whose first dimension counts them."""

ACCEPTANCE = 0.35
"""Share of accepted moves that the step is steered to."""

LARGEST_STEP = 0.9
SMALLEST_STEP = 1e-4

STALLED = 12
"""Levels at which nearly all particles have one error, one after another, after which a run gives up."""


class Particles(Protocol):
    """A hypothesis space whose hypotheses can be moved."""

    def draw(self, count: int, draws: np.random.Generator) -> States:
        """Return hypotheses from the space's own distribution."""

    def move(self, states: States, step: float, draws: np.random.Generator) -> States:
        """Return one proposal a particle, reversible with respect to that distribution; 0 < step <= 1."""

    def errors(self, states: States) -> Floats:
        """Return test errors, shape (particles,); infinite for those that don't fit the training data."""


@dataclass(frozen=True)
class Level:
    """One level of a run.

    Attributes:
        error: the level's; the next particles have a smaller one, or the same and a smaller label.
        label: the level's.
        sweeps: moves of each particle that brought them here; 0 for those drawn at random.
        acceptance: of these moves; None for particles drawn at random.
        correlation: of the particles' ranks with their ancestors' when this level's moves began; None where
            these are all one, and at the first level.
        step: of the moves.
        founders: different particles of the first level from which the present ones descend.
    """

    error: float
    label: float
    sweeps: int
    acceptance: float | None
    correlation: float | None
    step: float | None
    founders: int


@dataclass(frozen=True, eq=False)
class Progress:
    """A run up to the end of a sweep; everything that it goes on from.

    Attributes:
        states: the particles.
        errors: theirs, shape (particles,).
        labels: theirs, standard normal, shape (particles,); they put equal errors in order.
        founders: index of the first level's particle from which each descends.
        levels: those passed.
        history: errors of the particles at each of them.
        step: of the next move.
        sweeps: moves of each particle at this level.
        sweep: those made.
        accepted: moves accepted at this level.
        before: ranks of the ancestors when this level's moves began.
        unfitted: hypotheses drawn at random that don't fit the training data.
        evaluated: hypotheses whose error was computed.
        stalled: levels one after another at which nearly all particles had one error.
    """

    states: States
    errors: Floats
    labels: Floats
    founders: NDArray[np.int64]
    levels: tuple[Level, ...] = ()
    history: tuple[Floats, ...] = ()
    step: float = 0.5
    sweeps: int = 0
    sweep: int = 0
    accepted: int = 0
    before: Floats = field(default_factory=lambda: np.empty(0))
    unfitted: int = 0
    evaluated: int = 0
    stalled: int = 0


@dataclass(frozen=True)
class Plan:
    """How a run is made.

    Attributes:
        particles: at every level.
        sweeps: moves of each particle between two levels; ``adaptive``: as many as it takes (``mixing.py``).
        max_levels: after which a run gives up.
        seed: of the suite.
        run: its number; runs of one seed are independent.
    """

    particles: int
    sweeps: int | Literal["adaptive"]
    max_levels: int
    seed: int
    run: int

    def draws(self, *purpose: str | int) -> np.random.Generator:
        """Return the generator of one step of the run, whatever was drawn before."""
        return generator(self.seed, "splitting", self.run, *purpose)


def start(space: Particles, plan: Plan) -> Progress:
    """Draw the first level: hypotheses of the space that fit, as many as there are particles.

    Those that don't fit are counted; after ten times as many draws the run goes on with those it has, or
    with none.
    """
    found: list[States] = []
    errors: list[Floats] = []
    unfitted = drawn = 0
    while (have := sum(map(len, errors))) < plan.particles and drawn < 10 * plan.particles:
        states = space.draw(plan.particles - have, plan.draws("first", drawn))
        new = space.errors(states)
        drawn += len(new)
        fits = np.isfinite(new)
        unfitted += int((~fits).sum())
        found.append({name: values[fits] for name, values in states.items()})
        errors.append(new[fits])
    together = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    values = np.concatenate(errors)
    labels = plan.draws("labels").standard_normal(len(values))
    return Progress(together, values, labels, np.arange(len(values)), unfitted=unfitted, evaluated=drawn)


def advance(space: Particles, plan: Plan, target: float, at: Progress | None) -> Iterator[Progress]:
    """Go through a run, yielding after every sweep; the last one yielded holds the finished run.

    Args:
        space: what hypotheses are drawn and moved in.
        plan: of the run.
        target: the error down to which levels go.
        at: where the run was; None: at its beginning.
    """
    if at is None:
        at = start(space, plan)
        yield at
    while not finished(plan, target, at):
        if at.sweep == 0:
            at = _select(plan, at)
        moved = _move(space, plan, at)
        at = replace(moved, sweep=0) if moved.sweep == at.sweeps else moved
        yield at


def finished(plan: Plan, target: float, at: Progress) -> bool:
    """Say whether a run is through: the target lies within its particles, or it gave up."""
    if at.sweep or len(at.errors) < plan.particles:
        return len(at.errors) < plan.particles
    if len(at.levels) >= plan.max_levels or at.stalled >= STALLED:
        return True
    return int((at.errors <= target).sum()) > survivors(plan.particles)


def survivors(particles: int) -> int:
    """Return how many particles pass to the next level."""
    return particles // 2


def _select(plan: Plan, at: Progress) -> Progress:
    """Pass to the next level: survivors are copied evenly until there are as many particles as before."""
    order = np.lexsort((at.labels, at.errors))
    count = survivors(len(order))
    edge = order[count]
    passed = _level(at, float(at.errors[edge]), float(at.labels[edge]))
    sweeps = plan.sweeps
    rows = np.resize(plan.draws("survivors", len(at.levels)).permutation(order[:count]), len(order))
    levels = (*at.levels, passed)
    if sweeps == "adaptive":
        seen = [(one.sweeps, one.correlation) for one in levels if one.correlation is not None]
        sweeps = enough_sweeps(seen)
    _, equal = np.unique(at.errors, return_counts=True)
    return replace(
        at,
        states={name: values[rows] for name, values in at.states.items()},
        errors=at.errors[rows],
        labels=at.labels[rows],
        founders=at.founders[rows],
        levels=levels,
        history=(*at.history, at.errors),
        sweeps=sweeps,
        accepted=0,
        before=ranks(at.errors[rows], at.labels[rows]),
        stalled=at.stalled + 1 if equal.max() > 0.98 * len(order) else 0,
    )


def _level(at: Progress, error: float, label: float) -> Level:
    acceptance = correlation = step = None
    if at.levels:
        acceptance = at.accepted / (len(at.errors) * at.sweeps)
        correlation = correlation_of(ranks(at.errors, at.labels), at.before)
        step = at.step
    return Level(error, label, at.sweeps, acceptance, correlation, step, len(np.unique(at.founders)))


def correlation_of(ranks: Floats, before: Floats) -> float | None:
    """Return the correlation of particles' ranks with their ancestors'; None where either are all one."""
    if np.ptp(ranks) == 0 or np.ptp(before) == 0:
        return None
    return float(np.corrcoef(ranks, before)[0, 1])


def _move(space: Particles, plan: Plan, at: Progress) -> Progress:
    """Propose a move of every particle; accept those that stay below the level."""
    draws = plan.draws("move", len(at.levels), at.sweep)
    proposed = space.move(at.states, at.step, draws)
    errors = space.errors(proposed)
    labels = autoregressive(at.labels, at.step, draws)
    level = at.levels[-1]
    good = (errors < level.error) | ((errors == level.error) & (labels < level.label))
    states = {}
    for name, old in at.states.items():
        rows = good.reshape(-1, *[1] * (old.ndim - 1))
        states[name] = np.where(rows, proposed[name], old)
    # Steered in logarithms, gently, by the acceptance of the sweep that is over.
    step = at.step * math.exp(float(good.mean()) - ACCEPTANCE)
    return replace(
        at,
        states=states,
        errors=np.where(good, errors, at.errors),
        labels=np.where(good, labels, at.labels),
        step=min(max(step, SMALLEST_STEP), LARGEST_STEP),
        sweep=at.sweep + 1,
        accepted=at.accepted + int(good.sum()),
        evaluated=at.evaluated + len(errors),
    )
