"""The exact tail of a kernel space, and where it may not be called exact."""

from dataclasses import dataclass

from inductive_bias.distributions.weighted import WeightedChi2
from inductive_bias.kernel_space.rounding import Doubt, is_sound, movement


@dataclass(frozen=True, eq=False)
class Exact:
    """The exact distribution of a kernel's errors, up to rounding.

    Attributes:
        distribution: of the errors.
        doubt: how far rounding may have moved what it was made from, in the unit of the errors.
        n_test: test points.
    """

    distribution: WeightedChi2
    doubt: Doubt
    n_test: int

    def information(self, eps: float) -> tuple[float | None, str]:
        """Return I(eps) in nats and what it is: ``exact``, ``withheld`` or ``impossible`` (None).

        It is withheld where rounding may move it by more than 5 %.
        """
        if not is_sound(self.distribution, eps, self.doubt, self.n_test):
            return None, "withheld"
        if eps <= self.distribution.floor:
            return None, "impossible"
        return -self.distribution.log_cdf(eps), "exact"

    def movement(self, eps: float) -> float:
        """Return how far rounding may move I(eps), in nats."""
        return movement(self.distribution, eps, self.doubt, self.n_test)
