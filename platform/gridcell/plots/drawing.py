"""A figure that also knows what it shows, for pages that answer to the reader."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_SERIES = "series-"


@dataclass(frozen=True)
class Part:
    """A box of a figure that may stand apart, in inches from the figure's lower left corner.

    Attributes:
        left: its edge.
        bottom: its edge.
        width: of the box.
        height: likewise.
        alone: whether nothing stands beside it, as beside a scale that all panels share.
    """

    left: float
    bottom: float
    width: float
    height: float
    alone: bool = False


@dataclass(frozen=True)
class Spot:
    """A place that tells its value when a reader points at it.

    Attributes:
        axes: where it is.
        x: of a point; or both ends of an area, in the axes' data coordinates.
        y: likewise.
        text: what it tells.
        series: index of the series that it belongs to; None: of none.
    """

    axes: Axes
    x: float | tuple[float, float]
    y: float | tuple[float, float]
    text: str
    series: int | None = None


@dataclass(frozen=True)
class Key:
    """An entry of the legend.

    Attributes:
        series: its index; what belongs to it carries the same (see ``belongs``).
        label: its name.
        sign: what stands beside the name: a ``Line2D`` or a ``Patch``.
    """

    series: int
    label: str
    sign: Artist


class Drawing(Figure):
    """A matplotlib figure with the data behind it.

    Attributes:
        heading: inches at the top that title and legend take; a page writes both itself.
        parts: what may stand apart where room is narrow, such as panels; empty: the figure is one piece.
        keys: the legend's entries.
        spots: what tells its value.
        svgs: draws its parts as SVG from a label; None: ``to_svgs`` does, from what matplotlib draws.
        columns: names of the columns of the data.
        rows: the data that is drawn; without any there is nothing to see.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.heading = 0.0
        self.parts: list[Part] = []
        self.keys: list[Key] = []
        self.spots: list[Spot] = []
        self.svgs: Callable[[str], list[str]] | None = None
        self.columns: Sequence[str] = ()
        self.rows: list[Sequence[Any]] = []


def belongs(artist: Artist, series: int) -> None:
    """Say which series an artist belongs to, so that a page can hide it with the series.

    Example:
        >>> from matplotlib.lines import Line2D
        >>> belongs(Line2D([0, 1], [0, 1]), 0)
    """
    artist.set_gid(f"{_SERIES}{series}")


def series_of(gid: str | None) -> str | None:
    """Return the index that ``belongs`` gave, as text; None where it gave none."""
    return gid.removeprefix(_SERIES) if gid and gid.startswith(_SERIES) else None
