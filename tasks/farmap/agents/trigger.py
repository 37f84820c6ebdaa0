"""When a fragment ends: by the surprisal of what is seen, or, as controls, by chance or by the clock."""

from typing import Literal

import numpy as np

from fragmentation_recall.series import Series

Criterion = Literal["z", "ratio", "random", "uniform"]
Statistics = Literal["since_switch", "of_fragment"]

LEAST = 25  # earlier observations that the statistics must have


class Trigger:
    """Tells at each step whether the fragment in use ends (Hwang et al. 2024, section 3.2).

    Args:
        rng: for the criterion ``random``.
        criterion: ``z`` or ``ratio`` of the surprisal against earlier ones; ``random`` or ``uniform``: after
            so many steps on average, or exactly.
        rho: threshold of ``z`` and ``ratio``.
        period: steps per fragment of ``random`` and ``uniform``.
        statistics: over the surprisals since the last fracture or recall (``since_switch``), or over all
            those of the fragment, kept through recalls, with divisor n - 1 and one observation more
            (``of_fragment``: as in the authors' code).
    """

    def __init__(
        self, rng: np.random.Generator, criterion: Criterion, rho: float, period: int, statistics: Statistics
    ) -> None:
        self._rng = rng
        self._criterion = criterion
        self._rho = rho
        self._period = period
        self._kept: dict[int, Series] | None = {} if statistics == "of_fragment" else None
        self._series = Series()

    def fires(self, surprisal: float, time: int) -> bool:
        """Tell whether the fragment ends with this surprisal, and take it into its statistics."""
        criterion = self._criterion
        if criterion == "random":
            return bool(self._rng.random() * self._period < 1)
        if criterion == "uniform":
            return time % self._period == 0
        kept = self._kept is not None
        surprising = self._series.is_surprising(
            surprisal, criterion=criterion, rho=self._rho, least=LEAST + kept, ddof=int(kept)
        )
        self._series.add(surprisal)
        return surprising

    def switch(self, number: int) -> None:
        """Go on with another fragment."""
        if self._kept is None:
            self._series.clear()
        else:
            self._series = self._kept.setdefault(number, Series())
