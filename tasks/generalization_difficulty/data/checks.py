"""The contract of data sets: what can be tried without a suite."""

from functools import partial
from typing import Any

import numpy as np

from generalization_difficulty.data.kind import DatasetKind, Parameters
from gridcell.testing import Check, require


def checks(kind: DatasetKind) -> list[Check]:
    """Return what a data set keeps to, beside what all parts keep to."""
    return [
        Check("it makes points and as many labels", partial(_fits, kind)),
        Check("the same seed makes the same points", partial(_repeats, kind)),
    ]


def _made(kind: DatasetKind) -> tuple[Any, Any]:
    own = kind.parameters.model_validate({}).model_dump(exclude=set(Parameters.model_fields))
    points, labels = kind.make(seed=0, **own)
    return np.asarray(points), np.asarray(labels)


def _fits(kind: DatasetKind) -> None:
    points, labels = _made(kind)
    require(points.ndim > 1, f"its points are a row of numbers {points.shape}, not (n, ...)")
    require(np.isfinite(points).all(), "a point is not finite")
    require(labels.shape == (len(points),), f"of {len(points)} points it makes labels {labels.shape}")
    require(np.issubdtype(labels.dtype, np.integer), f"its labels are {labels.dtype}, not whole numbers")
    require(len(np.unique(labels)) > 1, "all points have one label")


def _repeats(kind: DatasetKind) -> None:
    one, two = _made(kind), _made(kind)
    same = all(np.array_equal(first, second) for first, second in zip(one, two, strict=True))
    require(same, "the second time it makes other points: draw from the seed that it is given")
