"""Drawn characters of several alphabets, as Omniglot has them: from folders of images, or drawn here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import go_through
from generalization_difficulty.data.files import open_data
from gridcell.data.seeds import generator
from gridcell.errors import UserError

_DARK = 0.5  # ink where a picture is darker, of its range


@dataclass(frozen=True, eq=False)
class Alphabet:
    """The drawings of one alphabet.

    Attributes:
        name: of the alphabet.
        points: shape (drawings, features), native dtype.
        characters: int64 (drawings,), which character each drawing shows.
    """

    name: str
    points: NDArray[Any]
    characters: NDArray[np.int64]


def open_alphabets(path: str, image_size: int | None, ink: str) -> list[Alphabet]:
    """Read ``root/<alphabet>/<character>/*.png``.

    Args:
        path: the root.
        image_size: side in px that images are brought to.
        ink: ``dark``: grey and turned, so that ink is 1 and paper 0, as the published values count it;
            ``as-is``: pixels as they are.

    Raises:
        UserError: there is no such folder, or an alphabet has no characters.
    """
    root = Path(path)
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
    if len(folders) < 2:
        raise UserError(f"'{path}' has no alphabets: {path}/<alphabet>/<character>/<any>.png is expected")
    alphabets = []
    for folder in folders:
        batches = list(go_through(open_data(str(folder), None, image_size)))
        points = np.concatenate([points for _, points, _ in batches])
        labels = np.concatenate([labels for _, _, labels in batches]).astype(np.int64)
        alphabets.append(Alphabet(folder.name, _inked(points) if ink == "dark" else points, labels))
    return alphabets


def _inked(points: NDArray[Any]) -> NDArray[np.uint8]:
    """Return ink as full scale and paper as 0, one value a pixel, of RGB uint8 (n, pixels * 3)."""
    grey = points.reshape(len(points), -1, 3).mean(axis=2)
    return ((grey < _DARK * 255) * 255).astype(np.uint8)


def draw_alphabets(alphabets: int, characters: int, drawings: int, side: int, seed: int) -> list[Alphabet]:
    """Draw characters of a few strokes: an alphabet shares its style, a character its strokes.

    Args:
        alphabets: how many; each has its own slant, curvature and thickness.
        characters: of each.
        drawings: of each character, which differ as a hand's do.
        side: of a picture, in px.
        seed: of all of it.
    """
    random = generator(seed, "alphabets", alphabets, characters, drawings, side)
    found = []
    for number in range(alphabets):
        style = random.normal(0, 0.35, (2, 2)) + np.eye(2)
        thickness = random.uniform(0.03, 0.06)
        pictures = []
        for _ in range(characters):
            strokes = random.uniform(-0.7, 0.7, (random.integers(2, 5), 3, 2))
            for _ in range(drawings):
                hand = random.normal(0, 0.08, (2, 2)) + np.eye(2)
                drawn = (strokes + random.normal(0, 0.06, strokes.shape)) @ style @ hand
                pictures.append(_picture(drawn + random.normal(0, 0.05, 2), thickness, side))
        labels = np.repeat(np.arange(characters), drawings)
        found.append(Alphabet(f"alphabet-{number}", np.array(pictures), labels))
    return found


def _picture(strokes: NDArray[np.float64], thickness: float, side: int) -> NDArray[np.uint8]:
    """Return ink of quadratic curves through three points each, uint8 (side * side,), 0 or 255."""
    time = np.linspace(0, 1, 24)[:, None]
    first, middle, last = (strokes[:, place, None] for place in range(3))
    curves = (1 - time) ** 2 * first + 2 * time * (1 - time) * middle + time**2 * last
    axis = np.linspace(-1.2, 1.2, side)
    pixels = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 1, 2)
    nearest = np.square(pixels - curves.reshape(1, -1, 2)).sum(axis=2).min(axis=1)
    return ((nearest < thickness) * 255).astype(np.uint8)
