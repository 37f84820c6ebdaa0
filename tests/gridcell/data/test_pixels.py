"""Image operations against formulas and other libraries."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image
from scipy import ndimage

from gridcell.data import pixels

lengths = st.floats(0.05, 12)


@given(lengths, st.floats(0.05, 2))
def test_disk_kernel_is_a_symmetric_average(radius, softness):
    kernel = pixels.disk_kernel(radius, softness)
    assert kernel.sum() == pytest.approx(1)
    assert (kernel >= 0).all()
    np.testing.assert_allclose(kernel, kernel[::-1].T, atol=1e-12)


def test_disk_kernel_is_flat_inside_and_as_wide_as_its_radius():
    kernel = pixels.disk_kernel(8.0, 0.1)
    middle = kernel.shape[0] // 2
    assert kernel[middle, middle] == pytest.approx(1 / (math.pi * 64), rel=0.02)
    assert kernel[middle, middle + 7] == pytest.approx(kernel[middle, middle], rel=1e-6)
    assert kernel[middle, middle + 9] == pytest.approx(0, abs=1e-9)


@given(lengths, lengths, st.floats(-math.pi, math.pi))
def test_line_kernel_is_a_centred_average(radius, sigma, angle):
    kernel = pixels.line_kernel(radius, sigma, angle)
    assert kernel.sum() == pytest.approx(1)
    offsets = np.arange(len(kernel)) - len(kernel) // 2
    assert kernel.sum(axis=0) @ offsets == pytest.approx(0, abs=1e-9)
    assert kernel.sum(axis=1) @ offsets == pytest.approx(0, abs=1e-9)


def test_line_kernel_points_where_it_should():
    level, upright = pixels.line_kernel(5, 3, 0.0), pixels.line_kernel(5, 3, math.pi / 2)
    np.testing.assert_allclose(upright, level.T, atol=1e-12)
    assert level[5].sum() == pytest.approx(1)
    rising = pixels.line_kernel(5, 3, math.pi / 4)
    assert rising[2, 8] > 10 * rising[2, 2]


def test_convolve_equals_scipy(small_photos):
    images = pixels.to_float(small_photos)
    kernel = pixels.line_kernel(6, 4, 0.6)
    expected = ndimage.convolve(images[1].astype(np.float64), kernel[..., None], mode="reflect")
    np.testing.assert_allclose(pixels.convolve(images, kernel)[1], expected, atol=2e-6)


def test_shrink_averages_equal_areas(small_photos):
    images = pixels.to_float(small_photos)
    expected = np.asarray(Image.fromarray(small_photos[0]).resize((8, 16), Image.Resampling.BOX))
    np.testing.assert_allclose(pixels.shrink(images, 16, 8)[0] * 255, expected, atol=1.01)
    np.testing.assert_allclose(pixels.shrink(images, 13, 9).mean(), images.mean(), rtol=1e-5)
    np.testing.assert_allclose(pixels.shrink_matrix(3, 2), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], rtol=1e-6)


def test_enlarge_keeps_corners_and_is_linear():
    plane = np.array([[0.0, 1.0], [2.0, 3.0]], dtype=np.float32)
    large = pixels.enlarge(plane, 5, 3)
    np.testing.assert_allclose(large, [[0, 0.5, 1], [0.5, 1, 1.5], [1, 1.5, 2], [1.5, 2, 2.5], [2, 2.5, 3]])


def test_stretch_of_one_is_the_identity_and_of_two_shows_the_middle():
    np.testing.assert_allclose(pixels.stretch_matrix(7, 1.0), np.eye(7), atol=1e-6)
    ramp = np.arange(9, dtype=np.float32)
    np.testing.assert_allclose(pixels.stretch_matrix(9, 2.0) @ ramp, 2 + ramp / 2, atol=1e-5)


def test_move_by_a_quarter_turn_is_rot90(small_photos):
    image = pixels.to_float(small_photos)[0]
    turned = pixels.move(image, pixels.pose_matrix(math.pi / 2, 1.0, 0.0), np.zeros(2))
    error = min(np.abs(turned - np.rot90(image, k)).max() for k in (1, 3))
    assert error < 1e-4


def test_move_shifts_by_whole_pixels(small_photos):
    image = pixels.to_float(small_photos)[0]
    moved = pixels.move(image, pixels.pose_matrix(0.0, 1.0, 0.0), np.array([3.0, -2.0]), outside=0.0)
    np.testing.assert_allclose(moved[3:, :-2], image[:-3, 2:], atol=1e-5)
    assert (moved[:3] == 0).all()


def test_edges_are_where_the_step_is():
    image = np.zeros((20, 20, 3), np.float32)
    image[:, 10:, 1] = 0.3
    strength = pixels.edges(image, 0.8)
    assert strength[:, 9:11].min() == pytest.approx(1)
    assert strength[:, :6].max() < 0.01
    assert pixels.edges(np.full((20, 20, 3), 0.4, np.float32), 0.8).max() < 0.01


def test_smooth_flat_removes_noise_but_keeps_steps():
    rng = np.random.default_rng(0)
    step = np.zeros((40, 40, 1), np.float32) + 0.2
    step[:, 20:] = 0.8
    noisy = np.clip(step + 0.03 * rng.standard_normal(step.shape), 0, 1).astype(np.float32)
    smooth = pixels.smooth_flat(noisy, 3, 0.12)
    assert smooth[:, :12].std() < 0.4 * noisy[:, :12].std()
    assert smooth[:, 21].mean() - smooth[:, 18].mean() > 0.5


@given(st.integers(16, 70), st.integers(16, 70), st.floats(1.2, 3), st.integers(0, 99))
def test_clouds_fill_the_range(height, width, decay, seed):
    sky = pixels.clouds(height, width, decay, np.random.default_rng(seed))
    assert sky.shape == (height, width)
    assert (float(sky.min()), float(sky.max())) == (0.0, pytest.approx(1.0))


def test_bytes_and_floats_are_inverse():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(pixels.to_bytes(pixels.to_float(every)), every)
