"""v2: fresh images as they are, the counterpart of ImageNet-V2's new collection."""

from collections.abc import Mapping
from dataclasses import replace

from gridcell.data.images import LabelledImages
from gridcell.data.shifts.registry import Shift, Sources, image_by_image


def make(sources: Sources, seed: int, parameters: Mapping[str, float]) -> LabelledImages:
    """Return the pool unchanged."""
    del seed, parameters
    return replace(sources.pool, name="v2")


SHIFT = Shift("v2", "fresh images", "fresh", make, order=0, share=0.19, pieces=image_by_image(make))
