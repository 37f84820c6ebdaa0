"""Points on manifolds of known dimension, embedded in a space of more."""

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError
from gridcell.data import generator

Points = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Points, float64 (n, ambient), and labels, int64 (n,), 0 or 1."""


def sphere(dimension: int, n: int, ambient: int, seed: int) -> Points:
    """Draw points uniformly from the unit sphere of ``dimension``, turned at random; labels by hemisphere.

    Raises:
        UserError: the sphere does not fit into ``ambient`` dimensions.
    """
    random = generator(seed, "sphere", dimension, n, ambient)
    normal = random.standard_normal((n, dimension + 1))
    inner = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return _embedded(inner, ambient, random), (inner[:, 0] > 0).astype(np.int64)


def linear(dimension: int, n: int, ambient: int, seed: int) -> Points:
    """Draw normal points from a linear subspace of ``dimension``; labels by the sign of one coordinate.

    Raises:
        UserError: the subspace does not fit into ``ambient`` dimensions.
    """
    random = generator(seed, "linear", dimension, n, ambient)
    inner = random.standard_normal((n, dimension))
    return _embedded(inner, ambient, random), (inner[:, 0] > 0).astype(np.int64)


def _embedded(inner: NDArray[np.float64], ambient: int, random: np.random.Generator) -> NDArray[np.float64]:
    if inner.shape[1] > ambient:
        raise UserError(f"A manifold that spans {inner.shape[1]} dimensions does not fit into {ambient}")
    basis, _ = np.linalg.qr(random.standard_normal((ambient, inner.shape[1])))
    return inner @ basis.T
