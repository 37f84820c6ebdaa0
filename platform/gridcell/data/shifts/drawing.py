"""drawing: pencil hatching that follows light and shade, the counterpart of ImageNet-Drawing."""

from collections.abc import Mapping

import numpy as np

from gridcell.data.images import LabelledImages
from gridcell.data.pixels import Floats, blur, edges, luminance, stripes
from gridcell.data.shifts.registry import Shift, Sources, Strength, image_by_image, render

STRENGTH = Strength(0.4)
"""With 0.4 of the drawing in the result EfficientNet-Lite0 loses 43 points of accuracy on 28 crops of
photographs; models lose 45 on average on ImageNet-Drawing (Salvador and Oberman 2022). All of it costs 79."""
_LAYERS = ((0.25, 0.8), (0.5, 0.6), (0.75, -0.7))
"""Darkness from which a layer of hatching sets in, and its direction in radians relative to the hand's."""


def draw(image: Floats, rng: np.random.Generator) -> Floats:
    """Draw one (H, W, 3) image in graphite: the darker, the more layers of strokes; outlines last."""
    height, width = image.shape[:2]
    side = min(height, width)
    grey = luminance(image)
    low, high = np.percentile(grey, (1, 99))
    dark = 1 - np.clip((grey - low) / max(float(high - low), 0.05), 0, 1)
    dark = blur(dark.astype(np.float32), side / 200)
    period = max(3.0, side / 40) * float(rng.uniform(0.9, 1.2))
    hand = float(rng.uniform(-0.4, 0.4))
    tremble = blur(rng.standard_normal((height, width), dtype=np.float32), max(1.0, side / 60))
    tremble = tremble / max(float(tremble.std()), 1e-6)
    rough = 0.5 * min(1.0, side / 128)  # small images have no room for uneven strokes
    graphite = 0.35 * dark
    for threshold, direction in _LAYERS:
        strokes = stripes(height, width, period, hand + direction, float(rng.uniform(0, 6.3)))
        pressed = np.clip((dark - threshold) / 0.25 + 0.5, 0, 1)
        graphite = graphite + 0.17 * pressed * np.clip(1.6 * strokes - 0.4 + rough * tremble, 0, 1)
    outline = np.clip((edges(image, max(0.6, side / 180)) - 0.3) / 0.5, 0, 1)
    graphite = np.maximum(np.minimum(graphite, 0.85), 0.8 * outline)
    grain = rng.standard_normal((height, width), dtype=np.float32)
    page = 0.96 - graphite * (1 + 0.07 * grain) + 0.01 * grain
    warm = np.array([1.0, 0.99, 0.96], dtype=np.float32)
    return (page[..., None] * warm).astype(np.float32)


def make(sources: Sources, seed: int, parameters: Mapping[str, float]) -> LabelledImages:
    """Mix the grey values of every image of the pool with a drawing of it, as far as ``strength`` says."""
    share = STRENGTH.share(parameters, sources.pool)

    def mixed(image: Floats, rng: np.random.Generator) -> Floats:
        grey = luminance(image)[..., None]
        return (grey + share * (draw(image, rng) - grey)).astype(np.float32)

    return render(sources.pool, mixed, name="drawing", seed=seed)


SHIFT = Shift(
    "drawing",
    "drawings of the validation images",
    "val",
    make,
    order=6,
    parameters={"strength": 1.0},
    validate=STRENGTH.check,
    pieces=image_by_image(make),
)
