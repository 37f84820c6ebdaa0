"""The one look of all figures: sizes in points and inches, colours that the colour-blind can tell apart.

Figures are built on ``matplotlib.figure.Figure`` with an Agg canvas and explicit properties: neither pyplot's
state nor ``rcParams`` is read for the look or written, so that a report drawn in a notebook leaves no trace.
"""

import base64
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gridcell.plots.drawing import Drawing

INK = "#1f2328"
FAINT = "#6b7280"
RULE = "#d5d9de"
MISSING = "#f1f2f4"
# Okabe and Ito's palette ("Color Universal Design", 2008), black lightened so that ink lines show on it,
# yellow darkened for white paper.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C", "#B5A300")
HATCHES = ("", "////", "....", "xxxx")

TITLE_SIZE = 11.0
LABEL_SIZE = 9.5
TICK_SIZE = 9.0
CELL_SIZE = 8.4
DPI = 120


class ShownFigure(Drawing):
    """A figure that a notebook shows, although pyplot doesn't know it."""

    def _repr_png_(self) -> bytes:
        return to_png(self)


def new_figure(width: float, height: float) -> Drawing:
    """Return an empty white figure of ``width`` x ``height`` inches on an Agg canvas."""
    figure = ShownFigure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def place(figure: Figure, left: float, bottom: float, width: float, height: float, **options: Any) -> Axes:
    """Add axes at a position given in inches from the figure's lower left corner.

    Fixed inches instead of a layout engine: text never moves the plot, and the figure is drawn once.
    """
    total_width, total_height = figure.get_size_inches()
    box = (left / total_width, bottom / total_height, width / total_width, height / total_height)
    return figure.add_axes(box, **options)


def write(figure: Figure, left: float, bottom: float, text: str, **options: Any) -> None:
    """Write ``text`` at a position in inches from the figure's lower left corner."""
    total_width, total_height = figure.get_size_inches()
    style = {
        "fontsize": LABEL_SIZE,
        "color": INK,
        "parse_math": False,
        **options,
    }
    figure.text(left / total_width, bottom / total_height, text, **style)


def tidy(axes: Axes, *, grid: Literal["x", "y", "both"] = "y") -> None:
    """Give axes the house look: no box, a faint grid behind the data along ``grid`` ("x", "y" or "both")."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(labelsize=TICK_SIZE, colors=INK, length=3, color=FAINT)
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color=RULE, linewidth=0.7)


def colour(index: int) -> str:
    """Return the colour of the ``index``-th series; beyond the palette colours repeat (see ``hatch``)."""
    return PALETTE[index % len(PALETTE)]


def hatch(index: int) -> str:
    """Return the fill pattern that tells series of equal colour apart."""
    return HATCHES[(index // len(PALETTE)) % len(HATCHES)]


def text_width(labels: Iterable[str], size: float) -> float:
    """Estimate in inches how wide the longest of ``labels`` prints at ``size`` points."""
    return max((len(label) for label in labels), default=0) * size * 0.61 / 72


def shorten(label: str, longest: int) -> str:
    """Cut the middle out of a label longer than ``longest`` characters: both ends of a name matter."""
    if len(label) <= longest:
        return label
    head = (longest - 1) // 2
    return f"{label[:head]}…{label[len(label) - (longest - 1 - head) :]}"


def shorten_all(labels: Sequence[str], longest: int) -> list[str]:
    """Shorten labels, except where that would make two of them equal."""
    short = [shorten(label, longest) for label in labels]
    return short if len(set(short)) == len(set(labels)) else list(labels)


def readable_on(background: tuple[float, float, float, float]) -> str:
    """Return black or white, whichever has the higher WCAG contrast on an RGBA background in [0, 1].

    It is 4.5 or more, what WCAG 2 asks of small text, on every colour; a softer black could not promise that.
    """

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in background[:3])
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000000"


def to_png(figure: Figure) -> bytes:
    """Draw the figure once and return it as PNG, byte for byte the same for the same figure.

    Channels are rounded to multiples of five, which no eye sees, white and black stay what they are, and the
    edges of text compress to a quarter less. (A palette of 256 is smaller still, but bends the colours of
    heat maps.)
    """
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    levels = (np.rint(np.arange(256) / 5) * 5).astype(np.uint8)
    image = Image.fromarray(levels[np.asarray(canvas.buffer_rgba())[..., :3]])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", dpi=(DPI, DPI))
    return buffer.getvalue()


def to_data_uri(png: bytes) -> str:
    """Return PNG bytes as a ``data:`` URI, for pages that must stand alone."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def save(figure: Figure, path: Path) -> bytes:
    """Write the figure to ``path`` as PNG, making its folder, and return the bytes written."""
    png = to_png(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png)
    return png
