"""Subset simulation: P(error <= eps) as a product of conditional probabilities of about one half.

Particles are drawn from the space. The better half survives and is doubled; each copy then moves by a Markov
chain that leaves the space's distribution as it is and is rejected where the error exceeds the level. The
fraction that survives each level is multiplied up, until the target lies within the particles.

Source: Au and Beck, "Estimation of small failure probabilities in high dimensions by subset simulation",
Probabilistic Engineering Mechanics 16 (2001); moves: Cotter et al., "MCMC methods for functions", Statistical
Science 28 (2013), and Papaioannou et al., Probabilistic Engineering Mechanics 41 (2015) for their steps.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gridcell.data import generator

Floats = NDArray[np.float64]
States = Mapping[str, NDArray]
"""Particles: arrays whose first dimension counts them."""

ACCEPTANCE = 0.35
"""Share of accepted moves that the step is steered to."""

LARGEST_STEP = 0.9
SMALLEST_STEP = 1e-4

STALLED = 8
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
        error: the level; the next one's particles have this error at most.
        share: of the particles that have.
        acceptance: of the moves that brought the particles here; None for those drawn at random.
        correlation: of the particles' errors with their ancestors' when this level's moves began.
        step: of the moves.
        founders: different particles of the first level from which the present ones descend.
    """

    error: float
    share: float
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
        founders: index of the first level's particle from which each descends.
        levels: those passed.
        history: errors of the particles at each of them.
        step: of the next move.
        sweep: moves made at this level.
        accepted: moves accepted at this level.
        before: errors when this level's moves began.
        unfitted: hypotheses drawn at random that don't fit the training data.
        evaluated: hypotheses whose error was computed.
        stalled: levels one after another at which nearly all particles had one error.
    """

    states: States
    errors: Floats
    founders: NDArray[np.int64]
    levels: tuple[Level, ...] = ()
    history: tuple[Floats, ...] = ()
    step: float = 0.5
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
        sweeps: moves of each particle between two levels.
        max_levels: after which a run gives up.
        seed: of the suite.
        run: its number; runs of one seed are independent.
    """

    particles: int
    sweeps: int
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
    return Progress(together, values, np.arange(len(values)), unfitted=unfitted, evaluated=drawn)


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
            at = _select(plan, target, at)
        moved = _move(space, plan, at)
        at = replace(moved, sweep=0) if moved.sweep == plan.sweeps else moved
        yield at


def finished(plan: Plan, target: float, at: Progress) -> bool:
    """Say whether a run is through: the target lies within its particles, or it gave up."""
    if at.sweep or len(at.errors) < plan.particles:
        return len(at.errors) < plan.particles
    if len(at.levels) >= plan.max_levels or at.stalled >= STALLED:
        return True
    return bool((at.errors <= target).mean() >= 0.5)


def reached(target: float, at: Progress) -> bool:
    """Say whether a finished run came down to the target."""
    return len(at.errors) > 0 and bool((at.errors <= target).any())


def next_level(errors: Floats, target: float) -> float:
    """Return the error nearest to the median that some but not all particles have at most, or the target.

    Errors that take few values (shares of mistakes) may leave more or less than half below a level.
    """
    values = np.unique(errors)
    if len(values) == 1:
        return float(values[0])
    shares = np.array([(errors <= value).mean() for value in values[:-1]])
    level = float(values[int(np.argmin(np.abs(shares - 0.5)))])
    return max(level, target)


def _select(plan: Plan, target: float, at: Progress) -> Progress:
    """Pass to the next level: survivors are copied evenly until there are as many particles as before."""
    level = next_level(at.errors, target)
    alive = np.flatnonzero(at.errors <= level)
    passed = _level(plan, at, level)
    order = plan.draws("survivors", len(at.levels)).permutation(alive)
    rows = np.resize(order, len(at.errors))
    errors = at.errors[rows]
    return replace(
        at,
        states={name: values[rows] for name, values in at.states.items()},
        errors=errors,
        founders=at.founders[rows],
        levels=(*at.levels, passed),
        history=(*at.history, at.errors),
        accepted=0,
        before=errors,
        stalled=at.stalled + 1 if passed.share > 0.98 else 0,
    )


def _level(plan: Plan, at: Progress, error: float) -> Level:
    acceptance = correlation = step = None
    if at.levels:
        acceptance = at.accepted / (len(at.errors) * plan.sweeps)
        spread = min(float(at.errors.std()), float(at.before.std()))
        correlation = float(np.corrcoef(at.errors, at.before)[0, 1]) if spread > 0 else 1.0
        step = at.step
    share = float((at.errors <= error).mean())
    return Level(error, share, acceptance, correlation, step, len(np.unique(at.founders)))


def _move(space: Particles, plan: Plan, at: Progress) -> Progress:
    """Propose a move of every particle; accept those that stay at or below the level."""
    draws = plan.draws("move", len(at.levels), at.sweep)
    proposed = space.move(at.states, at.step, draws)
    errors = space.errors(proposed)
    good = errors <= at.levels[-1].error
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
        step=min(max(step, SMALLEST_STEP), LARGEST_STEP),
        sweep=at.sweep + 1,
        accepted=at.accepted + int(good.sum()),
        evaluated=at.evaluated + len(errors),
    )


def log_probability(eps: float, target: float, at: Progress) -> float:
    """Return log P(error <= eps) of a finished run; NaN below the target and where the run did not come.

    It is read off at the first level whose particles hold it: those whose error is at most the level before.
    """
    if eps < target or not len(at.errors):
        return math.nan
    total = 0.0
    for level, errors in zip(at.levels, at.history, strict=True):
        if eps >= level.error:
            return total + math.log((errors <= eps).mean())
        total += math.log(level.share)
    share = float((at.errors <= eps).mean())
    return total + math.log(share) if share else math.nan
