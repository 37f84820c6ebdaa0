"""How standard normal values move without changing their distribution."""

import math

import numpy as np
from numpy.typing import NDArray


def autoregressive(values: NDArray, step: float, draws: np.random.Generator) -> NDArray:
    """Return a preconditioned Crank-Nicolson move of standard normal values, which keeps them so.

    ``sqrt(1 - step^2) z + step xi``: reversible whatever the dimension, so that a step that does well in few
    dimensions does well in many.
    """
    return math.sqrt(1 - step**2) * values + step * draws.standard_normal(values.shape).astype(values.dtype)
