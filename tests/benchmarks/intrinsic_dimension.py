"""Bias, spread and speed of the intrinsic dimension's estimate, beside scikit-dimension's.

Run ``python tests/benchmarks/intrinsic_dimension.py``: a table for spheres and linear subspaces of dimension
2 to 30. Both estimators see the same points and take five neighbours.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from generalization_difficulty.data.batches import ArrayBatches
from generalization_difficulty.data.synthetic import linear, sphere
from generalization_difficulty.estimate.dimension import intrinsic_dimension
from generalization_difficulty.estimate.second_pass import nearest_distances

K = 5
FAMILIES = {"sphere": sphere, "linear": linear}


def ours(points: np.ndarray) -> float:
    """Estimate with gridcell."""
    batches = ArrayBatches(points, np.arange(len(points)))  # labels play no part
    return intrinsic_dimension(nearest_distances(batches, K, memory=1 << 30)).value


def foreign(points: np.ndarray) -> float:
    """Estimate with scikit-dimension's maximum likelihood."""
    import skdim

    return float(skdim.id.MLE().fit(points, n_neighbors=K).dimension_)


def measure() -> dict[str, float]:
    """Return bias, spread and seconds of both, by family and true dimension, and the ratio of their times."""
    figures = {}
    for row in table():
        label = f"{row['family']} {row['dimension']}"
        for name in ("ours", "skdim"):
            figures[f"{label}: bias, {name}"] = row[f"{name}_bias"]
            figures[f"{label}: sd, {name}"] = row[f"{name}_sd"]
        figures[f"{label}: seconds, skdim / ours"] = row["skdim_seconds"] / row["ours_seconds"]
    return figures


def table(
    dimensions: tuple[int, ...] = (2, 3, 5, 8, 10, 15, 20, 25, 30),
    n: int = 2000,
    ambient: int = 40,
    seeds: int = 5,
) -> list[dict[str, Any]]:
    """Return one row per family and dimension.

    Args:
        dimensions: true ones.
        n: points drawn.
        ambient: features of a point.
        seeds: draws.

    Returns:
        ``family``, ``dimension`` and, for ``ours`` and ``skdim``, ``bias`` (mean less truth), ``sd`` over
        draws and ``seconds``, the median of a draw.
    """
    estimators: dict[str, Callable[[np.ndarray], float]] = {"ours": ours, "skdim": foreign}
    rows = []
    for family, draw in FAMILIES.items():
        for dimension in dimensions:
            row: dict[str, Any] = {"family": family, "dimension": dimension}
            values: dict[str, list[float]] = {name: [] for name in estimators}
            seconds: dict[str, list[float]] = {name: [] for name in estimators}
            for seed in range(seeds):
                points, _ = draw(dimension, n, ambient, seed)
                for name, estimate in estimators.items():
                    start = time.perf_counter()
                    values[name].append(estimate(points))
                    seconds[name].append(time.perf_counter() - start)
            for name in estimators:
                row[f"{name}_bias"] = statistics.fmean(values[name]) - dimension
                row[f"{name}_sd"] = statistics.stdev(values[name])
                row[f"{name}_seconds"] = statistics.median(seconds[name])
            rows.append(row)
    return rows
