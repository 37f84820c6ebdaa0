"""Small multiples: equal panels in rows, each with labels of its own, so that each can stand alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from gridcell.plots import style
from gridcell.plots.drawing import Drawing, Part
from gridcell.plots.legend import heading, heading_height


@dataclass(frozen=True)
class Legend:
    """What the legend of a figure lists: labels, their signs, and the indices of their series."""

    labels: Sequence[str] = ()
    signs: Sequence[Artist] = ()
    series: Sequence[int] | None = None


@dataclass(frozen=True)
class Panels:
    """Sizes in inches of panels and of what surrounds each.

    Attributes:
        count: of panels.
        across: panels side by side at most.
        width: of a panel's plot.
        height: likewise.
        left: room left of each plot, for labels.
        right: room right of it.
        bottom: room below it.
        top: room above it, for its title.
        above: room between heading and panels, e.g. for a colour bar.
        legend: above all panels.
    """

    count: int
    across: int
    width: float
    height: float
    left: float
    right: float
    bottom: float
    top: float
    above: float = 0.0
    legend: Legend = field(default_factory=Legend)

    @property
    def columns(self) -> int:
        """Panels side by side."""
        return min(self.across, self.count)

    @property
    def step(self) -> tuple[float, float]:
        """Inches from one panel to the next, to the right and down."""
        return self.left + self.width + self.right, self.top + self.height + self.bottom

    def figure(self, title: str, at_least: float = 0.0) -> Drawing:
        """Return a figure of the size that the panels take, with title and legend; ``at_least`` so wide."""
        across, down = self.step
        width = max(
            self.columns * across + 0.1,
            style.text_width([title], style.TITLE_SIZE) * 1.1 + 0.3,
            at_least,
        )
        rows = -(-self.count // self.columns)
        top = heading_height(title, self.legend.labels, width) + self.above
        drawing = style.new_figure(width, rows * down + top)
        heading(drawing, title, self.legend.labels, self.legend.signs, self.legend.series)
        return drawing

    def place(self, drawing: Drawing, **options: object) -> Iterator[Axes]:
        """Yield the panels' axes, row by row, and note which part of the figure each takes."""
        across, down = self.step
        top = drawing.get_size_inches()[1] - drawing.heading - self.above
        for index in range(self.count):
            x = 0.05 + index % self.columns * across
            y = top - (index // self.columns + 1) * down
            drawing.parts.append(Part(x, y, across, down))
            yield style.place(drawing, x + self.left, y + self.bottom, self.width, self.height, **options)


def panel_title(axes: Axes, name: str, width: float) -> None:
    """Write a panel's title, cut to ``width`` inches.

    Example:
        >>> layout = Panels(2, 2, 3.0, 2.0, 0.8, 0.1, 0.6, 0.34)
        >>> drawing = layout.figure("Two panels")
        >>> for name, axes in zip("ab", layout.place(drawing), strict=True):
        ...     panel_title(axes, name, 3.0)
        >>> [axes.get_title() for axes in drawing.axes]
        ['a', 'b']
    """
    text = title_in(name, width)
    axes.set_title(text, fontsize=style.LABEL_SIZE, color=style.INK, pad=4, parse_math=False)


def title_in(name: str, width: float) -> str:
    """Return a panel's title as it fits ``width`` inches.

    Example:
        >>> title_in("a-name-that-is-far-too-long", 1.0)
        'a-nam…long'
    """
    return style.shorten(name, max(8, int(width / (style.LABEL_SIZE * 0.62 / 72))))
