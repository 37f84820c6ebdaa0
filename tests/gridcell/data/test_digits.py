"""The embedded digits."""

import numpy as np
from sklearn.datasets import load_digits

from gridcell.data.digits import load_digits_images


def test_digits_are_all_there_bright_on_dark(digits):
    assert digits.images.shape == (1797, 32, 32, 3)
    assert np.bincount(digits.labels).tolist() == np.bincount(load_digits().target).tolist()
    assert (digits.images[..., 0] == digits.images[..., 2]).all()
    assert digits.images.min() == 0
    assert digits.images.max() == 255
    assert 0.1 < (digits.images > 127).mean() < 0.5


def test_enlarged_digits_average_to_the_scans():
    images = load_digits_images(size=64).images[..., 0] / 255
    blocks = images.reshape(-1, 8, 8, 8, 8).mean(axis=(2, 4))
    scans = load_digits().images / 16
    assert np.corrcoef(blocks.ravel(), scans.ravel())[0, 1] > 0.98
