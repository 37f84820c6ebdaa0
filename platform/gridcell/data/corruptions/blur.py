"""Corruptions that smear; lengths in the tables are pixels of a 224 px (large) or 32 px (small) image."""

import numpy as np

from gridcell.data.corruptions.registry import Corruption
from gridcell.data.corruptions.severity import SeverityTable, length_scale
from gridcell.data.pixels import Floats, blur, convolve, disk_kernel, line_kernel, stretch_matrix

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
"""Radius of the trace and deviation of the weight along it, px."""
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

    The original swaps pixels one after another; here each round draws all displacements at once, uniform
    up to the largest in both directions and interpolated, which also works for fractions of a pixel.
    """
    from scipy import ndimage

    scale = length_scale(images)
    sigma, reach, rounds = GLASS.at(images, severity)
    height, width = images.shape[1:3]
    grid = np.mgrid[0:height, 0:width].astype(np.float32)
    glass = np.empty_like(images)
    for number, image in enumerate(images):
        seen = blur(image, sigma * scale)
        for _ in range(rounds):
            place = grid + rng.uniform(-reach * scale, reach * scale, grid.shape).astype(np.float32)
            for channel in range(3):
                glass[number, ..., channel] = ndimage.map_coordinates(
                    seen[..., channel], place, order=1, mode="reflect"
                )
            seen = glass[number].copy()
        glass[number] = blur(seen, sigma * scale)
    return glass


def motion_blur(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Move the camera along a line within 45 degrees of the horizontal.

    The trace is symmetric about each pixel, so that the image stays in place (the original's is one-sided).
    """
    scale = length_scale(images)
    radius, sigma = MOTION.at(images, severity)
    angles = np.deg2rad(rng.uniform(-45, 45, len(images)))
    moved = np.empty_like(images)
    for number, angle in enumerate(angles):
        kernel = line_kernel(radius * scale, sigma * scale, float(angle))
        moved[number] = convolve(images[number : number + 1], kernel)[0]
    return moved


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
