"""Which point is tried next: a function of the space, the seed, the trials before and their results.

Nothing else is remembered. A sampler is made anew for each trial, with the seed of the search plus the
trial's number, so that a search that goes on in another process goes on as it would have.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, get_args

from gridcell.errors import UserError, unknown
from gridcell.search.space import Params, Space
from gridcell.search.trial import RUNNING, Ended, Trial
from gridcell.settings.ranges import Range, is_same

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

SamplerName = Literal["random", "tpe", "gp", "cmaes", "qmc", "grid"]
SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
BLIND = frozenset({"random", "qmc", "grid"})
"""Samplers that look at no result: all their trials can run at once."""

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # no suggestion depends on when a trial was run

_SPACE = "gridcell:space"
"""Key of a trial's memory: the space in which it was asked for."""

_GP_TRIALS = 100  # of more, an ask takes many seconds: the best and the latest are kept


@dataclass(frozen=True)
class Told:
    """A trial before, and what is known of it."""

    trial: Trial
    ended: Ended = RUNNING
    rung: int = 0  # at which it was stopped, where it was


def check_sampler(name: str) -> SamplerName:
    """Return a sampler's name.

    Raises:
        UserError: there is none of that name; names the nearest.
    """
    for known in SAMPLERS:
        if name == known:
            return known
    raise unknown("search", name, SAMPLERS)


def check_installed(sampler: SamplerName) -> None:
    """Make sure that the packages are there by which a sampler that looks at results chooses.

    Raises:
        UserError: one isn't.
    """
    asked = {"optuna": "optuna>=5,<6"} | ({"cmaes": "cmaes>=0.13,<1"} if sampler == "cmaes" else {})
    missing = {name: text for name, text in asked.items() if find_spec(name) is None}
    if missing:
        raise UserError(
            f"--search {sampler} needs {' and '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed: "
            f"pip install {' '.join(map(repr, missing.values()))}, or search by --search "
            f"{', '.join(sorted(BLIND))}"
        )


def check_space(sampler: SamplerName, space: Space) -> None:
    """Make sure that a sampler can move along at least one setting.

    Raises:
        UserError: CMA-ES has choices alone, which it would draw at random.
    """
    if sampler == "cmaes" and len(drawn_at_random(sampler, space)) == len(space.ranges):
        raise UserError(
            f"--search cmaes moves numbers alone, and {' and '.join(space.ranges)} "
            f"{'is a choice' if len(space.ranges) == 1 else 'are choices'}: add --search tpe, or give "
            "numbers by linspace or logspace"
        )


def drawn_at_random(sampler: SamplerName, space: Space) -> list[str]:
    """Return the settings that a sampler that looks at results draws at random all the same.

    Example:
        >>> drawn_at_random("cmaes", Space.parse(["lr=uniform(0, 1)", "kind=choice(a, b)"]))
        ['kind']
    """
    return [key for key, one in space.ranges.items() if sampler == "cmaes" and one.kind == "choice"]


def suggest(
    sampler: SamplerName,
    space: Space,
    told: Sequence[Told],
    *,
    number: int,
    seed: int,
    maximise: bool,
    others: Sequence[bool] = (),
) -> Trial | None:
    """Return the next trial; None where a grid is exhausted.

    Args:
        sampler: how points are chosen.
        space: from which.
        told: the trials before, in their order; those that run are known by their values alone.
        number: of the new trial.
        seed: of the search.
        maximise: whether larger values are better.
        others: the same of further objectives.
    """
    if sampler == "random":
        return Trial(number, space.at(_uniform(len(space.ranges), seed, number)))
    if sampler == "qmc":
        return Trial(number, space.at(_sobol(len(space.ranges), seed, number)))
    if sampler == "grid":
        return _next_of_grid(space, told, number)
    return _by_optuna(sampler, space, told, number=number, seed=seed, maximise=[maximise, *others])


def _uniform(dimensions: int, seed: int, number: int) -> list[float]:
    import numpy as np

    drawn: list[float] = np.random.default_rng([seed, number]).random(dimensions).tolist()
    return drawn


def _sobol(dimensions: int, seed: int, number: int) -> list[float]:
    """Return one point of Sobol's sequence, scrambled by Owen's method (Owen 1998)."""
    from scipy.stats.qmc import Sobol

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the balance of a sequence needs a power of 2
        sequence = Sobol(dimensions, scramble=True, rng=seed)
        if number:
            sequence.fast_forward(number)
        point: list[float] = sequence.random(1)[0].tolist()
    return point


def _next_of_grid(space: Space, told: Sequence[Told], number: int) -> Trial | None:
    tried = [one.trial.params for one in told]
    points = (space.point(index) for index in range(space.size or 0))
    left = next((point for point in points if not any(_are_same(point, one) for one in tried)), None)
    return None if left is None else Trial(number, left)


def _are_same(one: Params, other: Params) -> bool:
    return one == other and all(is_same(value, other[key]) for key, value in one.items())


