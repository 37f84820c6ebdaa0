"""Matrices that share rows, columns and a colour scale: what is to be drawn, and where, before it is."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.colors import Colormap, ListedColormap, Normalize

from gridcell.plots import style
from gridcell.plots.numbers import short, signed
from gridcell.plots.panels import Panels

CELL_WIDTH, CELL_HEIGHT = 0.41, 0.30  # inches: "−12.3" at CELL_SIZE fits with air on both sides
SCALE, BAR = 0.68, 2.4  # inches that the colour bar takes with its labels, and its width

Matrix = npt.NDArray[np.float64]


_SMALLEST = 1e-280
"""End of a colour scale, of 1 below it: matplotlib would widen one that is near the smallest number."""


@dataclass(frozen=True)
class Matrices:
    """Annotated heat maps as data. ``heatmap`` draws them by matplotlib; a page draws them itself, faster.

    A report with hundreds of panels gives these to ``Picture`` in place of a figure.

    Attributes:
        panels: title of each panel -> values, shape (rows, columns); NaN: not known, drawn hatched.
        rows: names down the side.
        columns: names along the bottom.
        row_axis: what a row is, e.g. "fine-tuned on".
        column_axis: what a column is, e.g. "tested on".
        unit: what the colour bar measures, with its unit.
        title: above all panels.
        diverging: for differences: zero is white, the scale symmetric, numbers carry their sign.
        limit: end of the scale, ``[-limit, limit]`` if diverging, else ``[0, limit]``; None: the largest
            magnitude. Values beyond it take the end's colour, and the colour bar shows an arrow.
        decimals: of the numbers in the cells.
        panels_per_row: how many panels stand side by side.
        outlined: (row, column) of cells to frame in every panel.
        divider: index of the first column to set apart by a rule.

    Raises:
        ValueError: a panel's shape is not (rows, columns), or there are no panels.

    Example:
        >>> change = {"ft": np.array([[5.0, -2.0], [-1.0, np.nan]])}
        >>> sets, axes = ["v2", "sketch"], {"row_axis": "fine-tuned on", "column_axis": "tested on"}
        >>> one = Matrices(change, sets, sets, **axes, unit="points", diverging=True)
        >>> one.written(change["ft"])
        [['+5.0', '−2.0'], ['−1.0', '']]
    """

    panels: Mapping[str, Matrix]
    rows: Sequence[str]
    columns: Sequence[str]
    row_axis: str
    column_axis: str
    unit: str
    title: str = ""
    diverging: bool = False
    limit: float | None = None
    decimals: int = 1
    panels_per_row: int = 3
    outlined: Collection[tuple[int, int]] = ()
    divider: int | None = None

    def __post_init__(self) -> None:
        if not self.panels:
            raise ValueError("a heat map needs at least one panel")
        for name, values in self.panels.items():
            if np.shape(values) != (wanted := (len(self.rows), len(self.columns))):
                raise ValueError(f"panel {name!r} has shape {np.shape(values)}, not {wanted}")

    # What is drawn.

    @cached_property
    def end(self) -> float:
        """End of the colour scale."""
        largest = float(np.abs(self._known).max()) if self._known.size else 1.0
        end = largest if self.limit is None else self.limit
        return end if end > _SMALLEST else 1.0

    @property
    def start(self) -> float:
        """Start of the colour scale."""
        return -self.end if self.diverging else 0.0

    @property
    def beyond(self) -> tuple[bool, bool]:
        """Whether values lie below the scale, and above it."""
        return bool((self._known < self.start).any()), bool((self._known > self.end).any())

    @cached_property
    def colours(self) -> Colormap:
        """The scale's colours, from 0 (its start) to 1."""
        if (
            self.diverging
        ):  # red for what was lost, blue for what was gained: apart for red-green blindness too
            return ListedColormap(colormaps["RdBu"](np.linspace(0.06, 0.94, 256)))
        return ListedColormap(colormaps["Blues"](np.linspace(0.02, 0.92, 256)))

    @cached_property
    def norm(self) -> Normalize:
        """From values to places on the scale."""
        return Normalize(self.start, self.end)

    def painted(self, values: Matrix) -> Matrix:
        """Return the colour of each value, RGBA in [0, 1], shape (rows, columns, 4); of NaN any."""
        return np.asarray(self.colours(self.norm(np.nan_to_num(values))))

    def written(self, values: Matrix) -> list[list[str]]:
        """Return what stands in each cell; nothing where no value is known."""
        return _texts(values, self.text, "")

    def text(self, value: float) -> str:
        """Write a value as its cell shows it."""
        return signed(value, self.decimals) if self.diverging else f"{value:.{self.decimals}f}"

    def tips(self, values: Matrix) -> list[list[str]]:
        """Return what each cell tells who points at it: where it is, and its value with one digit more."""
        told = _texts(
            values, lambda x: signed(x, self.decimals + 1) if self.diverging else short(x), "not known"
        )
        return [
            [f"{row}, {column}: {text}" for column, text in zip(self.columns, texts, strict=True)]
            for row, texts in zip(self.rows, told, strict=True)
        ]

    @property
    def headings(self) -> tuple[str, ...]:
        """Names of the columns of ``records``."""
        return "panel", self.row_axis, self.column_axis, "value"

    @property
    def records(self) -> list[tuple[str, str, str, float]]:
        """Each value that is known, with its panel, row and column."""
        return [
            (name, self.rows[row], self.columns[column], float(values[row, column]))
            for name, values in self.panels.items()
            for row, column in np.argwhere(np.isfinite(values)).tolist()
        ]

    @cached_property
    def _known(self) -> Matrix:
        values = np.concatenate([np.ravel(values) for values in self.panels.values()])
        return np.asarray(values[np.isfinite(values)], dtype=np.float64)

    # Where.

    @cached_property
    def layout(self) -> Panels:
        """Sizes of the panels and of what surrounds them."""
        width, height = len(self.columns) * CELL_WIDTH, len(self.rows) * CELL_HEIGHT
        left = 0.2 + style.text_width(self.row_names, style.TICK_SIZE) + (0 if self.low else 0.25)
        if self.low:
            left = max(left, style.text_width([self.row_axis], style.LABEL_SIZE) + 0.15)
        bottom = 0.5 + 0.72 * style.text_width(self.column_names, style.TICK_SIZE)
        # Under panels of few columns stands the axis' name, which is wider than they.
        right = max(0.15, (style.text_width([self.column_axis], style.LABEL_SIZE) - width) / 2 + 0.05)
        return Panels(len(self.panels), self._across, width, height, left, right, bottom, 0.34, above=SCALE)

    @property
    def low(self) -> bool:
        """Whether a label that runs up the side would be longer than it."""
        longest = style.text_width([self.row_axis], style.LABEL_SIZE)
        return len(self.rows) * CELL_HEIGHT < longest

    @cached_property
    def row_names(self) -> list[str]:
        """Names down the side, shortened."""
        return style.shorten_all(self.rows, 26 if self._across > 1 else 44)

    @cached_property
    def column_names(self) -> list[str]:
        """Names along the bottom, shortened."""
        return style.shorten_all(self.columns, 18)

    @property
    def bar_width(self) -> float:
        """Inches that the colour bar and its label take."""
        return 0.6 + max(BAR, style.text_width([self.unit], style.LABEL_SIZE))

    @property
    def _across(self) -> int:
        return min(self.panels_per_row, len(self.panels))


def _texts(values: Matrix, write: Callable[[float], str], unknown: str) -> list[list[str]]:
    found = np.asarray(values, dtype=np.float64)
    return [[write(value) if np.isfinite(value) else unknown for value in row] for row in found.tolist()]
