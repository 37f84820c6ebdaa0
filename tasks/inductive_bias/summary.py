"""Every number of the report, from stored estimates alone: points, means over seeds, paired differences."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from inductive_bias.information import BITS


@dataclass(frozen=True, eq=False)
class Outcome:
    """One estimate and where it stands.

    Attributes:
        problem: its name.
        space: its name.
        n_train: training points.
        dimension: ``full``, or what the inputs were projected to.
        seed: of the data and the hypotheses.
        metrics: what the estimate cell answered.
        errors: sampled errors, shape (n,).
        replicates: of I, shape (resamples, epsilons and target).
    """

    problem: str
    space: str
    n_train: int
    dimension: Any
    seed: int
    metrics: Mapping[str, Any]
    errors: np.ndarray = field(default_factory=lambda: np.empty(0))
    replicates: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def nats(self) -> float:
        """I at the target: exact where that is known, else by the fitted model."""
        return best(self.metrics["target"])


def best(row: Mapping[str, Any]) -> float:
    """Return I of a row in nats: exact where that is known, else by the fit; NaN where neither is finite."""
    value = row["nats"] if row["exact"] is None else row["exact"]
    return math.nan if value is None else float(value)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return mean and 95 % Student t interval of values, NaN ends for fewer than two."""
    from scipy.stats import t

    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2:
        return float(sample.mean()), math.nan, math.nan
    half = float(t.ppf(0.975, len(sample) - 1) * sample.std(ddof=1) / math.sqrt(len(sample)))
    return float(sample.mean()), float(sample.mean()) - half, float(sample.mean()) + half


def summarise(outcomes: Iterable[Outcome], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report's numbers as JSON values.

    Keys: ``target``, ``unit``, ``points`` (a record an estimate), ``means`` (over seeds, by problem, space,
    size and dimension), ``spaces`` (paired differences of two spaces on one problem) and ``dimensions``
    (of the highest and the lowest dimension in one space).
    """
    done = sorted(outcomes, key=lambda o: (o.problem, o.space, o.n_train, str(o.dimension), o.seed))
    return {
        "target": settings["target"],
        "unit": settings["error_unit"],
        "training_size": settings["training_size"],
        "points": [_point(outcome) for outcome in done],
        "means": _means(done),
        "spaces": _space_differences(done, settings),
        "dimensions": _dimension_differences(done, settings),
    }


def _point(o: Outcome) -> dict[str, Any]:
    keep = ["target", "fit", "ks", "p_value", "exact_p_value", "samples", "unfitted", "smallest_error"]
    keep += ["mean_error", "error_deviation", "input_dimension", "jitter", "unit", "curve", "warnings"]
    where = {
        "problem": o.problem,
        "space": o.space,
        "n_train": o.n_train,
        "dimension": o.dimension,
        "seed": o.seed,
    }
    return {**where, **{key: o.metrics[key] for key in keep}}


def _means(done: Sequence[Outcome]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[Outcome]] = {}
    for o in done:
        groups.setdefault((o.problem, o.space, o.n_train, o.dimension), []).append(o)
    out = []
    for (problem, space, n_train, dimension), group in groups.items():
        known = [o for o in group if math.isfinite(o.nats)]
        if not known:
            continue
        mean, low, high = mean_interval([o.nats for o in known])
        kind = "seeds"
        if len(known) == 1:
            kind = "hypotheses"
            low, high = _own_interval(known[0])
        out.append(
            {
                "problem": problem,
                "space": space,
                "n_train": n_train,
                "dimension": dimension,
                "input_dimension": known[0].metrics["input_dimension"],
                "nats": mean,
                "bits": mean * BITS,
                "ci95": [_plain(low), _plain(high)],
                "interval": kind,
                "seeds": len(known),
            }
        )
    return out


def _own_interval(o: Outcome) -> tuple[float, float]:
    """The interval of one estimate: none where it is exact, for the given data."""
    if o.metrics["target"]["exact"] is not None:
        return math.nan, math.nan
    low, high = o.metrics["target"]["ci95"]
    return math.nan if low is None else low, math.nan if high is None else high


def difference(first: Sequence[Outcome], second: Sequence[Outcome]) -> dict[str, Any] | None:
    """Return I of ``first`` minus I of ``second`` over the seeds that both have; None where there is none.

    Paired: at one seed both see the same training and test points. The 95 % interval is Student's t over
    seeds, or for a single seed from the bootstrap over the two sets of sampled hypotheses.
    """
    left, right = {o.seed: o for o in first}, {o.seed: o for o in second}
    seeds = [
        seed
        for seed in sorted(left.keys() & right.keys())
        if math.isfinite(left[seed].nats - right[seed].nats)
    ]
    if not seeds:
        return None
    mean, low, high = mean_interval([left[seed].nats - right[seed].nats for seed in seeds])
    kind = "seeds"
    if len(seeds) == 1:
        kind = "hypotheses"
        low, high = np.percentile(_replicates(left[seeds[0]]) - _replicates(right[seeds[0]]), [2.5, 97.5])
    return {
        "nats": mean,
        "bits": mean * BITS,
        "ci95": [_plain(float(low)), _plain(float(high))],
        "interval": kind,
        "seeds": len(seeds),
    }


def _replicates(o: Outcome) -> np.ndarray:
    exact = o.metrics["target"]["exact"]
    return o.replicates[:, -1] if exact is None else np.full(len(o.replicates), exact)


def _space_differences(done: Sequence[Outcome], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    base = [o for o in done if o.n_train == settings["training_size"] and o.dimension == "full"]
    order = list(settings["spaces"])
    found = []
    for problem in settings["problems"]:
        for a, b in combinations(order, 2):
            one = [[o for o in base if o.problem == problem and o.space == space] for space in (a, b)]
            value = difference(*one)
            if value is not None:
                kinds = [settings["spaces"][space]["kind"] == "network" for space in (a, b)]
                both = "networks" if all(kinds) else "kernels" if not any(kinds) else "kernel and network"
                found.append({"problem": problem, "first": a, "second": b, "kinds": both, **value})
    return found


def dimension_axes(done: Sequence[Outcome], settings: Mapping[str, Any]) -> dict[str, list[Outcome]]:
    """Return title -> outcomes that differ in input dimension alone: projections, and teachers together."""
    base = [o for o in done if o.n_train == settings["training_size"]]
    problems = settings["problems"]
    teachers = [name for name in problems if problems[name]["source"] == "teacher"]
    axes = {
        f"{name}, projected": [o for o in base if o.problem == name]
        for name in problems
        if problems[name]["dimensions"]
    }
    if len(teachers) > 1:
        axes["teachers"] = [o for o in base if o.problem in teachers and o.dimension == "full"]
    return {title: group for title, group in axes.items() if group}


def _dimension_differences(done: Sequence[Outcome], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for title, group in dimension_axes(done, settings).items():
        for space in settings["spaces"]:
            of_space = [o for o in group if o.space == space]
            sizes = sorted({o.metrics["input_dimension"] for o in of_space})
            if len(sizes) < 2:
                continue
            ends = [
                [o for o in of_space if o.metrics["input_dimension"] == size]
                for size in (sizes[-1], sizes[0])
            ]
            value = difference(*ends)
            if value is not None:
                found.append({"axis": title, "space": space, "high": sizes[-1], "low": sizes[0], **value})
    return found


def _plain(value: float) -> float | None:
    return round(value, 9) + 0.0 if math.isfinite(value) else None
