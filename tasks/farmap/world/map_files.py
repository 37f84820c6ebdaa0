"""Squares of a map from a file: pictures, NumPy arrays, tables of numbers, letters."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from farmap.world.layout import FreeMask
from gridcell import UserError, did_you_mean
from gridcell.data import Form, Look, decode, look_at

FreeColour = Literal["black", "white"]

_FREE_LETTERS = "0. "
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?")
_TRUTH = {"True": 1.0, "False": 0.0}
_SEPARATORS = ",;\t"
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
        raise UserError(f"The map file '{path}' can't be read: {why}") from error


def doubts_about(free: FreeMask, colour: FreeColour) -> str:
    """Say why the other colour of a picture may be the free one; empty where nothing speaks for it.

    Args:
        free: bool (height, width), the squares that are taken for free, of the part that is kept.
        colour: theirs.
    """
    other = "white" if colour == "black" else "black"
    rim = np.concatenate([free[0], free[-1], free[:, 0], free[:, -1]])
    if rim.any():
        return (
            f"the free ({colour}) squares reach the border of the picture, and a wall is put around it; if "
            f"{other} is free, set files.free to {other}"
        )
    if colour == "black" and _enclosed_width(~free) > _WIDER * _width(free):
        return (
            "its black squares look like walls around white rooms; if white is free, set files.free to white"
        )
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
    white = np.iinfo(plane.dtype).max
    walls = plane != (0 if free == "black" else white)
    return Squares(walls, picture=True, said=_said_of(look, int(((plane > 0) & (plane < white)).sum()), free))


def _said_of(look: Look, grey: int, free: FreeColour) -> tuple[str, ...]:
    said = []
    if look.alpha:
        said.append("what is transparent is read as white")
    if grey and free == "white":
        said.append(f"{grey} squares that are neither black nor white are read as walls")
    return tuple(said)


def _read_array(path: Path) -> Squares:
    with path.open("rb") as file:
        values = np.lib.format.read_array(file, allow_pickle=False)
    unknown = int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0
    said = (f"{unknown} squares hold no number (NaN) and are read as walls",) if unknown else ()
    return Squares(values, said=said)


def _read_text(path: Path) -> Squares:
    """Read a table of numbers, or letters; shorter lines of letters are filled up with wall."""
    lines = path.read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
    table = _table_of_numbers(lines)
    if table is not None and (table == 0).any():
        return Squares(table, said=("read as a table of numbers, of which 0 is free",))
    separated = any(sign in line for line in lines for sign in _SEPARATORS)
    if separated and table is not None:
        raise UserError(f"The map file '{path}' is a table in which no number is 0, and 0 is what is free")
    if separated:
        raise UserError(
            f"The map file '{path}' looks like a table, but not all its rows have the same count of numbers: "
            "separate numbers by blanks or commas, or draw the map with letters alone"
        )
    width = max(map(len, lines))
    said = () if table is None else ("no number in it is 0, so it is read as letters, whose blanks are free",)
    walls = np.array([[letter not in _FREE_LETTERS for letter in line.ljust(width, "#")] for line in lines])
    return Squares(walls, said=said)


def _table_of_numbers(lines: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the numbers of a table, such as ``np.savetxt`` writes; None where the lines are letters.

    All rows have the same count of numbers, two or more. Where none of them is 0, blanks may be what is free.
    """
    first = next((place for place, line in enumerate(lines) if not line.startswith("#")), len(lines))
    rows = [_fields(line) for line in lines[first:] if line.strip()]
    if not rows or len(rows[0]) < 2 or len({len(row) for row in rows}) > 1:
        return None
    if not all(_NUMBER.fullmatch(field) or field in _TRUTH for row in rows for field in row):
        return None
    return np.array([[_TRUTH[f] if f in _TRUTH else float(f) for f in row] for row in rows])


def _fields(line: str) -> list[str]:
    return [field for field in re.split(r"[,;\s]+", line.strip(" ,;\t\r")) if field]


_PICTURES = frozenset({".png", ".gif", ".bmp"})
_READERS: Mapping[str, Callable[[Path], Squares]] = {
    **dict.fromkeys((".txt", ".map"), _read_text),
    ".npy": _read_array,
}
"""Ending of a file that is no picture -> what returns its squares."""
