"""Image operations that the corruptions and shifts share; all on float32 in [0, 1] and free of state."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""Pixels as float32 in [0, 1], shape (n, H, W, channels) unless a function says otherwise."""

Bytes = NDArray[np.uint8]

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def to_float(images: Bytes) -> Floats:
    """Map 0..255 to [0, 1]."""
    return images.astype(np.float32) / np.float32(255)


def to_bytes(images: Floats) -> Bytes:
    """Map [0, 1] to 0..255, rounding to the nearest and clipping what lies outside."""
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)


def luminance(images: Floats) -> Floats:
    """Return grey values (BT.601 weights), shape (..., H, W)."""
    return (images @ _LUMA).astype(np.float32)


def blur(plane: Floats, sigma: float) -> Floats:
    """Gaussian blur over the first two axes of (H, W) or (H, W, C), ``sigma`` in pixels; borders reflect."""
    from scipy import ndimage

    if sigma <= 0:
        return plane
    sigmas = (sigma, sigma) + (0.0,) * (plane.ndim - 2)
    return np.asarray(ndimage.gaussian_filter(plane, sigmas, mode="reflect"), dtype=np.float32)


def convolve(images: Floats, kernel: NDArray[Any]) -> Floats:
    """Convolve every image and channel of (N, H, W, C) with one odd-sized 2-D kernel; borders reflect."""
    from scipy import signal

    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(images, ((0, 0), (rows, rows), (columns, columns), (0, 0)), mode="symmetric")
    flat = kernel.astype(np.float32)[None, :, :, None]
    return np.asarray(signal.fftconvolve(padded, flat, mode="valid", axes=(1, 2)), dtype=np.float32)


@lru_cache(maxsize=64)
def disk_kernel(radius: float, softness: float) -> NDArray[np.float64]:
    """Return a disk of ``radius`` px smoothed by a Gaussian of ``softness`` px; the weights sum to 1.

    Both may be fractions of a pixel: the disk is drawn on a grid nine times finer and averaged down.
    """
    from scipy import ndimage

    fine = 9
    half = math.ceil(radius + 3 * softness)
    steps = np.arange((2 * half + 1) * fine)
    offset = (steps - steps.mean()) / fine
    disk = (np.hypot(offset[:, None], offset[None, :]) <= max(radius, 0.5 / fine)).astype(np.float64)
    disk = ndimage.gaussian_filter(disk, softness * fine, mode="constant")
    coarse = disk.reshape(2 * half + 1, fine, 2 * half + 1, fine).sum(axis=(1, 3))
    return np.asarray(coarse / coarse.sum())


def line_kernel(radius: float, sigma: float, angle: float) -> NDArray[np.float64]:
    """Return the trace of a straight movement; the weights sum to 1.

    Args:
        radius: Half the length of the trace, px.
        sigma: Standard deviation of the Gaussian weight along the trace, px.
        angle: Direction in radians, counter-clockwise from the horizontal.
    """
    half = max(1, math.ceil(radius))
    along = np.linspace(-radius, radius, 16 * half + 1)
    weight = np.exp(-(along**2) / (2 * sigma**2))
    row, column = half - along * np.sin(angle), half + along * np.cos(angle)
    kernel = np.zeros((2 * half + 2, 2 * half + 2))  # the last row and column only ever get weight 0
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    for down in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - down - (row - top)) * np.abs(1 - right - (column - left))
            np.add.at(kernel, (top + down, left + right), weight * share)
    kernel = kernel[:-1, :-1]
    return np.asarray(kernel / kernel.sum())


def stretch_matrix(length: int, zoom: float) -> Floats:
    """Return the (length, length) matrix that enlarges a line ``zoom`` times about its centre, linearly."""
    centre = (length - 1) / 2
    source = np.clip(centre + (np.arange(length) - centre) / zoom, 0, length - 1)
    low = np.minimum(np.floor(source).astype(int), max(length - 2, 0))
    part = source - low
    matrix = np.zeros((length, length), dtype=np.float32)
    matrix[np.arange(length), low] += 1 - part
    matrix[np.arange(length), np.minimum(low + 1, length - 1)] += part
    return matrix


def enlarge(plane: Floats, height: int, width: int) -> Floats:
    """Resample (h, w) to (height, width) bilinearly, corners on corners."""
    return (_line_weights(plane.shape[0], height) @ plane @ _line_weights(plane.shape[1], width).T).astype(
        np.float32
    )


def _line_weights(old: int, new: int) -> Floats:
    source = np.linspace(0, old - 1, new)
    low = np.minimum(np.floor(source).astype(int), max(old - 2, 0))
    matrix = np.zeros((new, old), dtype=np.float32)
    matrix[np.arange(new), low] += 1 - (source - low)
    matrix[np.arange(new), np.minimum(low + 1, old - 1)] += source - low
    return matrix


