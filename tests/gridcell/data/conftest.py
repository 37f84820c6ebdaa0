"""Images that several tests share."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from gridcell.data.deriving import derive
from gridcell.data.digits import load_digits_images
from gridcell.data.images import LabelledImages


def crops(size):
    """Six square crops of two photographs, uint8 (6, size, size, 3)."""
    photographs = [load_sample_image(name) for name in ("flower.jpg", "china.jpg")]
    cut = [photo[:400, left : left + 400] for photo in photographs for left in (0, 120, 240)]
    return np.stack(
        [np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BICUBIC)) for part in cut]
    )


@pytest.fixture(scope="session")
def photos():
    return crops(224)


@pytest.fixture(scope="session")
def small_photos():
    return crops(32)


@pytest.fixture(scope="session")
def digits():
    return load_digits_images()


@pytest.fixture(scope="session")
def suite(digits):
    return derive(digits, seed=0)


@pytest.fixture
def coloured():
    """Twelve random 20 x 24 images of classes 0, 2 and 3 out of four."""
    rng = np.random.default_rng(5)
    return LabelledImages(
        name="random",
        images=rng.integers(0, 256, (12, 20, 24, 3), dtype=np.uint8),
        labels=np.array([0, 2, 3] * 4, dtype=np.int64),
        classes=(0, 2, 3),
        class_names=("ant", "bee", "cat", "dog"),
    )
