"""Corruptions that act on each pixel alone."""

import numpy as np

from gridcell.data.corruptions.registry import Corruption
from gridcell.data.corruptions.severity import SeverityTable
from gridcell.data.pixels import Floats

GAUSSIAN_DEVIATION = SeverityTable(large=(0.08, 0.12, 0.18, 0.26, 0.38), small=(0.04, 0.06, 0.08, 0.09, 0.10))
"""Standard deviation, as a share of full brightness."""
SHOT_PHOTONS = SeverityTable(large=(60, 25, 12, 5, 3), small=(500, 250, 100, 75, 50))
"""Photons counted in a white pixel."""
IMPULSE_SHARE = SeverityTable(large=(0.03, 0.06, 0.09, 0.17, 0.27), small=(0.01, 0.02, 0.03, 0.05, 0.07))
"""Share of values that are set to black or white."""


def gaussian_noise(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Add independent normal noise to every value, as in poor light."""
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    return images + np.float32(GAUSSIAN_DEVIATION.at(images, severity)) * noise


def shot_noise(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Count photons: Poisson with variance ``value / photons``."""
    photons = SHOT_PHOTONS.at(images, severity)
    return (rng.poisson(images * photons) / photons).astype(np.float32)


def impulse_noise(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Set a share of the values to 0 or 1, half each: salt and pepper, in each channel for itself."""
    draw = rng.random(images.shape, dtype=np.float32)
    half = IMPULSE_SHARE.at(images, severity) / 2
    salted = np.where(draw > 1 - half, np.float32(1), images)
    return np.where(draw < half, np.float32(0), salted)


CORRUPTIONS = (
    Corruption("gaussian_noise", "noise", gaussian_noise),
    Corruption("shot_noise", "noise", shot_noise),
    Corruption("impulse_noise", "noise", impulse_noise),
)
