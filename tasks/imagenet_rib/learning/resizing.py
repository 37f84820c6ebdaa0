"""torch's antialiased resizing of uint8 images, and where it gives Pillow's pixels to the bit.

Both resize rows first, then columns, and round in between. Pillow rounds a pixel's weights to 22 bits, torch
to some 14, so that its result differs by a level here and there; but not where the weights are fractions that
13 bits hold, as from 224 to 256 px.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_BITS = 13  # torch has at least these for weights below 2
_SUPPORT = {"bilinear": 1.0, "bicubic": 2.0}  # pixels to each side


def resize(image: Tensor, height: int, width: int, interpolation: str) -> Tensor:
    """Resize one image in whole numbers, the same on every processor.

    Args:
        image: uint8 of shape ``(3, H, W)``, on the CPU.
        height: Of the result, pixels.
        width: Of the result, pixels.
        interpolation: ``bicubic`` or ``bilinear``, antialiased.

    Returns:
        uint8 of shape ``(3, height, width)``.

    Example:
        >>> import torch
        >>> resize(torch.zeros(3, 224, 224, dtype=torch.uint8), 256, 256, "bicubic").shape
        torch.Size([3, 256, 256])
    """
    # Called here, since torchvision's own function takes floats for ``bilinear`` on processors without AVX2.
    (resized,) = functional.interpolate(
        image[None], (height, width), mode=interpolation, align_corners=False, antialias=True
    )
    return resized


@lru_cache(maxsize=4096)
def as_pillow(length: int, resized: int, kept: int, interpolation: str) -> bool:
    """Tell whether :func:`resize` gives the middle of a resized side as Pillow does, to the bit.

    Args:
        length: Of the side, pixels.
        resized: Of the side after resizing, pixels.
        kept: Pixels that are cut out of its middle; others may differ.
        interpolation: ``bicubic`` or ``bilinear``.

    Example:
        >>> as_pillow(224, 256, 224, "bicubic"), as_pillow(375, 256, 224, "bicubic")
        (True, False)
    """
    first = round((resized - kept) / 2)
    scale = length / resized
    stretch = max(scale, 1.0)
    support = _SUPPORT[interpolation] * stretch
    for pixel in range(first, first + kept):
        centre = (pixel + 0.5) * scale
        taps = np.arange(max(0, math.floor(centre - support)), min(length, math.ceil(centre + support)))
        weights = _kernel((taps + 0.5 - centre) / stretch, interpolation)
        steps = weights / weights.sum() * 2**_BITS
        if (steps != np.rint(steps)).any():
            return False
    return True


def _kernel(distance: NDArray[np.floating[Any]], interpolation: str) -> NDArray[np.floating[Any]]:
    """Return the weights of pixels at some distances; bicubic: Keys (1981), a = -1/2."""
    x = np.abs(distance)
    if interpolation == "bilinear":
        return np.maximum(0.0, 1.0 - x)
    near, far = (1.5 * x - 2.5) * x * x + 1.0, ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
