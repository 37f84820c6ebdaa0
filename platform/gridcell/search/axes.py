"""What the figures of a search have in common: where a value stands on an axis, and the axes' names."""

from typing import TYPE_CHECKING, Any

from gridcell.settings.ranges import Range

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def place_of(one: Range, value: Any) -> float:
    """Return where a value stands on its axis: itself, or its place among those to choose from."""
    if one.kind == "choice":
        return float(one.place(value))
    return float(value)


def label_axes(axes: "Axes", x: str, y: str) -> None:
    """Name both axes."""
    from gridcell.plots import style

    axes.set_xlabel(x, fontsize=style.LABEL_SIZE, color=style.INK, parse_math=False)
    axes.set_ylabel(y, fontsize=style.LABEL_SIZE, color=style.INK, parse_math=False)


def whole_numbers(axes: "Axes") -> None:
    """Set ticks of the horizontal axis at whole numbers alone, of which there may be one or two."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
