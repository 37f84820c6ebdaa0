"""The statistics of one series of surprisals in plain numbers: what a single agent needs at each step.

:mod:`~fragmentation_recall.surprisal` does the same for many fragments at once, in arrays; for one number an
array costs twenty times as much.
"""

from math import sqrt

from fragmentation_recall.surprisal import Criterion


class Series:
    """Number, mean and standard deviation of the values of one series (Welford 1962).

    Attributes:
        count: number of values.
        mean: their mean, 0 where there is none.
    """

    __slots__ = ("_squares", "count", "mean")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all values."""
        self.count = 0
        self.mean = self._squares = 0.0

    def add(self, value: float) -> None:
        """Add a finite value."""
        self.count += 1
        apart = value - self.mean
        self.mean += apart / self.count
        self._squares += apart * (value - self.mean)

    def std(self, ddof: int = 0) -> float:
        """Return the standard deviation with divisor ``count - ddof``; 0 with fewer values than two."""
        return sqrt(self._squares / (self.count - ddof)) if self.count > 1 else 0.0

    def is_surprising(
        self, value: float, *, criterion: Criterion, rho: float, least: int = 25, ddof: int = 0
    ) -> bool:
        """Tell whether a value that is not yet added stands out; see :func:`.surprisal.is_surprising`.

        Args:
            value: the surprisal.
            criterion: ``z`` (``value - mean >= rho * std``) or ``ratio`` (``value >= rho * mean``).
            rho: threshold.
            least: values that the series must have.
            ddof: taken off the divisor of the standard deviation.
        """
        if self.count < least:
            return False
        std = self.std(ddof)
        if std <= 1e-12 * max(abs(self.mean), 1e-300):
            return False
        return value - self.mean >= rho * std if criterion == "z" else value >= rho * self.mean
