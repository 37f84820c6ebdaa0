"""The contract of corruptions: what can be tried on a few random images, at each severity."""

from functools import partial

import numpy as np

from gridcell.data.corruptions.registry import Corruption
from gridcell.data.corruptions.severity import SEVERITIES
from gridcell.data.pixels import Floats
from gridcell.errors import UserError
from gridcell.testing.check import Check, ContractError, require

_SIDES = (32, 96)  # lengths of ImageNet-C are chosen by the side: one of each table
_IMAGES = 2


def checks(recipe: Corruption) -> list[Check]:
    """Return what a corruption keeps to, beside what all parts keep to."""
    return [
        Check(
            "at each severity it gives images of the same shape, and finite pixels", partial(_fits, recipe)
        ),
        Check("the same generator makes the same images", partial(_repeats, recipe)),
        Check("it leaves the images that it is given as they are", partial(_leaves_its_input, recipe)),
    ]


def _images(side: int) -> Floats:
    pixels = np.random.default_rng(side).random((_IMAGES, side, side, 3), dtype=np.float32)
    pixels[0, : side // 2] = 0  # as photographs have: black and white areas
    pixels[1, : side // 2] = 1
    return pixels


def _made(recipe: Corruption, images: Floats, severity: int) -> Floats:
    try:
        return recipe(images, severity, np.random.default_rng(0))
    except UserError:
        raise
    except Exception as error:  # whatever the author's code raises is the finding
        what = f"it raises {type(error).__name__} at severity {severity}"
        raise ContractError(f"{what}: {error}") from error


def _fits(recipe: Corruption) -> None:
    for side in _SIDES:
        for severity in SEVERITIES:
            _made(recipe, _images(side), severity)  # which refuses what is no image


def _repeats(recipe: Corruption) -> None:
    for severity in SEVERITIES:
        one, two = (_made(recipe, _images(_SIDES[0]), severity) for _ in range(2))
        require(
            np.array_equal(one, two),
            f"the second time it makes other images at severity {severity}: draw from the rng that it gets",
        )


def _leaves_its_input(recipe: Corruption) -> None:
    for severity in SEVERITIES:
        images = _images(_SIDES[0])
        _made(recipe, images, severity)
        require(
            np.array_equal(images, _images(_SIDES[0])),
            f"it changes the images that it is given at severity {severity}: change a copy",
        )
