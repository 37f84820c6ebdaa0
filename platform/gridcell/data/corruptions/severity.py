"""Published severity tables, and which of the two an image takes."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from gridcell.data.pixels import Floats
from gridcell.errors import UserError

SEVERITIES = (1, 2, 3, 4, 5)
"""From barely visible to hard."""
LARGE_SIDE = 224
"""Side in px for which ImageNet-C's lengths are written."""
SMALL_SIDE = 32
"""Side in px for which CIFAR-10-C's lengths are written."""

Parameters = TypeVar("Parameters")


@dataclass(frozen=True)
class SeverityTable(Generic[Parameters]):
    """A corruption's five settings in ImageNet-C (``large``) and in CIFAR-10-C (``small``)."""

    large: tuple[Parameters, ...]
    small: tuple[Parameters, ...]

    def at(self, images: Floats, severity: int) -> Parameters:
        """Return the parameters for images of shape (N, H, W, 3) at severity 1..5."""
        return (self.small if is_small(images) else self.large)[severity - 1]


def is_small(images: NDArray[Any]) -> bool:
    """Tell whether the shorter side of (N, H, W, 3) is nearer to 32 px than to 224 px, by ratio."""
    return bool(min(images.shape[1:3]) ** 2 < SMALL_SIDE * LARGE_SIDE)


def length_scale(images: Floats) -> float:
    """Return how many pixels of these images make one pixel of their table's own image size."""
    return min(images.shape[1:3]) / (SMALL_SIDE if is_small(images) else LARGE_SIDE)


def check_severity(severity: int) -> None:
    """Raise UserError unless ``severity`` is one of 1..5."""
    if severity not in SEVERITIES:
        raise UserError(f"A corruption's severity is a whole number from 1 to 5, not {severity!r}")
