"""objectnet: turned, moved and shrunk, before another background, as in ObjectNet's homes."""

import math
from collections.abc import Mapping

import numpy as np

from gridcell.data.images import LabelledImages
from gridcell.data.pixels import Floats, blur, clouds, hue_colour, luminance, move, pose_matrix, stripes
from gridcell.data.shifts.registry import Shift, Sources, image_by_image, render, whole_number

_LARGEST_TURN = math.radians(38)
_LARGEST_SLANT = 0.2
_ZOOM = (0.68, 0.95)
_UNIFORM_BORDER = 0.12  # spread of the border's colours below which the ground counts as plain


def pose(image: Floats, rng: np.random.Generator) -> Floats:
    """Turn, slant, shrink and shift one (H, W, 3) image and lay it on a random texture.

    Where the border of the image is of one colour, that colour counts as background and the texture shows
    through it; an image with a busy border is laid down whole, as a picture with soft rims.
    """
    height, width = image.shape[:2]
    turn = float(rng.choice((-1, 1)) * rng.uniform(0.3, 1) * _LARGEST_TURN)
    zoom = float(rng.uniform(*_ZOOM))
    slant = float(rng.uniform(-_LARGEST_SLANT, _LARGEST_SLANT))
    room = (1 - zoom) / 2 * min(height, width)
    layers = np.concatenate(
        [image, _foreground(image)[..., None], np.ones((height, width, 1), np.float32)], axis=-1
    )
    placed = move(layers, pose_matrix(turn, zoom, slant), rng.uniform(-room, room, 2), outside=0.0)
    # Beyond its rim the picture was read as black; the last layer tells how much of each colour was picture.
    colour = placed[..., :3] / np.maximum(placed[..., 4:], 1e-3)
    ground = _texture(height, width, _ink_level(image), rng)
    seen = placed[..., 3:4]
    return np.clip(ground + seen * (colour - ground), 0, 1).astype(np.float32)


def _border(image: Floats) -> Floats:
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def _foreground(image: Floats) -> Floats:
    """Return each pixel's opacity, (H, W): its distance from a plain border's colour, else 1 inside a rim."""
    border = _border(image)
    plain = np.median(border, axis=0)
    spread = float(np.median(np.abs(border - plain).max(axis=-1)))
    distance = np.abs(image - plain).max(axis=-1)
    strong = max(float(np.percentile(distance, 98)), 1e-3)
    if spread > _UNIFORM_BORDER * strong:
        return _soft_rim(*image.shape[:2])
    opaque = np.clip((distance / strong - 0.1) / 0.45, 0, 1)
    return (opaque * opaque * (3 - 2 * opaque)).astype(np.float32)


def _soft_rim(height: int, width: int) -> Floats:
    rim = max(1.0, min(height, width) / 20)
    rows = np.minimum(np.arange(height), np.arange(height)[::-1])[:, None]
    columns = np.minimum(np.arange(width), np.arange(width)[::-1])[None, :]
    return np.clip((np.minimum(rows, columns) + 0.5) / rim, 0, 1).astype(np.float32)


def _ink_level(image: Floats) -> float:
    """Return the brightness of what stands out from the border."""
    weight = _foreground(image)
    return float((luminance(image) * weight).sum() / max(float(weight.sum()), 1e-6))


def _texture(height: int, width: int, ink: float, rng: np.random.Generator) -> Floats:
    """Return a two-coloured texture whose brightness keeps its distance from the object's, (H, W, 3)."""
    side = min(height, width)
    kind = int(rng.integers(4))
    period, angle = float(rng.uniform(side / 8, side / 3)), float(rng.uniform(0, np.pi))
    if kind == 0:
        pattern = stripes(height, width, period, angle)
    elif kind == 1:
        checks = (
            stripes(height, width, period, angle) - 0.5,
            stripes(height, width, period, angle + np.pi / 2) - 0.5,
        )
        pattern = np.where(checks[0] * checks[1] > 0, 1.0, 0.0).astype(np.float32)
    elif kind == 2:
        pattern = clouds(height, width, 1.5, rng)
    else:
        pattern = blur(rng.random((height, width), dtype=np.float32), 0.6)
        pattern = (pattern - pattern.min()) / max(float(np.ptp(pattern)), 1e-6)
    near, far = (0.1, 0.42) if ink > 0.5 else (0.58, 0.95)
    colours = [
        hue_colour(float(rng.random()), float(rng.uniform(0.1, 0.6)), float(rng.uniform(near, far)))
        for _ in range(2)
    ]
    return (colours[0] + pattern[..., None] * (colours[1] - colours[0])).astype(np.float32)


def make(sources: Sources, seed: int, parameters: Mapping[str, float]) -> LabelledImages:
    """Show every image of the pool in ``views`` poses."""
    views = _views(parameters)
    return render(sources.pool, pose, name="objectnet", seed=seed, copies=views)


def _views(parameters: Mapping[str, float]) -> int:
    return whole_number(parameters, "views", least=1)


SHIFT = Shift(
    "objectnet",
    "unusual poses, backgrounds and places",
    "fresh",
    make,
    order=4,
    share=0.19,
    subset=True,
    parameters={"views": 2},
    validate=_views,
    pieces=image_by_image(make),
)
