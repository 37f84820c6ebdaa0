"""Every number of the report, from stored estimates alone: points, means over seeds, paired differences."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from gridcell.report import said_stale, student_interval
from inductive_bias.distributions.information import BITS, plain
from inductive_bias.report.places import FULL, Place, asked_of, base_size

NETWORKS = ("network", "module")
"""Kinds of space whose hypotheses are trained."""

TEACHER_KIND = ("outputs", "width", "points")
"""Settings in which teachers on one axis of dimension agree; their seed only draws another of the kind."""


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
        cell: its id.
        stale: whether other code or inputs made it than are there now.
    """

    problem: str
    space: str
    n_train: int
    dimension: Any
    seed: int
    metrics: Mapping[str, Any]
    errors: np.ndarray = field(default_factory=lambda: np.empty(0))
    cell: str = ""
    stale: bool = False

    @property
    def nats(self) -> float:
        """I at the target: exact, by splitting, or else by the fitted model; NaN where it is withheld."""
        return best(self.metrics["target"])


def best(row: Mapping[str, Any]) -> float:
    """Return I of a row in nats by the most reliable way there is; NaN where it is not finite or withheld."""
    value = row["best"]
    return math.nan if value is None else float(value)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return mean and 95 % Student t interval of values, NaN ends for fewer than two."""
    mean, half = map(float, student_interval(values))
    return mean, mean - half, mean + half


def summarise(
    outcomes: Iterable[Outcome], settings: Mapping[str, Any], where: Sequence[Place] | None = None
) -> dict[str, Any]:
    """Return the report's numbers as JSON values.

    Args:
        outcomes: what is done, in any order.
        settings: of the suite.
        where: spaces are compared; by default at each problem's base point.

    Keys: ``target``, ``unit``, ``training_size`` (of the base point), ``points`` (a record an estimate),
    ``means`` (over seeds, by problem, space, size and dimension), ``compared`` (the same at the base point,
    over the seeds that a problem's spaces have in common), ``spaces`` (paired differences of two spaces on
    one problem there, a kernel's less a network's; where the base point isn't selected both are at the points
    that are, and have ``elsewhere``), ``axes`` (means against input dimension) and ``dimensions``
    (differences of the highest and the lowest dimension in one space). What is over seeds says over how many
    (``seeds``) of how many (``planned``): those that failed were hard ones. What rests on a stale estimate
    has ``stale``. Information is given twice, as ``bits`` with ``ci95_bits`` and as ``nats`` with
    ``ci95_nats``; in ``target`` and ``curve`` of a point these are the fitted model's, and all else there,
    such as ``best``, is in nats. A point's own ``bits`` are those of the arithmetic, not of information.
    """
    done = sorted(outcomes, key=lambda o: (o.problem, o.space, o.n_train, str(o.dimension), o.seed))
    where = asked_of(settings)[1] if where is None else where
    return {
        "target": settings["target"],
        "unit": settings["error_unit"],
        "training_size": settings["training_size"],
        "points": [_point(outcome) for outcome in done],
        "means": _means(done, settings),
        "compared": _compared(done, settings, where),
        "spaces": _space_differences(done, settings, where),
        "axes": _axes(done, settings),
        "dimensions": _dimension_differences(done, settings),
    }


def _point(o: Outcome) -> dict[str, Any]:
    keep = ["target", "fit", "ks", "p_value", "exact_p_value", "samples", "unfitted", "smallest_error"]
    keep += ["mean_error", "error_deviation", "input_dimension", "jitter", "unit", "curve", "warnings"]
    keep += ["bandwidth", "amplitude", "noise", "condition", "bits", "mixing", "by_fit_error", "mistakes"]
    where = {
        "problem": o.problem,
        "space": o.space,
        "n_train": o.n_train,
        "dimension": o.dimension,
        "seed": o.seed,
    }
    kept = {key: o.metrics[key] for key in keep}
    kept |= {"target": _by_unit(kept["target"]), "curve": [_by_unit(row) for row in kept["curve"]]}
    return {**where, **kept, **said_stale(o.stale)}


def _by_unit(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record of I with its interval in both units: a stored ``ci95`` is in nats, beside ``bits``."""
    ends = row["ci95"]
    in_bits = [None if end is None else plain(end * BITS) for end in ends]
    return {key: value for key, value in row.items() if key != "ci95"} | {
        "ci95_bits": in_bits,
        "ci95_nats": ends,
    }


