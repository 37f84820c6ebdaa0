"""Corruptions that smear; lengths in the tables are pixels of a 224 px (large) or 32 px (small) image."""

import math

import numpy as np
from numpy.typing import NDArray

from gridcell.data.corruptions.registry import Corruption
from gridcell.data.corruptions.severity import SeverityTable, length_scale
from gridcell.data.pixels import Floats, blur, convolve, disk_kernel, stretch_matrix

DEFOCUS = SeverityTable(
    large=((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    small=((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
)
"""Radius of the disk and of its soft rim, px."""
GLASS = SeverityTable(
    large=((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    small=((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
)
"""Blur, px; largest displacement, px; rounds of displacement."""
MOTION = SeverityTable(
    large=((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    small=((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
)
"""Half the length of the trace and deviation of the weight along it, px."""
ZOOM_REACH_AND_STEP = SeverityTable(
    large=((1.11, 0.01), (1.15, 0.01), (1.20, 0.02), (1.24, 0.02), (1.30, 0.03)),
    small=((1.06, 0.01), (1.11, 0.01), (1.15, 0.01), (1.20, 0.01), (1.25, 0.01)),
)
"""Largest enlargement and the step from one exposure to the next."""


def defocus_blur(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Convolve with a soft disk, a lens out of focus."""
    del rng
    scale = length_scale(images)
    radius, softness = DEFOCUS.at(images, severity)
    return convolve(images, disk_kernel(radius * scale, softness * scale))


def glass_blur(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Look through frosted glass: blur, let every pixel show a random near neighbour, blur.

    As in ImageNet-C, pixels are visited from the last to the first, and one that shows a neighbour visited
    before shows what that one shows now: some pixels wander several times as far as the largest displacement.
    """
    scale = length_scale(images)
    sigma, reach, rounds = GLASS.at(images, severity)
    glass = np.empty_like(images)
    for number, image in enumerate(images):
        seen = blur(image, sigma * scale)
        for _ in range(rounds):
            seen = _shown(seen, reach * scale, rng)
        glass[number] = blur(seen, sigma * scale)
    return glass


def _shown(image: Floats, reach: float, rng: np.random.Generator) -> Floats:
    """Return (H, W, C) with each pixel but those at the rim replaced by one up to ``reach`` px away."""
    height, width = image.shape[:2]
    rim = math.ceil(reach)
    inside = np.zeros((height, width), dtype=bool)
    inside[rim + 1 : height - rim + 1, rim + 1 : width - rim + 1] = True
    rows, columns = np.mgrid[0:height, 0:width]
    shift = np.floor(rng.uniform(-reach, reach, (2, height, width))).astype(int) * inside
    rows = np.clip(rows + shift[0], 0, height - 1)
    columns = np.clip(columns + shift[1], 0, width - 1)
    target = (rows * width + columns).ravel()
    # A later pixel was visited before: follow it to what it shows, until one that was not visited before.
    source, visited = target.copy(), inside.ravel()
    moving = (target > np.arange(target.size)) & visited[target]
    while moving.any():
        onward = target[source[moving]]
        goes_on = (onward > source[moving]) & visited[onward]
        source[moving] = onward
        moving[moving] = goes_on
    return image.reshape(-1, image.shape[2])[source].reshape(image.shape)


def motion_blur(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Move the camera along a line within 45 degrees of the horizontal.

    As in ImageNet-C the trace is one-sided, half a Gaussian: the image moves along it.
    """
    scale = length_scale(images)
    radius, sigma = MOTION.at(images, severity)
    angles = np.deg2rad(rng.uniform(-45, 45, len(images)))
    moved = np.empty_like(images)
    for number, angle in enumerate(angles):
        kernel = trace_kernel(radius * scale, sigma * scale, float(angle))
        rim = len(kernel) // 2
        padded = np.pad(images[number : number + 1], ((0, 0), (rim, rim), (rim, rim), (0, 0)), mode="edge")
        moved[number] = convolve(padded, kernel)[0, rim:-rim, rim:-rim]
    return moved


def trace_kernel(radius: float, sigma: float, angle: float) -> NDArray[np.float64]:
    """Return a one-sided trace of a straight movement, in whole pixels; the weights sum to 1.

    Args:
        radius: Half the length of the trace, px.
        sigma: Standard deviation of the Gaussian whose half is the weight along the trace, px.
        angle: Direction in radians, counter-clockwise from the horizontal.
    """
    length = max(1, round(2 * radius))
    along = np.arange(length + 1)
    weight = np.exp(-(along**2) / (2 * sigma**2))
    kernel = np.zeros((2 * length + 1, 2 * length + 1))
    row = length - np.rint(along * np.sin(angle)).astype(int)
    column = length + np.rint(along * np.cos(angle)).astype(int)
    np.add.at(kernel, (row, column), weight)
    return np.asarray(kernel / kernel.sum())


def zoom_blur(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Average the image with ever larger copies of itself, driving towards it."""
    del rng
    height, width = images.shape[1:3]
    reach, step = ZOOM_REACH_AND_STEP.at(images, severity)
    zooms = np.arange(1, reach + step / 2, step)
    total = images.copy()
    for zoom in zooms:
        rows, columns = stretch_matrix(height, zoom), stretch_matrix(width, zoom)
        total += np.einsum("ah,nhwc,bw->nabc", rows, images, columns, optimize=True)
    return (total / (len(zooms) + 1)).astype(np.float32)


CORRUPTIONS = (
    Corruption("defocus_blur", "blur", defocus_blur),
    Corruption("glass_blur", "blur", glass_blur),
    Corruption("motion_blur", "blur", motion_blur),
    Corruption("zoom_blur", "blur", zoom_blur),
)
