"""The styles of the shift ``r``: each redraws one image in another material, keeping its shapes.

Every style takes a float32 (H, W, 3) image in [0, 1] and a generator, and returns such an image. A new style
is one more function in ``STYLES``.
"""

from collections.abc import Callable

import numpy as np

from gridcell.data.pixels import (
    Floats,
    blur,
    clouds,
    edges,
    gradient,
    hue_colour,
    luminance,
    shrink,
    smooth_flat,
    stripes,
)


def block_print(image: Floats, rng: np.random.Generator) -> Floats:
    """Print in two contrasting inks, light and dark often swapped."""
    height, width = image.shape[:2]
    shape = _stencil(image, 0.06)
    dark, light = _two_inks(rng)
    if rng.random() < 0.4:
        shape = 1 - shape
    worn = 0.92 + 0.08 * clouds(height, width, 1.3, rng)
    return _mix(dark, light, shape) * worn[..., None]


def painting(image: Floats, rng: np.random.Generator) -> Floats:
    """Paint with few, shifted colours and visible brush strokes."""
    height, width = image.shape[:2]
    side = min(height, width)
    flat = smooth_flat(image, max(1, side // 32), 0.2)
    levels = int(rng.integers(3, 5))
    palette = _palette(levels, rng)
    toned = palette[np.rint(_stretched(luminance(flat)) * (levels - 1)).astype(int)]
    own = np.roll(flat, int(rng.integers(1, 3)), axis=-1)  # the image's own colours, in other channels
    chroma = (flat.max(axis=-1) - flat.min(axis=-1))[..., None]
    colour = toned + np.clip(2 * chroma, 0, 0.7) * (own - toned)
    angle = float(rng.uniform(0, np.pi))
    bristles = stripes(height, width, max(2.5, side / 50), angle, 0.0) - 0.5
    wander = blur(rng.standard_normal((height, width), dtype=np.float32), max(0.8, side / 80))
    return np.clip(colour + 0.08 * bristles[..., None] + 0.25 * wander[..., None] * 0.5, 0, 1)


def stained_glass(image: Floats, rng: np.random.Generator) -> Floats:
    """Fill areas with glowing colours and lead the edges."""
    height, width = image.shape[:2]
    side = min(height, width)
    flat = smooth_flat(image, max(1, side // 24), 0.25)
    tone = np.rint(_stretched(luminance(flat)) * 2).astype(int)
    first = float(rng.random())
    panes = np.stack(
        [hue_colour(first + step, 0.75, value) for step, value in ((0, 0.55), (0.3, 0.8), (0.6, 1))]
    )
    glow = 0.85 + 0.25 * clouds(height, width, 1.6, rng)
    lead = np.clip((edges(flat, max(0.8, side / 90)) - 0.35) / 0.3, 0, 1)
    return np.clip(panes[tone] * glow[..., None], 0, 1) * (1 - 0.95 * lead[..., None])


def embroidery(image: Floats, rng: np.random.Generator) -> Floats:
    """Stitch the light shape in one thread and the ground in another, at right angles."""
    height, width = image.shape[:2]
    side = min(height, width)
    shape = _stencil(image, 0.05)
    dark, light = _two_inks(rng)
    if rng.random() < 0.4:
        dark, light = light, dark
    period, angle = max(2.6, side / 45), float(rng.uniform(0.4, 1.2))
    sheen = np.where(
        shape > 0.5, stripes(height, width, period, angle), stripes(height, width, period, angle + np.pi / 2)
    )
    fibre = rng.standard_normal((height, width), dtype=np.float32)
    light_on_thread = 0.72 + 0.28 * sheen + 0.03 * fibre
    return np.clip(_mix(dark, light, shape) * light_on_thread[..., None], 0, 1)


def mosaic(image: Floats, rng: np.random.Generator) -> Floats:
    """Lay coloured tiles with grout between them, no two tiles quite alike."""
    height, width = image.shape[:2]
    tile = max(3, min(height, width) // 28)
    rows, columns = -(-height // tile), -(-width // tile)
    padded = np.pad(image, ((0, rows * tile - height), (0, columns * tile - width), (0, 0)), mode="edge")
    tones = shrink(padded[None], rows, columns)[0]
    start, end = _two_inks(rng)[:: int(rng.choice((1, -1)))]
    tint = _mix(start, end, _stretched(luminance(tones)))
    chroma = (tones.max(axis=-1) - tones.min(axis=-1))[..., None]
    colour = tint + np.clip(2 * chroma, 0, 0.4) * (tones - tint)
    colour = np.clip(colour + 0.06 * rng.standard_normal((rows, columns, 1), dtype=np.float32), 0, 1)
    laid = np.repeat(np.repeat(colour, tile, axis=0), tile, axis=1)[:height, :width]
    joint = (np.arange(height) % tile == 0)[:, None] | (np.arange(width) % tile == 0)[None, :]
    return np.where(joint[..., None], 0.75 * laid, laid).astype(np.float32)


def relief(image: Floats, rng: np.random.Generator) -> Floats:
    """Carve the brightness into stone and light it from the side."""
    height, width = image.shape[:2]
    grey = luminance(image)
    down, right = gradient(grey, max(0.7, min(height, width) / 110))
    sun = float(rng.uniform(0, 2 * np.pi))
    slope = down * np.sin(sun) + right * np.cos(sun)
    slope = slope / max(float(np.percentile(np.abs(slope), 98)), 1e-3)
    stone = hue_colour(float(rng.uniform(0.02, 0.14)), float(rng.uniform(0.05, 0.4)), 1.0)
    raised = 0.34 * (_stretched(grey) - 0.5)  # what stands out catches more light
    light = 0.5 + raised + 0.3 * np.clip(slope, -1, 1) + 0.08 * (clouds(height, width, 1.4, rng) - 0.5)
    return np.clip(light[..., None] * stone, 0, 1)


STYLES: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    style.__name__: style for style in (block_print, painting, stained_glass, embroidery, mosaic, relief)
}


def _stretched(grey: Floats) -> Floats:
    """Stretch brightness so that the darkest and lightest hundredths become 0 and 1."""
    low, high = np.percentile(grey, (1, 99))
    return np.clip((grey - low) / max(float(high - low), 0.05), 0, 1).astype(np.float32)


def _stencil(image: Floats, softness: float) -> Floats:
    """Separate light from dark: 1 where brighter than the mean of the image's middle and its surroundings."""
    side = min(image.shape[:2])
    grey = _stretched(blur(luminance(image), side / 100))
    threshold = 0.6 * 0.5 + 0.4 * blur(grey, side / 4)
    return (1 / (1 + np.exp(-(grey - threshold) / softness))).astype(np.float32)


def _mix(dark: Floats, light: Floats, share: Floats) -> Floats:
    return (dark + share[..., None] * (light - dark)).astype(np.float32)


def _two_inks(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a dark and a light colour of different hue."""
    hue = float(rng.random())
    return (
        hue_colour(hue, float(rng.uniform(0.5, 0.9)), float(rng.uniform(0.2, 0.4))),
        hue_colour(hue + float(rng.uniform(0.25, 0.75)), float(rng.uniform(0.2, 0.5)), 0.95),
    )


def _palette(count: int, rng: np.random.Generator) -> Floats:
    """Return ``count`` colours from dark to light, or from light to dark as often; shape (count, 3)."""
    hue = float(rng.random())
    values = np.linspace(0.25, 1.0, count)
    colours = [
        hue_colour(hue + 0.22 * place, 0.65 - 0.25 * value, value) for place, value in enumerate(values)
    ]
    return np.stack(colours[:: int(rng.choice((1, -1)))])
