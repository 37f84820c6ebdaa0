"""A plot with its title and a legend above it, in as many lines as the names need."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from gridcell.plots import style

_LINE = 0.24  # inches from one line of the legend to the next


def legend_above(
    labels: Sequence[str],
    colours: Sequence[str],
    hatches: Sequence[str],
    *,
    margins: tuple[float, float, float],
    plot: tuple[float, float],
    title: str = "",
) -> tuple[Figure, Axes]:
    """Return a figure with empty axes of a given size, and above them a title and a legend that fits.

    Args:
        labels: names of the series.
        colours: one per label.
        hatches: fill pattern of each, "" for none.
        margins: left, bottom and right of the axes, in inches.
        plot: width and height of the axes, in inches.
        title: above the legend; none if empty.
    """
    left, bottom, right = margins
    figure_width = left + plot[0] + right
    columns, lines = legend_shape(labels, figure_width - 0.3)
    top = 0.14 + lines * _LINE + (0.30 if title else 0)
    figure = style.new_figure(figure_width, bottom + plot[1] + top)
    height = bottom + plot[1] + top
    axes = style.place(figure, left, bottom, *plot)
    if title:
        style.write(figure, 0.12, height - 0.25, title, fontsize=style.TITLE_SIZE, fontweight="bold")
    draw_legend(figure, labels, colours, hatches, columns, height - (0.34 if title else 0.04))
    return figure, axes


def legend_shape(labels: Sequence[str], width: float) -> tuple[int, int]:
    """Return how many columns and lines a legend of ``labels`` takes in ``width`` inches."""
    entry = style.text_width(labels, style.TICK_SIZE) + 0.55
    columns = max(1, min(len(labels), int(width / entry)))
    return columns, -(-len(labels) // columns) if labels else 0


def draw_legend(
    figure: Figure,
    labels: Sequence[str],
    colours: Sequence[str],
    hatches: Sequence[str],
    columns: int,
    top: float,
) -> None:
    """Draw the legend with its upper edge ``top`` inches above the figure's lower edge."""
    if not labels:
        return
    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0.4)
        for colour, hatch in zip(colours, hatches, strict=True)
    ]
    width, height = figure.get_size_inches()
    legend = figure.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(0.06 / width, top / height),
        ncols=columns,
        frameon=False,
        fontsize=style.TICK_SIZE,
        handlelength=1.2,
        handleheight=0.9,
        columnspacing=1.4,
        borderaxespad=0.0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
