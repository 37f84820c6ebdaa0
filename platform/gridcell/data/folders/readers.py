"""Which library decodes and resizes stored images.

``pil`` is the reference: Pillow, as timm's evaluation uses it. ``torchvision`` reads JPEG twice as fast: its
decoder gives the same pixels, and its antialiased resizing differs by a level of 255 at a few of them, and by
two at one in a million. torchvision 0.29 announces that a later release will have no decoders; Pillow then
decodes for this reader, too, with the same pixels.
"""

from typing import TYPE_CHECKING, Literal

from gridcell.data.folders.decode import published_rgb

if TYPE_CHECKING:
    from torch import Tensor

Reader = Literal["pil", "torchvision"]

_JPEG = b"\xff\xd8\xff"


def published_tensor(content: bytes, name: str) -> "Tensor":
    """Return an image of a published set, as :func:`gridcell.data.folders.decode.published_rgb` reads it.

    JPEG with one or three channels is decoded by torchvision; CMYK, other formats and damaged files are left
    to Pillow.

    Returns:
        RGB, uint8 of shape (3, H, W).

    Raises:
        Unreadable: It can't be decoded; ``name`` says which.
    """
    import numpy as np
    import torch

    if content.startswith(_JPEG):
        try:
            from torchvision.io import decode_jpeg

            image: Tensor = decode_jpeg(torch.frombuffer(bytearray(content), dtype=torch.uint8))
        except (ImportError, RuntimeError):  # Pillow says what is wrong with it, or reads it
            pass
        else:
            if image.shape[0] in (1, 3):
                return image.expand(3, -1, -1)
    return torch.from_numpy(np.array(published_rgb(content, name))).permute(2, 0, 1)
