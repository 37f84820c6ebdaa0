"""``digits``: scikit-learn's 1,797 handwritten digits."""

from typing import Any

from numpy.typing import NDArray

from generalization_difficulty.data.kind import DatasetKind


def make(seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return points float64 (1797, 64) in [0, 1] and labels; the same for every seed."""
    from sklearn.datasets import load_digits

    del seed
    scans = load_digits()
    return scans.data / 16.0, scans.target  # ink is counted from 0 to 16


dataset = DatasetKind("digits", make)
