"""The corruptions against the reference implementation of ImageNet-C, on photographs at 224 px.

The reference figures were made once, in an environment of its own; the file says how.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from gridcell.data.corruptions import SEVERITIES, corrupt
from gridcell.data.corruptions.blur import trace_kernel
from gridcell.data.corruptions.plasma import plasma
from gridcell.data.corruptions.weather import brightness
from photographs import PHOTOGRAPHS, crops

REFERENCE = json.loads((Path(__file__).parent / "imagenet_c_psnr.json").read_text())["psnr"]
LARGE = {"frost": 2.0, "elastic_transform": 0.5}
"""dB beyond sampling noise: frost is procedural; the elastic transform's draws move whole images."""


@pytest.fixture(scope="module")
def pictures():
    return np.stack([np.asarray(crop) for name in PHOTOGRAPHS for crop in crops(name, 4, 224, seed=7)])


def psnr(images, clean):
    error = ((images.astype(np.float64) - clean) ** 2).mean(axis=(1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(error, 1e-9))


@pytest.mark.slow  # a minute and a half of one core in all
@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_every_corruption_is_as_strong_as_the_reference(name, pictures):
    chosen = slice(None) if name in LARGE else slice(None, None, 2)
    for severity in SEVERITIES:
        expected = np.array(REFERENCE[name][str(severity)])[chosen]
        if name == "brightness":  # the reference cuts off fractions of levels; we round
            lighter = brightness(pictures[chosen] / np.float32(255), severity, None)
            made = (np.clip(lighter, 0, 1) * 255 + 1e-4).astype(np.uint8)
        else:
            made = corrupt(pictures[chosen], name, severity, 0)
        difference = psnr(made, pictures[chosen]) - expected
        noise = 3 * difference.std(ddof=1) / len(difference) ** 0.5
        assert abs(difference.mean()) < noise + LARGE.get(name, 0.15), (severity, difference.mean(), noise)


def test_there_are_reference_figures_of_all_75():
    assert sum(len(figures) for figures in REFERENCE.values()) == 75
    assert {len(values) for figures in REFERENCE.values() for values in figures.values()} == {28}


def test_the_trace_of_a_moving_camera_is_half_a_gaussian():
    kernel = trace_kernel(10, 3, 0.0)
    weight = np.exp(-(np.arange(21) ** 2) / 18)
    np.testing.assert_allclose(kernel[20, 20:], weight / weight.sum(), atol=1e-12)
    assert kernel[20, :20].sum() == 0
    assert kernel.sum() == pytest.approx(1)


@pytest.mark.parametrize(("decay", "deviation"), [(2.0, 0.153), (1.7, 0.166), (1.4, 0.181)])
def test_fogs_clouds_have_the_references_statistics(decay, deviation):
    """Deviations within a 224 px crop of the reference's fractals, means over 150 draws (error 0.003)."""
    rng = np.random.default_rng(0)
    layers = [plasma(224, 224, decay, rng) for _ in range(60)]
    assert np.mean([layer.std() for layer in layers]) == pytest.approx(deviation, abs=0.015)
    assert np.mean(layers) == pytest.approx(0.5, abs=0.05)


def test_a_fractals_octaves_fall_by_the_square_of_the_decay():
    """Noise of octave k is what a point differs by from the mean of its neighbours."""
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(40):
        layer = plasma(256, 256, 2.0, rng).astype(np.float64)
        noise = []
        for step in (1, 2):
            grid = layer[:: 2 * step, :: 2 * step]
            centre = layer[step :: 2 * step, step :: 2 * step]
            around = (grid + np.roll(grid, -1, 0) + np.roll(grid, -1, 1) + np.roll(grid, -1, (0, 1))) / 4
            noise.append((centre - around).std())
        ratios.append(noise[1] / noise[0])
    assert np.mean(ratios) == pytest.approx(4, rel=0.05)
