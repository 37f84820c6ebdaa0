"""Squares of a map from a file: pictures, NumPy arrays, tables of numbers, letters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from farmap.world.layout import FreeMask
from farmap.world.map_text import squares_of_text
from gridcell import UserError, did_you_mean
from gridcell.data import Form, Look, decode, look_at

FreeColour = Literal["black", "white"]

_WIDER = 1.5  # how much wider than the black parts enclosed white ones are if white is what is free


@dataclass(frozen=True, eq=False)
class Squares:
    """What a file says.

    Attributes:
        values: shape (height, width): 0 is free, anything else wall.
        picture: whether it was a picture, whose colours may be meant otherwise.
        said: sentences on how it was read.
    """

    values: NDArray[Any]
    picture: bool = False
    said: tuple[str, ...] = ()


def read_squares(path: Path, free: FreeColour = "black") -> Squares:
    """Read a map's squares.

    Args:
        path: a picture, a NumPy file, or text: a table of numbers as ``np.savetxt`` writes it, whose 0 is
            free, or letters, of which ``0``, ``.`` and blanks are free.
        free: which squares of a picture are free; anything else is wall.

    Raises:
        UserError: there is no such file, it can't be read, or its kind is unknown.
    """
    if not path.is_file():
        there = [
            str(other) for other in path.parent.glob("*") if other.suffix.lower() in {*_READERS, *_PICTURES}
        ]
        raise UserError(f"There is no map file '{path}': {did_you_mean(str(path), there)}")
    suffix = path.suffix.lower()
    if suffix in _PICTURES:
        return _read_picture(path, free)
    if suffix not in _READERS:
        raise UserError(f"A map is read from .png, .npy or .txt, not from '{path.name}'")
    try:
        return _READERS[suffix](path)
    except (OSError, ValueError, SyntaxError, TokenError) as error:  # the last two from damaged headers
        # Only what the operating system says is worth quoting: NumPy advises to load pickles unsafely.
        why = getattr(error, "strerror", None) or f"it is damaged, or no {suffix} file"
        if isinstance(error, UnicodeDecodeError):
            why = "it is no text in UTF-8"
        raise UserError(f"The map file '{path}' can't be read: {why}") from error


def doubts_about(free: FreeMask, colour: FreeColour | None) -> str:
    """Say why the other squares of a map may be the free ones; empty where nothing speaks for it.

    Args:
        free: bool (height, width), the squares that are taken for free, of the part that is kept.
        colour: theirs in a picture; None: the map is none.
    """
    what, other, advice = "free", "the other squares", "swap the two in the file"
    if colour is not None:
        other = "white" if colour == "black" else "black"
        what, advice = f"free ({colour})", f"set files.free to {other}"
    verb = "is" if colour else "are"
    kind = "picture" if colour else "map"
    rim = np.concatenate([free[0], free[-1], free[:, 0], free[:, -1]])
    if rim.any():
        return (
            f"the {what} squares reach the border of the {kind}, and a wall is put around it; if {other} "
            f"{verb} free, {advice}"
        )
    if colour != "white" and _enclosed_width(~free) > _WIDER * _width(free):
        looks = (
            "black squares look like walls around white rooms" if colour else "free squares look like walls"
        )
        return f"its {looks}; if {other} {verb} free, {advice}"
    return ""


def _width(mask: FreeMask) -> float:
    from scipy import ndimage

    return float(ndimage.distance_transform_cdt(np.pad(mask, 1), metric="chessboard").max())


def _enclosed_width(mask: FreeMask) -> float:
    """Return half the width of the widest place in the parts that don't reach the border."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask)
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return _width(mask & ~np.isin(labels, rim))


def _read_picture(path: Path, free: FreeColour) -> Squares:
    try:
        content = path.read_bytes()
        look = look_at(content, f"'{path}'")
        plane = decode(content, f"'{path}'", form=Form(1, 16 if look.deep and look.grey else 8))[..., 0]
    except OSError as error:
        raise UserError(f"The map file '{path}' can't be read: {error.strerror}") from error
    except UserError as error:
        raise UserError(
            f"The map file '{path}' can't be read: it is damaged, or no picture ({error})"
        ) from error
    if look.format == "JPEG":
        raise UserError(f"The map file '{path}' can't be read: JPEG blurs its squares; draw it anew as PNG")
    white = np.iinfo(plane.dtype).max
    walls = plane != (0 if free == "black" else white)
    return Squares(walls, picture=True, said=_said_of(look, int(((plane > 0) & (plane < white)).sum())))


def _said_of(look: Look, grey: int) -> tuple[str, ...]:
    said = []
    if look.alpha:
        said.append("what is transparent is read as white")
    if grey:
        said.append(f"{grey} squares that are neither black nor white are read as walls")
    return tuple(said)


def _read_array(path: Path) -> Squares:
    with path.open("rb") as file:
        values = np.lib.format.read_array(file, allow_pickle=False)
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise UserError(
            f"The map file '{path}' has {int(np.isnan(values).sum())} squares that are NaN, so they may be "
            "free or wall: write 0 where it is free, 1 where it is wall"
        )
    return Squares(values)


def _read_text(path: Path) -> Squares:
    values, said = squares_of_text(path.read_text(encoding="utf-8-sig"), f"'{path}'")
    return Squares(values, said=said)


_PICTURES = frozenset({".png", ".gif", ".bmp"})
_READERS: Mapping[str, Callable[[Path], Squares]] = {
    **dict.fromkeys((".txt", ".map"), _read_text),
    ".npy": _read_array,
}
"""Ending of a file that is no picture -> what returns its squares."""