BySeed = Mapping[int, Sequence[Outcome]]
"""Seed -> outcomes that are averaged at it: one, or one for each problem of an input dimension."""


def by_seed(outcomes: Iterable[Outcome]) -> BySeed:
    """Return outcomes by seed, of the seeds at which every problem and projection among them has an I.

    A seed that lacks one of several is left out: the average of the others would be of other problems.
    """
    known = [o for o in outcomes if math.isfinite(o.nats)]
    members = {(o.problem, o.dimension) for o in known}
    seeds = sorted({o.seed for o in known})
    groups = {seed: [o for o in known if o.seed == seed] for seed in seeds}
    return {seed: group for seed, group in groups.items() if len(group) == len(members)}


def _nats(group: Sequence[Outcome]) -> float:
    return sum(o.nats for o in group) / len(group)


Reach = tuple[float, float]
"""How far an interval goes below and above its value; (0, 0) of an exact value, NaN where there is none."""


def _reach(group: Sequence[Outcome]) -> Reach:
    """Return the reach of the mean of independent estimates at one seed.

    Source: Zou and Donner, "Construction of confidence limits about effect measures", Statistics in Medicine
    27 (2008): the squares of the distances to the ends add up.
    """
    below = above = 0.0
    for o in group:
        row = o.metrics["target"]
        if row["basis"] == "exact":
            continue
        low, high = (math.nan if end is None else end for end in row["best_ci95"])
        below += (o.nats - low) ** 2
        above += (high - o.nats) ** 2
    return math.sqrt(below) / len(group), math.sqrt(above) / len(group)


def _over_seeds(values: Sequence[float], reach: Reach, planned: int) -> dict[str, Any]:
    """Return mean and 95 % interval of a value a seed.

    Over several seeds Student's t; for one its own interval, and none of exact values: over one seed nothing
    says how they vary.
    """
    mean, low, high = mean_interval(values)
    kind = "seeds"
    if len(values) == 1:
        known = math.isfinite(sum(reach)) and sum(reach) > 0
        kind = "hypotheses" if known else "none"
        low, high = (mean - reach[0], mean + reach[1]) if known else (math.nan, math.nan)
    return {
        "nats": mean,
        "bits": mean * BITS,
        "ci95_bits": [plain(low * BITS), plain(high * BITS)],
        "ci95_nats": [plain(low), plain(high)],
        "interval": kind,
        "seeds": len(values),
        "planned": planned,
    }


def _mean(groups: BySeed, planned: int) -> dict[str, Any]:
    values = list(groups.values())
    found = _over_seeds([_nats(group) for group in values], _reach(values[0]), planned)
    return found | said_stale(any(o.stale for group in values for o in group))


def _means(done: Sequence[Outcome], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[Outcome]] = {}
    for o in done:
        groups.setdefault((o.problem, o.space, o.n_train, o.dimension), []).append(o)
    out = []
    for (problem, space, n_train, dimension), group in groups.items():
        seeds = by_seed(group)
        if not seeds:
            continue
        where = {"problem": problem, "space": space, "n_train": n_train, "dimension": dimension}
        where["input_dimension"] = group[0].metrics["input_dimension"]
        out.append({**where, **_mean(seeds, len(settings["seeds"]))})
    return out


def _compared(
    done: Sequence[Outcome], settings: Mapping[str, Any], where: Sequence[Place]
) -> list[dict[str, Any]]:
    """Return the means of a problem's spaces over their common seeds, over each one's own if none is."""
    found = []
    for place in where:
        here = [o for o in done if place.holds(o)]
        spaces = {space: by_seed(o for o in here if o.space == space) for space in settings["spaces"]}
        spaces = {space: seeds for space, seeds in spaces.items() if seeds}
        common = set.intersection(*(set(seeds) for seeds in spaces.values())) if spaces else set()
        for space, seeds in spaces.items():
            shown = {seed: group for seed, group in seeds.items() if seed in common or not common}
            found.append({**place.labels, "space": space, **_mean(shown, len(settings["seeds"]))})
    return found


