"""Corruptions that lay weather over the image.

Lengths in the tables are pixels of a 224 px (large) or 32 px (small) image.
"""

import numpy as np

from gridcell.data.corruptions.blur import trace_kernel
from gridcell.data.corruptions.plasma import plasma
from gridcell.data.corruptions.registry import Corruption
from gridcell.data.corruptions.severity import SeverityTable, is_small, length_scale
from gridcell.data.pixels import Floats, clouds, convolve, enlarge, line_kernel, luminance

FOG = SeverityTable(
    large=((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    small=((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
)
"""Thickness, and how fast finer clouds fade."""
FROST = SeverityTable(
    large=((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    small=((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
)
"""Weight of the image and of the frost."""
SNOW = SeverityTable(
    large=(
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    small=(
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
)
"""Mean and deviation of the flakes' brightness, their size in px, the brightness from which one shows,
radius and deviation of their fall in px, weight of the image against its whitened self."""
BRIGHTNESS = SeverityTable(large=(0.1, 0.2, 0.3, 0.4, 0.5), small=(0.05, 0.1, 0.15, 0.2, 0.3))
"""What is added to the value in HSV."""
_ICE = np.array([0.8, 0.94, 1.0], dtype=np.float32)
_PANE = (0.46, 0.97)
"""Range of a pane's mean brightness: that of ImageNet-C's five photographs of frost, from dark to white."""
_RELIEF = 0.7
"""Contrast of a pane's crystals, as in these photographs."""


def fog(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Add a plasma fractal and dim the sum to the image's own brightest value."""
    thickness, decay = FOG.at(images, severity)
    height, width = images.shape[1:3]
    layers = np.stack([plasma(height, width, decay, rng) for _ in images])[..., None]
    brightest = images.max(axis=(1, 2, 3), keepdims=True)
    return (images + thickness * layers) * brightest / (brightest + thickness)


def frost(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Lay ice crystals over the image: procedural, as the original's photographs are not ours to ship.

    A pane's mean brightness, its colour and its contrast are those of the photographs.
    """
    keep, ice = FROST.at(images, severity)
    height, width = images.shape[1:3]
    layers = np.stack([_ice_layer(height, width, rng) for _ in images])
    return keep * images + ice * layers


def _ice_layer(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Return one frozen pane, (H, W, 3): needles that grow from random points, thicker where it is colder."""
    from scipy import ndimage

    scale = min(height, width) / 224
    cold = clouds(height, width, 1.8, rng)
    germs = (rng.random((height, width)) < 0.012 / max(scale, 0.25)).astype(np.float32)
    needles = np.zeros((height, width), dtype=np.float32)
    bend = (
        14 * scale * np.stack([clouds(height, width, 2.2, rng) for _ in range(2)])
    )  # no needle is quite straight
    place = np.mgrid[0:height, 0:width] + bend
    first = rng.uniform(0, np.pi)
    for turn in range(3):  # ice is hexagonal: three directions, 60 degrees apart
        angle = first + turn * np.pi / 3 + rng.normal(0, 0.1)
        trace = line_kernel(max(18 * scale, 2.5), max(9 * scale, 1.5), float(angle))
        needles = np.maximum(needles, convolve(germs[None, ..., None], trace)[0, ..., 0])
    needles = ndimage.map_coordinates(needles, place, order=1, mode="mirror")
    needles = np.clip(needles / max(float(np.percentile(needles, 98)), 1e-6), 0, 1)
    ridges = 1 - np.abs(2 * clouds(height, width, 1.5, rng) - 1)  # branching veins between the needles
    ice = 0.1 + 0.4 * cold + 0.6 * cold * needles + 0.25 * ridges**4
    ice = rng.uniform(*_PANE) + _RELIEF * (ice - ice.mean())
    return (np.clip(ice, 0, 1)[..., None] * _ICE).astype(np.float32)


def snow(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Whiten the image and let flakes fall at an angle."""
    mean, deviation, flake, threshold, radius, sigma, keep = SNOW.at(images, severity)
    scale = length_scale(images)
    height, width = images.shape[1:3]
    flake = max(flake * scale, 1.0)
    grey = luminance(images)[..., None]
    whitened = keep * images + (1 - keep) * np.maximum(images, 1.5 * grey + 0.5)
    for number in range(len(images)):
        cells = (max(2, round(height / flake)), max(2, round(width / flake)))
        flakes = enlarge(rng.normal(mean, deviation, cells).astype(np.float32), height, width)
        flakes = np.clip(np.where(flakes < threshold, 0, flakes), 0, 1).astype(np.float32)
        # Published flakes fall to one side; the table of small images was made for a trace to both.
        trace = line_kernel if is_small(images) else trace_kernel
        fall = trace(radius * scale, sigma * scale, float(np.deg2rad(rng.uniform(-135, -45))))
        fallen = convolve(flakes[None, ..., None], fall)[0]
        whitened[number] += fallen + fallen[::-1, ::-1]
    return whitened.astype(np.float32)


def brightness(images: Floats, severity: int, rng: np.random.Generator) -> Floats:
    """Add to the value of HSV; hue and saturation stay, so all channels grow by one factor."""
    del rng
    value = images.max(axis=-1, keepdims=True)
    brighter = np.clip(value + BRIGHTNESS.at(images, severity), 0, 1)
    return np.where(value > 0, images * (brighter / np.maximum(value, 1e-6)), brighter).astype(np.float32)


CORRUPTIONS = (
    Corruption("snow", "weather", snow),
    Corruption("frost", "weather", frost),
    Corruption("fog", "weather", fog),
    Corruption("brightness", "weather", brightness),
)
