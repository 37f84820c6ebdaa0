"""What a page's SVG is made of: numbers, colours that the page decides, hatching, the element itself."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from gridcell.plots import style

ZOOM = 0.8  # pixels of the page for one of the figure, which has style.DPI of them an inch

NAMED = {
    **{name.lower(): f"c{index}" for index, name in enumerate(style.PALETTE)},
    style.INK: "ink",
    style.FAINT: "faint",
    style.RULE: "rule",
    style.MISSING: "wash",
    "#ffffff": "paper",
}
"""Colours that the page's style decides, for it knows light, dark and print."""


def part(label: str, width: float, height: float, drawn: Sequence[str], *, alone: bool = False) -> str:
    """Return the ``<svg>`` element of a figure's part.

    Args:
        label: what is seen, read out in place of the figure.
        width: in the figure's pixels.
        height: likewise.
        drawn: elements, in those pixels from the upper left corner.
        alone: whether nothing stands beside it.

    Example:
        >>> part("a dot", 100, 50, ['<circle r="3"/>'])[:48]
        '<svg role="img" aria-label="a dot" class="part" '
    """
    size = f'width="{number(width * ZOOM)}" height="{number(height * ZOOM)}"'
    wide = " wide" if width * ZOOM > 600 else ""
    room = f"{number(width)} {number(height)}"
    opened = f'<svg role="img" aria-label="{escape(label)}" class="part{wide}" viewBox="0 0 {room}" {size}>'
    line_ends = '<i class="break"></i>' if alone else ""
    return f"{opened}{''.join(drawn)}</svg>{line_ends}"


def number(value: float, digits: int = 1) -> str:
    """Write a number without zeros at its end.

    Example:
        >>> number(2.04), number(1.26)
        ('2', '1.3')
    """
    text = f"{value:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def paint(what: str, colour: Sequence[float], known: Mapping[str, str] = NAMED) -> str:
    """Return the attribute that fills ("F") or strokes ("S"): a class where the page decides the colour."""
    name = to_hex(to_rgb(tuple(colour)[:3]))
    if name in known:
        return f'class="{what}{known[name]}"'
    return f'{"fill" if what == "F" else "stroke"}="{name}"'


def hatching(x: float, y: float, width: float, height: float, hatch: str) -> str:
    """Return lines or dots over a rectangle, as a viewport of its own, which cuts them off at its edges."""
    gap = 6.0
    steps = np.arange(-height, width + height, gap)
    down = "".join(f"M{number(step)} 0l{number(height)} {number(height)}" for step in steps)
    up = "".join(f"M{number(step)} {number(height)}l{number(height)} {number(-height)}" for step in steps)
    rows = np.arange(gap / 2, height, gap)
    dots = "".join(
        f"M{number(across)} {number(row)}h.1" for row in rows for across in np.arange(3, width, gap)
    )
    drawn = {"////": up, "xxxx": up + down}.get(hatch, "")
    shape = f'<path d="{drawn}" stroke-width="1.2"/>' if drawn else ""
    if hatch == "....":
        shape = f'<path d="{dots}" stroke-width="2.2" stroke-linecap="round"/>'
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f"<svg {place}>{shape}</svg>" if shape else ""