def difference(first: Iterable[Outcome], second: Iterable[Outcome], planned: int) -> dict[str, Any] | None:
    """Return I of ``first`` minus I of ``second`` over the seeds that both have; None where there is none.

    Paired: at one seed both see the same training and test points. Several problems on a side are averaged
    at each seed. The 95 % interval is Student's t over seeds, or for a single seed from the intervals of the
    two; there is none for a single seed of exact values.

    Args:
        first: estimates, at most one for each seed, problem and projection.
        second: likewise.
        planned: how many seeds the suite has.
    """
    left, right = by_seed(first), by_seed(second)
    seeds = sorted(left.keys() & right.keys())
    if not seeds:
        return None
    values = [_nats(left[seed]) - _nats(right[seed]) for seed in seeds]
    one, other = _reach(left[seeds[0]]), _reach(right[seeds[0]])
    reach = math.hypot(one[0], other[1]), math.hypot(one[1], other[0])
    stale = any(o.stale for side in (left, right) for seed in seeds for o in side[seed])
    return _over_seeds(values, reach, planned) | said_stale(stale)


def _space_differences(
    done: Sequence[Outcome], settings: Mapping[str, Any], where: Sequence[Place]
) -> list[dict[str, Any]]:
    """Return the difference of every two spaces on each problem; of a kernel and a network, kernel first.

    The answer's count of comparisons says "the kernel" of what is first, whatever the suite's order.
    """
    kernels_first = sorted(
        settings["spaces"], key=lambda space: settings["spaces"][space]["kind"] in NETWORKS
    )
    found = []
    for place in where:
        here = [o for o in done if place.holds(o)]
        for a, b in combinations(kernels_first, 2):
            one, other = ([o for o in here if o.space == s] for s in (a, b))
            value = difference(one, other, len(settings["seeds"]))
            if value is not None:
                kinds = [settings["spaces"][space]["kind"] in NETWORKS for space in (a, b)]
                both = "networks" if all(kinds) else "kernels" if not any(kinds) else "kernel and network"
                found.append({**place.labels, "first": a, "second": b, "kinds": both, **value})
    return found


def dimension_axes(done: Sequence[Outcome], settings: Mapping[str, Any]) -> dict[str, list[Outcome]]:
    """Return title -> outcomes that differ in input dimension alone: projections, or teachers of one kind."""
    base = [o for o in done if o.n_train == base_size(o.problem, settings)]
    problems = settings["problems"]
    axes = {
        f"{name}, projected": [o for o in base if o.problem == name]
        for name in problems
        if problems[name]["dimensions"]
    }
    for title, names in _teachers_by_kind(problems).items():
        if len(names) > 1:
            axes[title] = [o for o in base if o.problem in names and o.dimension == FULL]
    return {title: group for title, group in axes.items() if group}


def _teachers_by_kind(problems: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return title -> names of teachers alike in ``TEACHER_KIND``; titles name what the kinds differ in."""
    teachers = {name: problem for name, problem in problems.items() if problem["source"] == "teacher"}
    differing = [key for key in TEACHER_KIND if len({problem[key] for problem in teachers.values()}) > 1]
    kinds: dict[str, list[str]] = {}
    for name, problem in teachers.items():
        title = ", ".join(["teachers", *(f"{key} {problem[key]}" for key in differing)])
        kinds.setdefault(title, []).append(name)
    return kinds


def _sizes(
    done: Sequence[Outcome], settings: Mapping[str, Any]
) -> Iterator[tuple[dict[str, str], dict[int, list[Outcome]]]]:
    """Yield each axis and space with its outcomes by input dimension, in rising order."""
    for title, group in dimension_axes(done, settings).items():
        for space in settings["spaces"]:
            sizes: dict[int, list[Outcome]] = {}
            for o in sorted(group, key=lambda o: int(o.metrics["input_dimension"])):
                if o.space == space:
                    sizes.setdefault(o.metrics["input_dimension"], []).append(o)
            yield {"axis": title, "space": space}, sizes


def _axes(done: Sequence[Outcome], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {**where, "input_dimension": size, **_mean(seeds, len(settings["seeds"]))}
        for where, sizes in _sizes(done, settings)
        for size, group in sizes.items()
        if (seeds := by_seed(group))
    ]


def _dimension_differences(done: Sequence[Outcome], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for where, sizes in _sizes(done, settings):
        if len(sizes) < 2:
            continue
        high, low = max(sizes), min(sizes)
        value = difference(sizes[high], sizes[low], len(settings["seeds"]))
        if value is not None:
            found.append({**where, "high": high, "low": low, **value})
    return found
