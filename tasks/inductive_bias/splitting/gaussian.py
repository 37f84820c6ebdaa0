"""Functions of a Gaussian process posterior as particles."""

import numpy as np

from inductive_bias.splitting.levels import Floats, States
from inductive_bias.splitting.moves import autoregressive


class GaussianParticles:
    """Functions ``mean + R z`` at the test points, for standard normal z of shape (n_test, k).

    Args:
        bias: posterior mean less targets, shape (n_test, k).
        root: R with R R^T the posterior covariance, shape (n_test, n_test).
        labels: one-hot targets, shape (n_test, k), to measure shares of mistakes instead of squared errors.
    """

    def __init__(self, bias: Floats, root: Floats, labels: Floats | None = None) -> None:
        self._bias, self._root, self._labels = bias, root, labels

    def draw(self, count: int, draws: np.random.Generator) -> States:
        """Return functions of the posterior."""
        return {"z": draws.standard_normal((count, *self._bias.shape))}

    def move(self, states: States, step: float, draws: np.random.Generator) -> States:
        """Return functions near those given."""
        return {"z": autoregressive(states["z"], step, draws)}

    def errors(self, states: States) -> Floats:
        """Return mean squared errors over test points and outputs, or shares of mistakes."""
        missed: Floats = self._bias + self._root @ states["z"]
        if self._labels is not None:
            wrong = (missed + self._labels).argmax(axis=2) != self._labels.argmax(axis=1)
            return np.asarray(wrong.mean(axis=1))
        return (missed**2).mean(axis=(1, 2))
