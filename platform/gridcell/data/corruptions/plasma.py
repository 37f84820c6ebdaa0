"""Plasma fractals: the clouds of ImageNet-C's fog."""

import numpy as np
from numpy.typing import NDArray

from gridcell.data.pixels import Floats


def plasma(height: int, width: int, decay: float, rng: np.random.Generator) -> Floats:
    """Return a plasma fractal in [0, 1], shape (height, width), by the diamond-square algorithm.

    Fournier, Fussell and Carpenter 1982. Points of a periodic square grid are filled in octave by octave:
    each new point is the mean of its four neighbours plus uniform noise. ImageNet-C multiplies the noise's
    amplitude by itself, so that it falls by ``decay`` *squared* from one octave to the next.

    Args:
        height: Pixels.
        width: Pixels.
        decay: A larger one gives softer clouds.
        rng: Where the noise is drawn from.

    Returns:
        A corner of the smallest square of a power of two that holds the image. The square's extremes are 0
        and 1, the corner's need not be.
    """
    side = 1 << (max(height, width) - 1).bit_length()
    points = np.zeros((1, 1))
    amplitude = 1.0
    while len(points) < side:
        centres = _mean(points, np.roll(points, -1, 0), np.roll(points, -1, 1), np.roll(points, -1, (0, 1)))
        centres += rng.uniform(-amplitude, amplitude, centres.shape)
        # Beside each point to its right, and below each point: between two points and two centres.
        right = _mean(points, np.roll(points, -1, 1), centres, np.roll(centres, 1, 0))
        below = _mean(points, np.roll(points, -1, 0), centres, np.roll(centres, 1, 1))
        finer = np.empty((2 * len(points), 2 * len(points)))
        finer[::2, ::2], finer[1::2, 1::2] = points, centres
        finer[::2, 1::2] = right + rng.uniform(-amplitude, amplitude, right.shape)
        finer[1::2, ::2] = below + rng.uniform(-amplitude, amplitude, below.shape)
        points, amplitude = finer, amplitude / decay**2
    points -= points.min()
    return (points / max(float(points.max()), 1e-12))[:height, :width].astype(np.float32)


def _mean(*neighbours: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.mean(neighbours, axis=0))