def _by_optuna(
    sampler: SamplerName,
    space: Space,
    told: Sequence[Told],
    *,
    number: int,
    seed: int,
    maximise: Sequence[bool],
) -> Trial:
    kept = _most_telling(told, maximise[0]) if sampler == "gp" else told
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some samplers are experimental
        study = study_of(space, kept, maximise=maximise, sampler=_optuna_sampler(sampler, seed + number))
        asked = study.ask(_distributions(space))
        memory = dict(study.get_trials(deepcopy=False)[-1].system_attrs) if sampler == "cmaes" else {}
    if memory:
        memory[_SPACE] = space.text
    params = {key: _outside(space.ranges[key], value) for key, value in asked.params.items()}
    return Trial(number, params, memory)


def study_of(
    space: Space, told: Sequence[Told], *, maximise: Sequence[bool], sampler: "BaseSampler | None" = None
) -> "Study":
    """Return an Optuna study that knows some trials.

    Args:
        space: whose points they are.
        told: the trials, in their order.
        maximise: of each objective whether larger values are better.
        sampler: of the study; Optuna's default if left out.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    best = optuna.study.StudyDirection
    directions = [best.MAXIMIZE if larger else best.MINIMIZE for larger in maximise]
    study = optuna.create_study(sampler=sampler, directions=directions)
    distributions = _distributions(space)
    study.add_trials([_frozen(one, space, distributions) for one in told])
    return study


def _distributions(space: Space) -> "dict[str, BaseDistribution]":
    return {key: _distribution(one) for key, one in space.ranges.items()}


def _optuna_sampler(name: str, seed: int) -> "BaseSampler":
    import optuna

    seed %= 2**32  # all that NumPy's older generators take
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    if name == "gp":
        return optuna.samplers.GPSampler(seed=seed, deterministic_objective=False)
    return optuna.samplers.CmaEsSampler(seed=seed)


def _most_telling(told: Sequence[Told], maximise: bool) -> list[Told]:
    """Return the trials that a Gaussian process is fitted to: at most ``_GP_TRIALS``, in their order."""
    if len(told) <= _GP_TRIALS:
        return list(told)
    sign = -1 if maximise else 1
    valued = [one for one in told if one.ended.value is not None]
    best = sorted(valued, key=lambda one: (sign * (one.ended.value or 0.0), one.trial.number))
    kept = {one.trial.number for one in [*best[: _GP_TRIALS // 2], *told[-_GP_TRIALS // 2 :]]}
    return [one for one in told if one.trial.number in kept]


def _distribution(one: Range) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if one.listed:  # by place: values may be lists, and those of a spaced range have an order
        spaced = one.kind != "choice"
        last = len(one.listed) - 1
        return IntDistribution(0, last) if spaced else CategoricalDistribution(tuple(range(last + 1)))
    assert one.low is not None
    assert one.high is not None
    if one.whole:
        return IntDistribution(int(one.low), int(one.high), log=one.log)
    return FloatDistribution(float(one.low), float(one.high), log=one.log)


def _outside(one: Range, value: Any) -> Any:
    """Return the value of a setting that Optuna's stands for."""
    return one.listed[int(value)] if one.listed else one.rounded(value)


def _inside(one: Range, value: Any) -> Any:
    """Return Optuna's value of a setting's."""
    if not one.listed:
        return one.rounded(value)
    return one.place(value)


def _at_rung(one: Told) -> dict[int, float]:
    """Return the rung at which a trial was stopped -> its value there; nothing where it wasn't."""
    value = one.ended.value
    return {one.rung: value} if one.ended.state == "stopped" and value is not None else {}


def _memory(trial: Trial, space: Space) -> dict[str, Any]:
    """Return what CMA-ES left with a trial, if it was of this space.

    Of another one its state has other dimensions or other bounds: Optuna would then draw at random for good.
    """
    kept = {key: value for key, value in trial.memory.items() if key != _SPACE}
    return kept if trial.memory.get(_SPACE, space.text) == space.text else {}


def _frozen(one: Told, space: Space, distributions: "Mapping[str, BaseDistribution]") -> "FrozenTrial":
    """Tell Optuna of a trial. One that diverged is worse than all others, one that failed says nothing.

    One that was stopped at a rung is worse than those that came further.
    """
    from optuna.trial import TrialState

    from gridcell.search.kept_trial import KeptTrial

    states = {
        "done": TrialState.COMPLETE,
        "diverged": TrialState.PRUNED,
        "stopped": TrialState.PRUNED,
        "failed": TrialState.FAIL,
        "running": TrialState.RUNNING,
    }
    return KeptTrial(
        number=-1,  # the study gives numbers
        trial_id=-1,
        state=states[one.ended.state],
        value=None,
        values=one.ended.values if one.ended.state == "done" else None,
        datetime_start=_LONG_AGO,
        datetime_complete=None if one.ended.state == "running" else _LONG_AGO,
        params={key: _inside(space.ranges[key], value) for key, value in one.trial.params.items()},
        distributions=dict(distributions),
        user_attrs={},
        system_attrs=_memory(one.trial, space),
        intermediate_values=_at_rung(one),
    )
