"""What the uncertainty of each ingredient makes of the bits."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from generalization_difficulty.formula.tasks import Classification, MetaLearning
from gridcell import UserError

_DEVIATIONS = 1.96  # of a 95 % interval
_STEPS = 8  # of m within its range


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one source of uncertainty does to the difficulty, all else as estimated.

    Attributes:
        source: what is uncertain: ``error of m``, ``rounding of m``, ``choice of k`` or ``delta``.
        low: lower end of the ingredient.
        high: its upper end.
        log2_bits: least and greatest base-2 logarithm of the bits between these ends; None where they leave
            no difficulty: the data then determine the function, or eps asks for nothing.
    """

    source: str
    low: float
    high: float
    log2_bits: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """The range of a difficulty.

    Attributes:
        log2_bits: its ends where every ingredient may be anywhere within its own at once, so the range is
            wider than that of any one; None where they leave no difficulty.
        contributions: of each source alone.
    """

    log2_bits: tuple[float | None, float | None]
    contributions: Sequence[Contribution]

    def to_record(self) -> dict[str, Any]:
        """Return JSON values."""
        low, high = self.log2_bits
        return {
            "log2_bits_low": low,
            "log2_bits_high": high,
            "contributions": [
                asdict(item) | {"log2_bits": list(item.log2_bits)} for item in self.contributions
            ],
        }


def propagate(
    task: Classification,
    *,
    estimate: float | None,
    error: float | None,
    by_neighbours: Mapping[int, float],
    delta: tuple[float, float] | None,
) -> Uncertainty:
    """Carry the uncertainty of m and delta through the formula.

    Args:
        task: the ingredients as they enter the formula.
        estimate: the intrinsic dimension before it is rounded; None where it was given.
        error: its standard error.
        by_neighbours: k -> the estimate from k neighbours, of the k that were as good a choice.
        delta: ends of its interval; None where it is exact or given.
    """
    sources: list[tuple[str, str, float, float]] = []
    if estimate is not None:
        spread = _DEVIATIONS * (error or 0.0)
        sources.append(("error of m", "m", estimate - spread, estimate + spread))
        sources.append(("rounding of m", "m", *_ends(estimate, task.m)))
        if by_neighbours:
            sources.append(("choice of k", "m", *_ends(estimate, *by_neighbours.values())))
    if delta is not None:
        sources.append(("delta", "delta", *delta))
    contributions = [
        Contribution(source, max(low, 1.0) if name == "m" else low, high, _bits(task, **{name: (low, high)}))
        for source, name, low, high in sources
    ]
    ends: dict[str, tuple[float, float]] = {}
    for _, name, low, high in sources:
        least, most = ends.get(name, (getattr(task, name),) * 2)
        ends[name] = min(least, low), max(most, high)
    return Uncertainty(_bits(task, **ends), contributions)


def _ends(*values: float) -> tuple[float, float]:
    return min(values), max(values)


def _bits(task: Classification, **ends: tuple[float, float]) -> tuple[float | None, float | None]:
    """Return the least and greatest log2 bits over the corners of a box of ingredients, the task's own too.

    Bits fall with delta; with m they rise or fall and may turn, so steps of m between its ends are tried.
    """
    m_low, m_high = (max(1.0, end) for end in ends.get("m", (task.m, task.m)))
    dimensions = {m_low + (m_high - m_low) * step / _STEPS for step in range(_STEPS + 1)} | {float(task.m)}
    resolutions = {*ends.get("delta", (task.delta, task.delta))}
    return log2_bits_over(replace(task, m=m, delta=delta) for m, delta in product(dimensions, resolutions))


def log2_bits_over(corners: Iterable[Classification | MetaLearning]) -> tuple[float | None, float | None]:
    """Return the least and greatest log2 bits of tasks that differ in their ingredients.

    The least is None where one of them has no difficulty, as the data determine the function or eps asks for
    nothing; the greatest is None where none has.

    Example:
        >>> task = Classification(n=1000, m=5.0, radius=1.0, classes=10, delta=0.5, eps=0.1)
        >>> low, high = log2_bits_over([task, replace(task, m=6.0)])
        >>> low < high
        True
    """
    found = [_log2_bits(corner) for corner in corners]
    known = [value for value in found if value is not None]
    low = min(known) if known and None not in found else None
    return low, max(known) if known else None


def _log2_bits(task: Classification | MetaLearning) -> float | None:
    try:
        value = task.difficulty().log2_bits
    except UserError:
        return None
    return value if math.isfinite(value) else None
