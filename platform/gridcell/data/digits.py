"""The embedded data: scikit-learn's handwritten digits as colour images."""

import numpy as np

from gridcell.data.images import LabelledImages

DIGITS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
"""Images of each digit, 0 to 9: for planning, which does not load them."""

_FULL_INK = 16.0  # the scans count inked pixels per 4 x 4 block


def load_digits_images(size: int = 32) -> LabelledImages:
    """Return 1,797 handwritten digits, bright strokes on black, ten classes named ``"0"`` to ``"9"``.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI (its test part, as
    shipped with scikit-learn): 8 x 8 values 0..16, here enlarged bicubically.

    Args:
        size: Side of the images in pixels.

    Returns:
        uint8 images of shape (1797, size, size, 3), all three channels equal.

    Example:
        >>> load_digits_images(8).images.shape
        (1797, 8, 8, 3)
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    scans = load_digits()
    pixels = np.empty((len(scans.images), size, size), dtype=np.float32)
    for number, scan in enumerate(scans.images):
        ink = Image.fromarray((scan / _FULL_INK).astype(np.float32))
        pixels[number] = np.asarray(ink.resize((size, size), Image.Resampling.BICUBIC))
    grey = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return LabelledImages(
        name="digits",
        images=np.repeat(grey[..., None], 3, axis=-1),
        labels=scans.target.astype(np.int64),
        classes=tuple(range(10)),
        class_names=tuple(str(digit) for digit in range(10)),
    )
