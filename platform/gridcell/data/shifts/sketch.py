"""sketch: dark outlines on white paper, as in ImageNet-Sketch."""

from collections.abc import Mapping

import numpy as np

from gridcell.data.images import LabelledImages
from gridcell.data.pixels import Floats, blur, edges
from gridcell.data.shifts.registry import Shift, Sources, image_by_image, render


def draw(image: Floats, rng: np.random.Generator) -> Floats:
    """Draw the outlines of one (H, W, 3) image with a pen of random width and pressure."""
    height, width = image.shape[:2]
    side = min(height, width)
    strength = edges(image, max(0.7, side / 128) * float(rng.uniform(0.85, 1.2)))
    # Strong slopes become ink, weak ones paper; the step is soft enough to leave no stairs.
    pressure = float(rng.uniform(0.35, 0.5))
    ink = 1 / (1 + np.exp(-(strength - pressure) / 0.08))
    grain = blur(rng.standard_normal((height, width), dtype=np.float32), 0.5)
    ink = np.clip(ink * (0.9 + 0.1 * grain), 0, 1)
    paper = 0.97 + 0.015 * grain
    return np.repeat((paper - ink * 0.9)[..., None], 3, axis=-1).astype(np.float32)


def make(sources: Sources, seed: int, parameters: Mapping[str, float]) -> LabelledImages:
    """Sketch every image of the pool once."""
    del parameters
    return render(sources.pool, draw, name="sketch", seed=seed)


SHIFT = Shift("sketch", "outlines on paper", "fresh", make, order=3, share=0.19, pieces=image_by_image(make))
