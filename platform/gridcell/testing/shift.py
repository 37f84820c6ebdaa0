"""The contract of shifts: what can be tried on a few random images."""

from functools import partial

import numpy as np

from gridcell.data.images import LabelledImages, content_digest
from gridcell.data.shifts.registry import Shift, Sources
from gridcell.testing.check import Check, ContractError, require

_SIDE, _CLASSES = 32, 3
_IMAGES = 12  # of each class


def checks(recipe: Shift) -> list[Check]:
    """Return what a shift keeps to, beside what all parts keep to."""
    return [
        Check(
            "its set has the classes, the label space and the size of its pool",
            partial(_fits_the_pool, recipe),
        ),
        Check("the same seed makes the same images", partial(_repeats, recipe)),
        Check("it leaves the images that it is made from as they are", partial(_leaves_the_pool, recipe)),
    ]


def _images(name: str, seed: int) -> LabelledImages:
    labels = np.arange(_CLASSES * _IMAGES, dtype=np.int64) % _CLASSES
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), _SIDE, _SIDE, 3), dtype=np.uint8)
    return LabelledImages(name, pixels, labels, tuple(range(_CLASSES)), ("a", "b", "c"))


def _sources(recipe: Shift) -> Sources:
    return Sources(_images("pool", 0), _images("pretrain", 1) if recipe.pretrain else None)


def _made(recipe: Shift, sources: Sources) -> LabelledImages:
    try:
        return recipe(sources, seed=0)
    except AttributeError as error:
        if sources.pretrain is None and "NoneType" in str(error):
            raise ContractError(
                "it looks at the images of the pre-training without saying so: Shift(..., pretrain=True)"
            ) from error
        raise


def _fits_the_pool(recipe: Shift) -> None:
    pool = (sources := _sources(recipe)).pool
    made = _made(recipe, sources)
    require(made.class_names == pool.class_names, "the label space is another than the pool's")
    require(made.classes == pool.classes, f"of the classes {pool.classes} it has {made.classes}")
    require(made.size == pool.size, f"images of {pool.size} px become {made.size} px")


def _repeats(recipe: Shift) -> None:
    one, two = (content_digest(_made(recipe, _sources(recipe))) for _ in range(2))
    require(one == two, "the second time it makes other images: draw from the generator that render gives")


def _leaves_the_pool(recipe: Shift) -> None:
    sources = _sources(recipe)
    before = content_digest(sources.pool)
    _made(recipe, sources)
    require(content_digest(sources.pool) == before, "it changes the images of its pool")
