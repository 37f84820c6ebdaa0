"""Drawn characters of several alphabets, as Omniglot has them: from folders of images, or drawn here."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.files import fingerprint, open_data
from gridcell import UserError
from gridcell.data import generator

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
    alphabets = []
    for folder in _folders(path):
        pictures, labels = [], []
        batches = open_data(str(folder), None, image_size)
        for images, characters in batches() if callable(batches) else batches:
            read = np.asarray(images)
            pictures.append((_inked(read) if ink == "dark" else read).reshape(len(read), -1))
            labels.append(np.asarray(characters))
        alphabets.append(Alphabet(folder.name, np.concatenate(pictures), np.concatenate(labels).astype(int)))
    return alphabets


def alphabets_fingerprint(path: str) -> str:
    """Return a SHA-256 of the alphabets' names and images.

    Raises:
        UserError: there is no such folder, or an alphabet has no characters.
    """
    named = "\n".join(f"{folder.name} {fingerprint(str(folder))}" for folder in _folders(path))
    return hashlib.sha256(named.encode()).hexdigest()


def _folders(path: str) -> list[Path]:
    root = Path(path)
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
    if len(folders) < 2:
        raise UserError(f"'{path}' has no alphabets: {path}/<alphabet>/<character>/<any>.png is expected")
    return folders


def _inked(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Return ink as full scale and paper as 0, uint8 (n, height, width), of uint8 images of any channels."""
    grey = images.mean(axis=3) if images.ndim == 4 else images
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
