"""How many points and dimensions a problem has; of some that is known before they are made."""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from gridcell import UserError

if TYPE_CHECKING:  # planning asks too, and takes no NumPy for it
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Extent:
    """What can be cut from a problem.

    Attributes:
        points: for training and testing together.
        dimensions: of an input, all its axes flattened.
    """

    points: int
    dimensions: int

    @classmethod
    def of(cls, x: "NDArray[Any]") -> "Extent":
        """Return that of inputs, shape (N, ...)."""
        return cls(len(x), prod(x.shape[1:]))

    def check(self, name: str, *, n_train: int, n_test: int, dimension: int | None) -> None:
        """Check that a cut is possible.

        Args:
            name: of the problem, for messages.
            n_train: training points.
            n_test: test points.
            dimension: to which inputs are projected; None: they are left.

        Raises:
            UserError: too few points, or a projection to more dimensions than there are.
        """
        if n_train + n_test > self.points:
            raise UserError(
                f"Problem '{name}' has {self.points} points, fewer than {n_train} for training "
                f"and {n_test} for testing"
            )
        if dimension is not None and dimension > self.dimensions:
            raise UserError(
                f"Problem '{name}' has {self.dimensions} dimensions and can't be projected to {dimension}"
            )


DIGITS = Extent(1797, 64)
"""Of scikit-learn's digits."""

CONTROL_DIMENSIONS = {"cartpole": 4, "pendulum": 3}
"""Position, velocity, angle and its velocity; cosine and sine of the angle and its velocity."""
