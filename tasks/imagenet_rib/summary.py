"""The benchmark's result as JSON: the same evaluations give the same bytes, in whatever order they came."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gridcell.errors import UserError
from imagenet_rib import metrics
from imagenet_rib.estimates import Rows, Statistic, accuracies, estimate_all, matrix_of, plain
from imagenet_rib.evaluation import (
    PRE,
    VAL,
    Evaluation,
    SetFacts,
    downstream_names,
    in_order,
    methods_in_order,
)

BASELINE = "ft"
"""The method all others are compared with: plain fine-tuning."""

CURVE = "wise_ft"

Seeds = dict[int | None, dict[str, Evaluation]]


def summarise(
    evaluations: Iterable[Evaluation], sets: Sequence[SetFacts], *, headline: float = 0.5
) -> dict[str, Any]:
    """Summarise evaluations into the benchmark's result.

    Args:
        evaluations: in any order; missing ones become null, and with them what is computed from them.
        sets: facts of the sets in the order they are shown; all but ``val`` are those that are fine-tuned on.
        headline: the variant (WiSE-FT's alpha) whose matrix stands for a method that has several.

    Returns:
        A dict ready for JSON, all accuracies in percent and differences in percentage points:

        - ``sets`` (name, images, classes), ``models``, ``methods`` (without ``pre``), ``seeds``, ``headline``
        - ``accuracy[model][method][i][j]``: fine-tuned on i, tested on j (with ``val``), mean over seeds
        - ``pre[model][j]``: before fine-tuning
        - ``ri[model][method][i]``: mean over the seeds whose entries are all there
        - ``mRI[model][method]``: ``{"mean", "ci95", "seeds", "interval"}``, see ``estimates.estimate_all``
        - ``mRI_minus_ft[model][method]``: the same of the paired difference from plain fine-tuning
        - ``wise_ft_curve[model][alpha]``: the same of the accuracy on the set fine-tuned on
          (``fine_tuned_on``) and of the mean over the others (``others``); ``mRI`` too
        - ``missing``: what would complete the models x methods x sets x seeds seen: a list of
          ``{"model", "method", "downstream", "seed", "sets"}`` with the names of the sets not evaluated
        - ``intervals``: how they were made

    Raises:
        UserError: fewer than two sets to fine-tune on, evaluations of models fine-tuned on other sets,
            repeated evaluations, or evaluations on different images.
    """
    ordered = in_order(evaluations)
    names = downstream_names(sets)
    if len(set(names)) != len(names) or len(names) < 2:
        raise UserError(
            f"Robustness improvement needs two or more different sets; got: {', '.join(names) or 'none'}."
        )
    tested = [*names, VAL]
    if unknown := {e.downstream for e in ordered if e.downstream is not None} - set(names):
        raise UserError(
            f"Evaluations are of models fine-tuned on unknown sets: {', '.join(sorted(unknown))}."
        )
    models = sorted({e.model for e in ordered})
    methods = [method for method in methods_in_order(e.method for e in ordered) if method != PRE]
    before = {e.model: e for e in ordered if e.method == PRE}
    tuned = [e for e in ordered if e.method != PRE]
    seeds = sorted({e.seed for e in tuned}, key=lambda seed: -1 if seed is None else seed)
    matrices = _by_matrix([e for e in tuned if e.variant is None or _same(e.variant, headline)])

    pairs = [(model, method) for model in models for method in methods]
    mri, gain, curve = _estimates(pairs, matrices, _by_alpha(tuned), before, names)
    return {
        "sets": [{"name": facts.name, "images": facts.images, "classes": facts.classes} for facts in sets],
        "models": models,
        "methods": methods,
        "seeds": seeds,
        "headline": headline,
        "accuracy": _nested(models, methods, lambda key: _mean_matrix(matrices.get(key, {}), names, tested)),
        "pre": {model: _row(accuracies(before.get(model), tested), tested) for model in models},
        "ri": _nested(
            models, methods, lambda key: _mean_ri(matrices.get(key, {}), before.get(key[0]), names)
        ),
        "mRI": _nested(models, methods, mri.__getitem__),
        "mRI_minus_ft": _nested(models, [m for m in methods if m != BASELINE], gain.__getitem__),
        "wise_ft_curve": curve,
        "missing": _missing(models, pairs, seeds, matrices, before, tested),
        "intervals": {"level": metrics.LEVEL, "resamples": metrics.RESAMPLES, "bootstrap_seed": 0},
    }


def write_summary(summary: Mapping[str, Any], path: Path) -> None:
    """Write the summary as JSON with sorted keys."""
    text = json.dumps(summary, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _same(one: float, other: float) -> bool:
    return abs(one - other) < 1e-6  # 0.1 * 3 is not 0.3


def _by_matrix(tuned: Iterable[Evaluation]) -> dict[tuple[str, str], Seeds]:
    """Sort evaluations into matrices: (model, method) -> seed -> set fine-tuned on -> evaluation."""
    found: dict[tuple[str, str], Seeds] = defaultdict(lambda: defaultdict(dict))
    for e in tuned:
        if e.downstream is not None:
            if e.downstream in found[e.model, e.method][e.seed]:
                raise UserError(
                    f"'{e.title}' is there both with and without a variant; a report needs one of them."
                )
            found[e.model, e.method][e.seed][e.downstream] = e
    return {key: dict(seeds) for key, seeds in found.items()}


def _by_alpha(tuned: Iterable[Evaluation]) -> dict[tuple[str, str], Seeds]:
    """Sort WiSE-FT's evaluations into matrices: (model, alpha) -> seed -> set fine-tuned on -> evaluation."""
    found: dict[tuple[str, str], Seeds] = defaultdict(lambda: defaultdict(dict))
    for e in tuned:
        if e.method == CURVE and e.variant is not None and e.downstream is not None:
            found[e.model, f"{e.variant:.6f}".rstrip("0").rstrip(".")][e.seed][e.downstream] = e
    return {key: dict(seeds) for key, seeds in found.items()}


def _estimates(
    pairs: Sequence[tuple[str, str]],
    matrices: Mapping[tuple[str, str], Seeds],
    alphas: Mapping[tuple[str, str], Seeds],
    before: Mapping[str, Evaluation],
    names: Sequence[str],
) -> tuple[dict[tuple[str, str], Any], dict[tuple[str, str], Any], dict[str, Any]]:
    """Estimate mRI, its difference from plain fine-tuning, and the curves, in one pass over the images."""
    n = len(names)
    elsewhere, itself = metrics.mri_coefficients(n), np.eye(n) / n
    none: Mapping[int | None, Rows] = {}
    statistics = [
        Statistic(_if(model in before, matrices.get((model, m))), elsewhere, before.get(model))
        for model, m in pairs
    ]
    statistics += [
        Statistic(matrices.get(pair, none), elsewhere, minus=matrices.get((pair[0], BASELINE), none))
        for pair in pairs
    ]
    for (model, _), seeds in alphas.items():
        statistics += [Statistic(seeds, itself), Statistic(seeds, elsewhere)]
        statistics += [Statistic(_if(model in before, seeds), elsewhere, before.get(model))]
    estimates = estimate_all(statistics, names)
    count = len(pairs)
    curve: dict[str, Any] = {model: {} for model in sorted({model for model, _ in alphas})}
    for index, (model, alpha) in enumerate(alphas):
        first = 2 * count + 3 * index
        curve[model][alpha] = dict(
            zip(("fine_tuned_on", "others", "mRI"), estimates[first : first + 3], strict=True)
        )
    return (
        dict(zip(pairs, estimates[:count], strict=True)),
        dict(zip(pairs, estimates[count : 2 * count], strict=True)),
        curve,
    )


def _if(condition: bool, seeds: Seeds | None) -> Mapping[int | None, Rows]:
    """Return the matrices if there is something to compare them with, none otherwise."""
    return seeds if condition and seeds is not None else {}


def _mean_matrix(
    seeds: Seeds, names: Sequence[str], tested: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Return the accuracies' mean over the seeds that have them, as nested dicts."""
    stack = np.array([matrix_of(rows, names, tested) for rows in seeds.values()]).reshape(
        -1, len(names), len(tested)
    )
    mean = _mean_of_known(stack)
    return {source: _row(mean[i], tested) for i, source in enumerate(names)}


def _mean_ri(seeds: Seeds, before: Evaluation | None, names: Sequence[str]) -> dict[str, float | None]:
    pre = accuracies(before, names)
    stack = [metrics.robustness_improvement(matrix_of(rows, names, names), pre) for rows in seeds.values()]
    return _row(_mean_of_known(np.array(stack).reshape(-1, len(names))), names)


def _mean_of_known(stack: metrics.FloatArray) -> metrics.FloatArray:
    """Return the mean along the first axis over what is not NaN; NaN where nothing is."""
    known = np.isfinite(stack)
    with np.errstate(invalid="ignore"):
        return np.where(known, stack, 0.0).sum(axis=0) / np.where(
            known.any(axis=0), known.sum(axis=0), np.nan
        )


def _row(values: metrics.FloatArray, names: Sequence[str]) -> dict[str, float | None]:
    return {name: plain(value) for name, value in zip(names, values, strict=True)}


def _nested(
    models: Sequence[str], methods: Sequence[str], value: Callable[[tuple[str, str]], Any]
) -> dict[str, dict[str, Any]]:
    return {model: {method: value((model, method)) for method in methods} for model in models}


def _missing(
    models: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    seeds: Sequence[int | None],
    matrices: Mapping[tuple[str, str], Seeds],
    before: Mapping[str, Evaluation],
    tested: Sequence[str],
) -> list[dict[str, Any]]:
    expected: list[tuple[str, str, str | None, int | None, Evaluation | None]] = [
        (model, PRE, None, None, before.get(model)) for model in models
    ]
    expected += [
        (model, method, source, seed, matrices.get((model, method), {}).get(seed, {}).get(source))
        for model, method in pairs
        for seed in seeds
        for source in tested[:-1]
    ]
    missing = []
    for model, method, source, seed, found in expected:
        absent = [name for name in tested if found is None or name not in found.correct]
        if absent:
            entry = {"model": model, "method": method, "downstream": source, "seed": seed, "sets": absent}
            missing.append(entry)
    return missing
