"""Corruptions that processing causes."""

import io

import numpy as np

from gridcell.data.corruptions.registry import Corruption
from gridcell.data.corruptions.severity import SeverityTable
from gridcell.data.pixels import Bytes, Floats, blur, to_bytes, to_float

CONTRAST = SeverityTable(large=(0.4, 0.3, 0.2, 0.1, 0.05), small=(0.75, 0.5, 0.4, 0.3, 0.15))
"""Share of the distance from the mean that is kept."""
_OF_244 = 244 / 224
"""ImageNet-C's elastic transform takes its lengths as shares of 244 px, though its images have 224."""
ELASTIC = SeverityTable(
    large=tuple(
        (strength * _OF_244, smoothness * _OF_244, reach * _OF_244)
        for strength, smoothness, reach in (
            (2, 0.7, 0.1),
            (2, 0.08, 0.2),
            (0.05, 0.01, 0.02),
            (0.07, 0.01, 0.02),
            (0.12, 0.01, 0.02),
        )
    ),
    small=((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
)
"""Strength and smoothness of the local displacement and reach of the affine one, in image sides."""
PIXELATE = SeverityTable(large=(0.6, 0.5, 0.4, 0.3, 0.25), small=(0.95, 0.9, 0.85, 0.75, 0.65))
"""Share of the resolution that is kept."""
JPEG_QUALITY = SeverityTable(large=(25, 18, 15, 10, 7), small=(80, 65, 58, 50, 40))


def contrast(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Pull every channel towards its mean over the image."""
    del rng
    mean = images.mean(axis=(1, 2), keepdims=True)
    return (images - mean) * np.float32(CONTRAST.at(images, severity)) + mean


def elastic_transform(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Move three points at random (affine), then every pixel by a smooth random field.

    As in ImageNet-C these are two steps, each of which interpolates.

    The published tables trade movement of the whole image (mild severities) for local stirring (harsh ones),
    so the error in pixel values doesn't grow with severity throughout.
    """
    from scipy import ndimage

    strength, smoothness, reach = ELASTIC.at(images, severity)
    height, width = images.shape[1:3]
    side = min(height, width)
    grid = np.mgrid[0:height, 0:width].astype(np.float64)
    bent = np.empty_like(images)
    for number, image in enumerate(images):
        moved = _affine_places(grid, side, reach * side, rng)
        place = grid.copy()
        for axis in (0, 1):
            field = rng.uniform(-1, 1, (height, width)).astype(np.float32)
            place[axis] += strength * side * blur(field, smoothness * side)
        for channel in range(3):
            tilted = ndimage.map_coordinates(image[..., channel], moved, order=1, mode="mirror")
            bent[number, ..., channel] = ndimage.map_coordinates(tilted, place, order=1, mode="reflect")
    return bent


def _affine_places(
    grid: np.ndarray[tuple[int, ...], np.dtype[np.float64]], side: int, reach: float, rng: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return where each output pixel is read, (2, H, W), if three points move by up to ``reach`` px."""
    centre = np.array([(grid.shape[1] - 1) / 2, (grid.shape[2] - 1) / 2])
    arm = side // 3
    before = centre + arm * np.array([[1, 1], [-1, 1], [-1, -1]])
    after = before + rng.uniform(-reach, reach, before.shape)
    # Solve [row, column, 1] @ transform = source for the three points, reading from where they came.
    transform = np.linalg.solve(np.column_stack([after, np.ones(3)]), before)
    return np.einsum("ihw,ij->jhw", grid, transform[:2]) + transform[2][:, None, None]


def pixelate(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Shrink with Pillow's box filter and enlarge the same way, so that each block is one flat square."""
    del rng
    kept = PIXELATE.at(images, severity)
    return np.stack([to_float(_blocks(to_bytes(image), kept)) for image in images])


def _blocks(image: Bytes, kept: float) -> Bytes:
    from PIL import Image

    whole = Image.fromarray(image)
    small = tuple(max(1, int(length * kept)) for length in whole.size)
    blocks = whole.resize((small[0], small[1]), Image.Resampling.BOX)
    return np.asarray(blocks.resize(whole.size, Image.Resampling.BOX), dtype=np.uint8)


def jpeg_compression(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Store and load as JPEG of low quality."""
    del rng
    quality = JPEG_QUALITY.at(images, severity)
    return np.stack([to_float(_jpeg_round_trip(to_bytes(image), quality)) for image in images])


def _jpeg_round_trip(image: Bytes, quality: int) -> Bytes:
    from PIL import Image

    stored = io.BytesIO()
    Image.fromarray(image).save(stored, "JPEG", quality=quality)
    with Image.open(stored) as loaded:
        return np.asarray(loaded, dtype=np.uint8)


CORRUPTIONS = (
    Corruption("contrast", "digital", contrast),
    Corruption("elastic_transform", "digital", elastic_transform),
    Corruption("pixelate", "digital", pixelate),
    Corruption("jpeg_compression", "digital", jpeg_compression),
)
