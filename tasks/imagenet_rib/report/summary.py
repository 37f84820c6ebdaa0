"""The benchmark's result as JSON: the same evaluations give the same bytes, in whatever order they came."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_rib import metrics
from imagenet_rib.report import by_set, claims, leaderboard
from imagenet_rib.report.corruption_accuracy import summarise_corruptions
from imagenet_rib.report.distance_summary import MeasuredDistance, summarise_distances
from imagenet_rib.report.estimates import Statistic, Term, accuracies, estimate_all, matrix_of, plain
from imagenet_rib.report.evaluations import Evaluation, SetFacts
from imagenet_rib.report.matrices import Matrices, Seeds, collect
from imagenet_rib.report.richness import Origin
from imagenet_rib.report.stale import stale_evaluations
from imagenet_rib.vocabulary import BASELINE, CURVE, PRE, Variant

HEADLINES: dict[str, Variant] = {CURVE: {"alpha": 0.5}}
"""The variants that stand for the benchmark's own methods where no suite says otherwise."""


def summarise(
    evaluations: Iterable[Evaluation],
    sets: Sequence[SetFacts],
    *,
    headlines: Mapping[str, Variant] = HEADLINES,
    distances: Sequence[MeasuredDistance] = (),
    origins: Mapping[str, Origin] | None = None,
    unselected: Sequence[str] = (),
) -> dict[str, Any]:
    """Summarise evaluations into the benchmark's result.

    Args:
        evaluations: in any order; missing ones become null, and with them what is computed from them.
        sets: facts of the sets in the order they are shown; all but ``val`` are those that are fine-tuned on.
        headlines: of each method that has variants, the one whose matrix stands for it.
        distances: how far the sets are from the pre-training data, if that was measured.
        origins: of the models, as far as they are known: which was pre-trained on the richer data.
        unselected: methods of the suite that are not asked for; see ``leaderboard.leaderboard``.

    Returns:
        A dict ready for JSON, all accuracies in percent and differences in percentage points:

        - ``sets`` (name, images, classes), ``models``, ``methods`` (without ``pre``), ``seeds``, ``headline``
          (WiSE-FT's alpha)
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
        - ``leaderboard``, ``corruptions``, ``distance``, ``findings``: see ``leaderboard.leaderboard``,
          ``summarise_corruptions``, ``summarise_distances``, ``claims.claims``
        - ``by_set[model][method][i]``: estimates of ``ri``, ``gain`` (on set i itself, training
          images included), ``ri_minus_ft`` and
          ``total_minus_ft`` (of their sum; both paired); left out of large sets where mRI is known
        - ``stale[model][method]``: sets fine-tuned on whose evaluations are stale; only where there are any

    Raises:
        UserError: see ``matrices.collect``.
    """
    evaluations = list(evaluations)
    stale = stale_evaluations(evaluations)
    found = collect(evaluations, sets, headlines)
    models, methods, matrices, before = found.models, found.methods, found.by_method, found.before
    statistics = leaderboard.statistics(found) | claims.statistics(found, origins or {}) | _curves(found)
    if _few_images(sets) or not any(found.complete(*pair) for pair in found.pairs):
        statistics |= by_set.statistics(found)
    estimates = estimate_all(statistics, found.names)
    summary: dict[str, Any] = {
        "sets": [{"name": facts.name, "images": facts.images, "classes": facts.classes} for facts in sets],
        "models": models,
        "methods": methods,
        "seeds": found.seeds,
        "headline": {**HEADLINES, **headlines}[CURVE]["alpha"],
        "accuracy": _nested(
            models, methods, lambda key: _mean_matrix(matrices.get(key, {}), found.names, found.tested)
        ),
        "pre": {model: _row(accuracies(before.get(model), found.tested), found.tested) for model in models},
        "ri": _nested(
            models, methods, lambda key: _mean_ri(matrices.get(key, {}), before.get(key[0]), found.names)
        ),
        "mRI": _nested(models, methods, lambda key: estimates["mRI", *key]),
        "mRI_minus_ft": _nested(
            models, [m for m in methods if m != BASELINE], lambda key: estimates["minus", *key]
        ),
        "wise_ft_curve": {
            model: {
                alpha: {key: estimates["curve", key, model, alpha] for key in _CURVE_POINT}
                for of, alpha in found.curves
                if of == model
            }
            for model in sorted({model for model, _ in found.curves})
        },
        "missing": _missing(found),
        "intervals": {"level": metrics.LEVEL, "resamples": metrics.RESAMPLES, "bootstrap_seed": 0},
        "leaderboard": leaderboard.leaderboard(found, estimates, unselected),
        "corruptions": summarise_corruptions(found, sets),
        "by_set": by_set.summarise_by_set(estimates),
        **({"stale": stale} if stale else {}),
    }
    summary["distance"] = summarise_distances(summary, distances)
    summary["findings"] = claims.claims(estimates, summary["distance"])
    return summary