def shrink_matrix(old: int, new: int) -> Floats:
    """Return the (new, old) matrix that averages a line of ``old`` pixels over ``new`` equal areas."""
    edges = np.linspace(0, old, new + 1)
    pixel = np.arange(old)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = np.clip(overlap, 0, None)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def shrink(images: Floats, height: int, width: int) -> Floats:
    """Average (N, H, W, C) over equal areas to (N, height, width, C)."""
    rows, columns = shrink_matrix(images.shape[1], height), shrink_matrix(images.shape[2], width)
    return np.einsum("ah,nhwc,bw->nabc", rows, images, columns, optimize=True).astype(np.float32)


def pose_matrix(turn: float, zoom: float, slant: float) -> NDArray[np.float64]:
    """Return the 2 x 2 matrix that slants, then turns by ``turn`` radians and enlarges ``zoom`` times."""
    spin = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return np.asarray(zoom * spin @ np.array([[1.0, slant], [0.0, 1.0]]))


def move(
    image: Floats, pose: NDArray[np.float64], shift: NDArray[np.float64], *, outside: float | None = None
) -> Floats:
    """Transform (H, W, C) about its centre, bilinearly.

    Args:
        image: Any number of channels.
        pose: 2 x 2 matrix on (row, column) offsets from the centre, as of :func:`pose_matrix`.
        shift: Where the centre goes, (rows, columns) in px from the centre.
        outside: What is seen beyond the image; None: its nearest pixel.
    """
    from scipy import ndimage

    read = np.linalg.inv(pose)
    centre = (np.array(image.shape[:2]) - 1) / 2
    offset = centre - read @ (centre + shift)
    mode, value = ("nearest", 0.0) if outside is None else ("constant", outside)
    channels = [
        ndimage.affine_transform(image[..., channel], read, offset, order=1, mode=mode, cval=value)
        for channel in range(image.shape[-1])
    ]
    return np.stack(channels, axis=-1).astype(np.float32)


def clouds(height: int, width: int, decay: float, rng: np.random.Generator) -> Floats:
    """Return fractal noise in [0, 1]: random grids of doubling fineness, each weaker by ``decay``.

    The extremes are stretched to 0 and 1. A larger ``decay`` gives softer clouds.
    """
    total = np.zeros((height, width), dtype=np.float32)
    cells, weight = 2, 1.0
    while cells < 2 * max(height, width):
        points = rng.random((cells + 1, cells + 1), dtype=np.float32)
        total += np.float32(weight) * enlarge(points, height, width)
        cells, weight = cells * 2, weight / decay
    low, high = total.min(), total.max()
    return ((total - low) / max(high - low, np.float32(1e-6))).astype(np.float32)


def gradient(plane: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Return the derivatives of (H, W) down and to the right at scale ``sigma`` px."""
    from scipy import ndimage

    down = ndimage.gaussian_filter(plane, sigma, order=(1, 0), mode="reflect")
    right = ndimage.gaussian_filter(plane, sigma, order=(0, 1), mode="reflect")
    return np.asarray(down, dtype=np.float32), np.asarray(right, dtype=np.float32)


def edges(image: Floats, sigma: float) -> Floats:
    """Return edge strength in [0, 1] of one (H, W, 3) image: the steepest of its channels at each pixel.

    Strengths are relative to the image's own strong edges (the 97th percentile), so that faint images have
    outlines too; a featureless image has none.
    """
    steepest = np.max([np.hypot(*gradient(image[..., c], sigma)) for c in range(image.shape[-1])], axis=0)
    strong = max(float(np.percentile(steepest, 97)), 1e-3)
    return np.clip(steepest / strong, 0, 1).astype(np.float32)


def smooth_flat(image: Floats, radius: int, tolerance: float) -> Floats:
    """Smooth one (H, W, C) image but keep its edges (guided filter of He et al. 2013, self-guided).

    Args:
        image: Channels are smoothed one by one.
        radius: Half side of the window, px.
        tolerance: Steps smaller than about this value are smoothed away.
    """
    from scipy import ndimage

    window = (2 * radius + 1, 2 * radius + 1, 1)
    mean = ndimage.uniform_filter(image, window, mode="reflect")
    variance = np.clip(ndimage.uniform_filter(image * image, window, mode="reflect") - mean * mean, 0, None)
    slope = variance / (variance + tolerance**2)
    base = ndimage.uniform_filter(mean * (1 - slope), window, mode="reflect")
    slope = ndimage.uniform_filter(slope, window, mode="reflect")
    return np.asarray(np.clip(slope * image + base, 0, 1), dtype=np.float32)


def stripes(height: int, width: int, period: float, angle: float, phase: float = 0.0) -> Floats:
    """Return a sine grating in [0, 1], shape (height, width); ``period`` in px, ``angle`` in radians."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    travel = rows * math.sin(angle) + columns * math.cos(angle)
    return (0.5 + 0.5 * np.sin(2 * np.pi * travel / period + phase)).astype(np.float32)


def hue_colour(hue: float, saturation: float, value: float) -> Floats:
    """Return one RGB colour in [0, 1], shape (3,)."""
    import colorsys

    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), dtype=np.float32)
