"""What prepares a decoded image for a model."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

Prepare = Callable[["Image | Tensor"], "Tensor"]
"""From a decoded image, RGB, to what the model is given, e.g. uint8 (H, W, 3).

The image is Pillow's; of a set whose reader is ``torchvision`` uint8 of shape (3, H, W)."""
