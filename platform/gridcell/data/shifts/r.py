"""r: renditions in other materials, the counterpart of ImageNet-R's art, toys and embroidery."""

from collections.abc import Mapping

import numpy as np

from gridcell.data.images import LabelledImages
from gridcell.data.pixels import to_bytes, to_float
from gridcell.data.seeds import image_generator
from gridcell.data.shifts.registry import Shift, Sources, image_by_image, whole_number
from gridcell.data.shifts.renditions import STYLES


def make(sources: Sources, seed: int, parameters: Mapping[str, float]) -> LabelledImages:
    """Render every image of the pool in ``renditions`` different styles, drawn for each image."""
    pool, names = sources.pool, list(STYLES)
    count = _count(parameters)
    rendered = np.empty((len(pool) * count, *pool.images.shape[1:]), dtype=np.uint8)
    for number, image in enumerate(pool.images):
        styles = image_generator(seed, image, "r", "styles").permutation(len(names))[:count]
        for copy, style in enumerate(styles):
            rng = image_generator(seed, image, "r", names[style])
            rendered[number * count + copy] = to_bytes(STYLES[names[style]](to_float(image), rng))
    return LabelledImages(
        name="r",
        images=rendered,
        labels=np.repeat(pool.labels, count),
        classes=pool.classes,
        class_names=pool.class_names,
    )


def _count(parameters: Mapping[str, float]) -> int:
    return whole_number(parameters, "renditions", least=1, most=len(STYLES))


SHIFT = Shift(
    "r",
    "renditions in other materials",
    "fresh",
    make,
    order=2,
    share=0.19,
    subset=True,
    parameters={"renditions": 2},
    validate=_count,
    pieces=image_by_image(make),
)