def _few_images(sets: Sequence[SetFacts]) -> bool:
    """Tell whether resampling images for every set fine-tuned on takes seconds, not minutes."""
    return sum(one.images for one in sets) <= metrics.MANY_IMAGES


_CURVE_POINT = ("fine_tuned_on", "others", "mRI")


def _curves(found: Matrices) -> dict[tuple[str, ...], Statistic]:
    """Return the statistics of each point of WiSE-FT's curves: ``("curve", key, model, alpha)``."""
    n = len(found.names)
    elsewhere, itself = metrics.mri_coefficients(n), np.eye(n) / n
    statistics: dict[tuple[str, ...], Statistic] = {}
    for (model, alpha), seeds in found.curves.items():
        pre = found.before.get(model)
        points = (
            Term(seeds, itself),
            Term(seeds, elsewhere),
            Term(seeds if pre is not None else {}, elsewhere, pre),
        )
        statistics |= {
            ("curve", key, model, alpha): [point] for key, point in zip(_CURVE_POINT, points, strict=True)
        }
    return statistics


def _mean_matrix(
    seeds: Seeds, names: Sequence[str], tested: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Return the accuracies' mean over the seeds that have them, as nested dicts."""
    stack = np.array([matrix_of(rows, names, tested) for rows in seeds.values()]).reshape(
        -1, len(names), len(tested)
    )
    mean = metrics.mean_of_known(stack)
    return {source: _row(mean[i], tested) for i, source in enumerate(names)}


def _mean_ri(seeds: Seeds, before: Evaluation | None, names: Sequence[str]) -> dict[str, float | None]:
    pre = accuracies(before, names)
    stack = [metrics.robustness_improvement(matrix_of(rows, names, names), pre) for rows in seeds.values()]
    return _row(metrics.mean_of_known(np.array(stack).reshape(-1, len(names))), names)


def _row(values: metrics.FloatArray, names: Sequence[str]) -> dict[str, float | None]:
    return {name: plain(value) for name, value in zip(names, values, strict=True)}


def _nested(
    models: Sequence[str], methods: Sequence[str], value: Callable[[tuple[str, str]], Any]
) -> dict[str, dict[str, Any]]:
    return {model: {method: value((model, method)) for method in methods} for model in models}


def _missing(found: Matrices) -> list[dict[str, Any]]:
    expected: list[tuple[str, str, str | None, int | None, Evaluation | None]] = [
        (model, PRE, None, None, found.before.get(model)) for model in found.models
    ]
    expected += [
        (model, method, source, seed, found.by_method.get((model, method), {}).get(seed, {}).get(source))
        for model, method in found.pairs
        for seed in found.seeds
        for source in found.names
    ]
    missing = []
    for model, method, source, seed, evaluation in expected:
        absent = [n for n in found.tested if evaluation is None or n not in evaluation.correct]
        if absent:
            entry = {"model": model, "method": method, "downstream": source, "seed": seed, "sets": absent}
            missing.append(entry)
    return missing
