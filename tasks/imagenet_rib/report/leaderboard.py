"""The leaderboard: methods ranked by mRI, within each model and over all, with paired significance."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from gridcell.report import STALE, write_csv
from imagenet_rib import metrics
from imagenet_rib.report import significance
from imagenet_rib.report.estimates import Statistic, plain
from imagenet_rib.report.matrices import Matrices
from imagenet_rib.vocabulary import BASELINE

Estimates = Mapping[tuple[str, ...], dict[str, Any]]

ALL_MODELS = "all models"
"""What tables and pictures call the mean over models."""

COLUMNS = (
    *("scope", "rank", "method", "mRI", "mRI_low", "mRI_high", "seeds", "interval"),
    *("minus_ft", "minus_ft_low", "minus_ft_high", "p", "p_holm", "gain", "gain_low", "gain_high"),
)


def pooled_models(matrices: Matrices) -> list[str]:
    """Return the models that the mean is over: those with a complete matrix of any method."""
    return [m for m in matrices.models if any(matrices.complete(m, method) for method in matrices.methods)]


def statistics(matrices: Matrices) -> dict[tuple[str, ...], Statistic]:
    """Return what the leaderboard needs estimated, by scope (a model's name, or "" for all) and method.

    ``("mRI", scope, method)``, ``("minus", scope, method)`` (mRI minus that of plain fine-tuning),
    ``("gain", scope, method)`` (change of accuracy on the set fine-tuned on itself, training images
    included) and ``("total", scope, method)`` (the sum of gain and mRI, minus that of plain fine-tuning).
    """
    n = len(matrices.names)
    elsewhere, itself = metrics.mri_coefficients(n), np.eye(n) / n
    found: dict[tuple[str, ...], Statistic] = {}
    scopes = {model: [model] for model in matrices.models} | {"": pooled_models(matrices)}
    for scope, models in scopes.items():
        for method in matrices.methods:
            share = 1 / max(1, len(models))
            found["mRI", scope, method] = [matrices.change(m, method, elsewhere, share) for m in models]
            found["gain", scope, method] = [matrices.change(m, method, itself, share) for m in models]
            found["minus", scope, method] = [
                matrices.term(m, which, elsewhere, sign * share)
                for m in models
                for which, sign in ((method, 1), (BASELINE, -1))
            ]
            found["total", scope, method] = [
                matrices.term(m, which, elsewhere + itself, sign * share)
                for m in models
                for which, sign in ((method, 1), (BASELINE, -1))
            ]
    return found


def leaderboard(matrices: Matrices, estimates: Estimates, unselected: Sequence[str] = ()) -> dict[str, Any]:
    """Rank the methods.

    Args:
        matrices: the evaluations.
        estimates: of ``statistics``.
        unselected: methods of the suite that a selection leaves out. Their comparisons count among the
            tests that p-values are corrected for: else selecting three of nine methods would make the same
            numbers significant.

    Returns:
        - ``models[model]`` and ``pooled`` (null with fewer than two models), each a board:
          ``ranking`` is a list of ``rank``, ``method``, ``mRI``, ``minus_ft``, ``gain`` and
          ``total_minus_ft`` (estimates as elsewhere; the last of gain + mRI), ``p`` and ``p_holm`` (of the
          difference from plain fine-tuning, null for itself);
          ``comparisons`` of any two of these methods a list of ``{"a", "b", "difference", "pairs", "p",
          "p_holm"}``; ``tests``: over how many comparisons p_holm is corrected. A selection counts all of
          the suite's, so that its p_holm is as large or larger; ``groups`` are the longest
          runs of ranks in which no two methods differ, though they have pairs enough for the test to find a
          difference; ``pairs`` is the least number of a comparison's pairs, ``smallest_p_holm`` the least
          p_holm that any of them could have.
        - ``test``: how that was made: ``name``, ``correction``, ``alpha``, ``exact_pairs``, ``draws``,
          ``unselected``

        Pooled are the methods that are complete on every model with a result; ranks are by mean.
    """
    models = pooled_models(matrices)
    return {
        "models": {m: _board(matrices, estimates, m, [m], unselected) for m in matrices.models},
        "pooled": _board(matrices, estimates, "", models, unselected) if len(models) > 1 else None,
        "test": {
            "name": "Paired sign-flip permutation test over (model, set, seed)",
            "correction": "Holm's correction over all pairs of methods of a model, or of all models",
            "unselected": list(unselected),
            "alpha": significance.ALPHA,
            "exact_pairs": significance.EXACT_PAIRS,
            "draws": significance.DRAWS,
        },
    }


def boards(summary: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each scope's name and board that ranks anything, the one of all models first."""
    board = summary["leaderboard"]
    named = [(ALL_MODELS, board["pooled"]), *board["models"].items()]
    yield from ((name, one) for name, one in named if one is not None and one["ranking"])


def write_leaderboard(summary: Mapping[str, Any], path: Path) -> None:
    """Write every board's ranking as CSV: percentage points, empty where not known."""

    def numbers(estimate: Mapping[str, Any]) -> list[Any]:
        return [estimate["mean"], *(estimate["ci95"] or (None, None))]

    rows = (
        [
            *(scope, row["rank"], row["method"], *numbers(row["mRI"])),
            *(row["mRI"]["seeds"], row["mRI"]["interval"], *numbers(row["minus_ft"])),
            *(row["p"], row["p_holm"], *numbers(row["gain"]), "stale" in row["mRI"]),
        ]
        for scope, board in boards(summary)
        for row in board["ranking"]
    )
    write_csv([*COLUMNS, STALE], rows, path)


def _board(
    matrices: Matrices,
    estimates: Estimates,
    scope: str,
    models: Sequence[str],
    unselected: Sequence[str],
) -> dict[str, Any]:
    known = {
        method: estimates["mRI", scope, method]
        for method in matrices.methods
        if estimates["mRI", scope, method]["mean"] is not None
    }
    ranked = sorted(known, key=lambda method: -known[method]["mean"])
    comparisons, tests = _comparisons(matrices, ranked, models, len(unselected))
    adjusted = {frozenset((one["a"], one["b"])): one for one in comparisons}
    rows = []
    for method in ranked:
        mean = known[method]["mean"]
        versus = adjusted.get(frozenset((method, BASELINE)), {})
        rows.append(
            {
                "rank": 1 + sum(other["mean"] > mean for other in known.values()),
                "method": method,
                "mRI": known[method],
                "minus_ft": estimates["minus", scope, method],
                "gain": estimates["gain", scope, method],
                "total_minus_ft": estimates["total", scope, method],
                "p": versus.get("p"),
                "p_holm": versus.get("p_holm"),
            }
        )
    pairs = min((one["pairs"] for one in comparisons), default=0)
    smallest = [tests * significance.smallest_p(one["pairs"]) for one in comparisons]
    return {
        "ranking": rows,
        "comparisons": comparisons,
        "tests": tests,
        "pairs": pairs,
        "smallest_p_holm": min(1.0, *smallest) if comparisons else None,
    }


def _comparisons(
    matrices: Matrices, ranked: Sequence[str], models: Sequence[str], unselected: int
) -> tuple[list[dict[str, Any]], int]:
    """Compare any two methods over the (model, set, seed) that both have; return the number of tests, too.

    Each of the unselected methods would be compared with every other.
    """
    improvements = {
        method: {
            (model, *key): value
            for model in models
            for key, value in matrices.improvements(model, method).items()
        }
        for method in ranked
    }
    found: list[dict[str, Any]] = []
    for a, b in combinations(ranked, 2):
        one, other = improvements[a], improvements[b]
        differences = [value - other[key] for key, value in one.items() if key in other]
        if differences:
            mean = plain(np.mean(differences))
            p = significance.sign_flip_p(differences)  # a count: no last bits to round away
            found.append({"a": a, "b": b, "difference": mean, "pairs": len(differences), "p": p})
    every = len(ranked) + unselected
    tests = len(found) + comb(every, 2) - comb(len(ranked), 2)
    for entry, adjusted in zip(found, significance.holm([one["p"] for one in found], tests), strict=True):
        entry["p_holm"] = adjusted
    return found, tests
