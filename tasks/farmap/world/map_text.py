"""Squares of a map from text: a table of numbers, letters, or a map of the MovingAI benchmarks.

Blanks are free squares among letters, but separate numbers in a table. A text that may be either is refused.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError

_FREE_LETTERS = "0. "
_FREE_TERRAIN = ".G"
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_PADDED = re.compile(r"[+-]?0\d")
_TRUTH = {"true": 1.0, "false": 0.0}
_SEPARATORS = (";", ",", "\t", "|")
_ROW_OF_SINGLES = re.compile(r"\S( \S)+ *")
_MANY = 4  # signs of walls that are named

_ADVICE = "write each row as numbers with one kind of separator, or draw the map with letters alone"


def squares_of_text(text: str, name: str) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    r"""Return the squares of a map, 0 is free, and sentences on how the text was read.

    Shorter lines of letters are filled up with wall.

    Args:
        text: What the file holds.
        name: What to call it in messages.

    Raises:
        UserError: It looks like a table but isn't one, or may be a table as well as letters.

    Example:
        >>> squares, said = squares_of_text("###\n#.#\n###", "'plan.txt'")
        >>> int((squares == 0).sum())
        1
    """
    lines = text.rstrip("\n").split("\n")
    if lines[0].startswith("type "):
        return _terrain(lines, name)
    table = _table(lines, name)
    if table is not None:
        return table, ("read as a table of numbers, of which 0 is free",)
    _check_letters(lines, name)
    if not any(" " in line.rstrip() for line in lines):  # blanks at the ends alone are no squares
        lines = [line.rstrip() for line in lines]
    width = max(map(len, lines))
    free = np.array([[letter in _FREE_LETTERS for letter in line.ljust(width, "#")] for line in lines], bool)
    return ~free, _said_of_walls(lines, _FREE_LETTERS)


def _table(lines: Sequence[str], name: str) -> NDArray[np.float64] | None:
    """Return the numbers of a table, such as ``np.savetxt`` writes; None where the lines are letters.

    All rows have the same count of numbers, two or more, and one of them is 0: without it, blanks are what is
    free, and so the lines are letters.

    Raises:
        UserError: Its numbers may be letters, it has two kinds of separators, counts its rows or columns, or
            none of its numbers is 0 though separators show that it is a table.
    """
    first = next((place for place, line in enumerate(lines) if not line.startswith("#")), len(lines))
    kept = [line for line in lines[first:] if line.strip()]
    rows = [_fields(line) for line in kept]
    if not rows or len(rows[0]) < 2 or len({len(row) for row in rows}) > 1:
        return None
    if not all(_NUMBER.fullmatch(field) or field.lower() in _TRUTH for row in rows for field in row):
        return None
    values = np.array([[_TRUTH[f.lower()] if f.lower() in _TRUTH else float(f) for f in row] for row in rows])
    if not (values == 0).any():
        if any(sign in line for line in kept for sign in _SEPARATORS):
            raise UserError(f"The map file {name} is a table in which no number is 0, and 0 is what is free")
        return None
    if any(_PADDED.match(field) for row in rows for field in row):
        raise _unclear(name, "its numbers have leading zeros, so each digit may be a square")
    separators = [sign for sign in _SEPARATORS if any(sign in line for line in kept)]
    if separators and any(
        len(_fields(line)) != len(line.strip().strip(separators[0]).split(separators[0])) for line in kept
    ):
        raise _unclear(name, "its rows have several kinds of separators")
    height, width = values.shape
    if width > 2 and np.array_equal(values[0], np.arange(width)):
        raise UserError(
            f"The first row of {name} is 0, 1, 2, ...: leave out the header, which is no row of the map"
        )
    if height > 2 and np.array_equal(values[:, 0], np.arange(height)):
        raise UserError(
            f"The first column of {name} is 0, 1, 2, ...: leave out the index, which is no column of the map"
        )
    return values


def _check_letters(lines: Sequence[str], name: str) -> None:
    """Make sure that lines which are no table are not meant as one.

    Raises:
        UserError: They have separators, single signs with blanks between, or many numbers.
    """
    if any(sign in line for line in lines for sign in ",;\t"):
        raise UserError(
            f"The map file {name} looks like a table, but not all its rows have the same count of numbers: "
            "separate numbers by blanks or commas, or draw the map with letters alone"
        )
    drawn = [line for line in lines if line.strip()]
    if len(drawn) > 1 and all(_ROW_OF_SINGLES.fullmatch(line) for line in drawn):
        raise _unclear(
            name, "its signs have single blanks between them, which may be free squares or separators"
        )
    fields = [field for line in drawn for field in re.split(r"[\s|\[\]]+", line.strip("[]| ")) if field]
    numbers = sum(bool(_NUMBER.fullmatch(field)) for field in fields)
    spaced = sum(bool(re.search(r"\S[ |]\S", line)) for line in drawn)
    if "0" in "".join(drawn) and 2 * spaced > len(drawn) and 2 * numbers > len(fields):
        raise _unclear(
            name, "it holds numbers, but not equally many in each row, or something else beside them"
        )
    if len(lines) > 2 and not any(lines[1::2]) and all(lines[::2]):
        raise _unclear(name, "every second line is empty, and may be a row")


def _terrain(lines: Sequence[str], name: str) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    """Read a map of the MovingAI benchmarks: a header, then terrain, of which . and G are free."""
    head = [line.split() for line in lines[1:4]]
    rows = lines[4:]
    if [words[:1] for words in head] != [["height"], ["width"], ["map"]] or [
        head[0][1:],
        head[1][1:],
    ] != [[str(len(rows))], [str(len(rows[0]) if rows else 0)]]:
        raise UserError(
            f"The map file {name} begins as those of the MovingAI benchmarks do, but is none: four lines of "
            "header (type, height, width, map), then as many rows and columns as they say"
        )
    if len({len(row) for row in rows}) > 1:
        raise UserError(f"Not all rows of the map file {name} have the width that its header says")
    walls = np.array([[sign not in _FREE_TERRAIN for sign in row] for row in rows])
    said = f"read as a map of the MovingAI benchmarks, of which {' and '.join(_FREE_TERRAIN)} are free"
    return walls, (said, *_said_of_walls(rows, _FREE_TERRAIN))


def _said_of_walls(rows: Sequence[str], free: str) -> tuple[str, ...]:
    """Say which signs are read as walls, if there is more than one: a start or a door may be meant."""
    counts = Counter(sign for row in rows for sign in row if sign not in free)
    if len(counts) < 2:
        return ()
    shown = [f"{sign} {count}" for sign, count in counts.most_common(_MANY)]
    more = len(counts) - len(shown)
    return (f"these signs are read as walls: {', '.join(shown)}" + (f", {more} more signs" if more else ""),)


def _unclear(name: str, why: str) -> UserError:
    return UserError(f"The map file {name} may be a table or letters: {why}; {_ADVICE}")


def _fields(line: str) -> list[str]:
    return [field for field in re.split(r"[,;|\s]+", line.strip(" ,;|\t\r")) if field]
