"""How ingredients are estimated, and how delta is found where that depends on how many points there are."""

from dataclasses import dataclass
from typing import Literal

MEBIBYTE = 1 << 20
EXACT_PAIRS = 10_000_000_000
"""Pairs of points up to which all are compared: minutes of one processor core."""

_USUAL_FEATURES = 3_072  # pairs of points with more count as more: each costs as much more

Resolution = Literal["exact", "evt", "sample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimation:
    """How ingredients are estimated.

    Attributes:
        m: intrinsic dimension; None: estimate it.
        resolution: which estimate of delta enters the formula, or delta itself. ``exact`` compares all pairs
            of points, and estimates by extreme values where they are more than ``exact_pairs``.
        exact_pairs: see :func:`resolved`.
        centre: from where R is measured: the origin, as published, or the points' mean.
        neighbours: k of the dimension's estimate; twice as many are searched, to show what the choice does.
        queries: points whose neighbours are searched, at most; fewer where ``memory`` holds no more.
        subset: points among which ``sample`` searches the least distance between classes, at most.
        pairs: random pairs for extreme value theory, at most.
        largest: extremes of these.
        duplicates: whether equal points of different classes are an error, or are counted and left out.
        memory: bytes that the points held may take.
    """

    m: float | None = None
    resolution: Resolution | float = "exact"
    exact_pairs: int = EXACT_PAIRS
    centre: Literal["origin", "mean"] = "origin"
    neighbours: int = 5
    queries: int = 10_000
    subset: int = 10_000
    pairs: int = 4_000_000
    largest: int = 2_000
    duplicates: Literal["refuse", "ignore"] = "refuse"
    memory: int = 1024 * MEBIBYTE


def resolved(resolution: Resolution | float, n: int, features: int, exact_pairs: int) -> Resolution | float:
    """Return how delta is found: ``exact`` where all pairs may be compared, extreme values where not.

    It depends on the data and the settings, never on the machine.

    Args:
        resolution: what was asked for.
        n: points.
        features: numbers per point; where they are more than 3,072, a pair counts as more than one.
        exact_pairs: pairs that may be compared.

    Example:
        >>> resolved("exact", 50_000, 3_072, exact_pairs=10_000_000_000)
        'exact'
        >>> resolved("exact", 1_281_167, 150_528, exact_pairs=10_000_000_000)
        'evt'
    """
    cost = n * (n - 1) // 2 * max(features, _USUAL_FEATURES) // _USUAL_FEATURES
    return "evt" if resolution == "exact" and cost > exact_pairs else resolution
