"""A legend above the plot, in as many lines as the names need."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gridcell.plots import style
from gridcell.plots.drawing import Drawing, Key

_LINE = 0.24  # inches from one line of the legend to the next
_HEADING = 0.30  # inches that a title takes above it


def heading_height(title: str, labels: Sequence[str], width: float) -> float:
    """Return the inches that ``heading`` takes off the top of a figure ``width`` inches wide."""
    return 0.14 + (_HEADING if title else 0) + _LINE * _shape(labels, width)[1]


def heading(
    figure: Drawing,
    title: str,
    labels: Sequence[str],
    handles: Sequence[Artist],
    series: Sequence[int] | None = None,
) -> None:
    """Write the title at the top left and, under it, the legend of ``labels`` with their ``handles``.

    Args:
        figure: new.
        title: empty: none.
        labels: of the legend; empty: there is none.
        handles: the sign of each label.
        series: index of the series of each label, see ``drawing.belongs``; by default their order.
    """
    width, height = figure.get_size_inches()
    figure.heading = heading_height(title, labels, width)
    indices = range(len(labels)) if series is None else series
    figure.keys = [Key(*entry) for entry in zip(indices, labels, handles, strict=True)]
    if title:
        style.write(figure, 0.12, height - 0.25, title, fontsize=style.TITLE_SIZE, fontweight="bold")
    if not labels:
        return
    legend = figure.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(0.06 / width, (height - (_HEADING if title else 0) - 0.04) / height),
        ncols=_shape(labels, width)[0],
        frameon=False,
        fontsize=style.TICK_SIZE,
        columnspacing=1.4,
        borderaxespad=0.0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def swatch(index: int) -> Artist:
    """Return the legend's sign for the ``index``-th series of filled areas."""
    return Patch(facecolor=style.colour(index), hatch=style.hatch(index), edgecolor="white", linewidth=0.4)


def stroke(index: int, line: str, marker: str) -> Artist:
    """Return the legend's sign for the ``index``-th line."""
    return Line2D(
        [], [], color=style.colour(index), linestyle=line, marker=marker, linewidth=1.7, markersize=4.2
    )


def _shape(labels: Sequence[str], width: float) -> tuple[int, int]:
    """Return how many columns and lines the legend takes in ``width`` inches."""
    entry = style.text_width(labels, style.TICK_SIZE) + 0.6
    columns = max(1, min(len(labels), int((width - 0.3) / entry)))
    return columns, -(-len(labels) // columns)
