"""Figures -> what a page shows of them, and files beside it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from gridcell.report.inline import data_uri
from gridcell.report.stale import DAGGER, MEANING
from gridcell.store.values import as_float

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gridcell.plots.drawing import Drawing
    from gridcell.plots.matrices import Matrices


@dataclass(frozen=True)
class Picture:
    """A figure with what the page says about it.

    Attributes:
        name: file name without its ending.
        section: of the page, where it belongs; the template's word.
        caption: what is seen, in a sentence or two; also the text read out in place of the picture.
        figure: drawn by ``gridcell.plots``, not yet written, or matrices to draw. One without any value is
            left out.
        model: the model it shows; empty if it shows several, or none.
        png: whether it is a PNG file beside the page, too, which takes longer than all else.
    """

    name: str
    section: str
    caption: str
    figure: Figure | Matrices
    model: str = ""
    png: bool = True


@dataclass(frozen=True)
class Shown:
    """A figure on a page.

    Attributes:
        name: of its files, without an ending.
        section: see ``Picture``.
        model: likewise.
        caption: likewise.
        title: above it.
        parts: ``<svg>`` elements or, of a figure that is a picture, one ``<img>``.
        legend: its entries: index of a series, its sign, its name; empty where there is but one.
        data: address of its values as CSV; empty where it has none.
    """

    name: str
    section: str
    model: str
    caption: str
    title: str
    parts: list[Markup]
    legend: list[tuple[int, Markup, str]]
    data: str


def write_pictures(pictures: Iterable[Picture], out: Path, formats: Sequence[str] = ()) -> list[Shown]:
    """Write figures as PNG files and return what the page needs of each, without those that show nothing.

    Args:
        pictures: drawn one at a time.
        out: the folder.
        formats: in which they are written, too: ``svg``, ``pdf``, and ``png`` for those that are none anyway.
    """
    from gridcell.plots.drawing import Drawing  # matplotlib takes a second to import: only for drawing
    from gridcell.plots.files import save_figure
    from gridcell.plots.matrices import Matrices

    found = []
    for picture in pictures:
        figure = picture.figure
        if isinstance(figure, Drawing | Matrices):
            shown = _vector(picture, figure, out)
        else:
            shown = _raster(picture, figure, out)
        if shown is not None:
            lacking = [ending for ending in formats if ending != "png" or not picture.png]
            files = [out / f"{picture.name}.{ending}" for ending in lacking]
            if files:
                save_figure(_drawn(figure), *files)
            found.append(shown)
    return found


def _drawn(figure: Figure | Matrices) -> Figure:
    from gridcell.plots.heatmap_plot import draw_matrices
    from gridcell.plots.matrices import Matrices

    return draw_matrices(figure) if isinstance(figure, Matrices) else figure


def _vector(picture: Picture, figure: Drawing | Matrices, out: Path) -> Shown | None:
    from gridcell.plots import style
    from gridcell.plots.matrices import Matrices
    from gridcell.plots.matrix_svg import matrix_svgs
    from gridcell.plots.svg import sign_svg, to_svgs

    headings: Sequence[str] = figure.headings if isinstance(figure, Matrices) else figure.columns
    rows: Sequence[Sequence[Any]] = figure.records if isinstance(figure, Matrices) else figure.rows
    if headings and not rows:
        return None
    if picture.png:  # first: what is drawn once is laid out
        style.save(_drawn(figure), out / f"{picture.name}.png")
    if isinstance(figure, Matrices):
        title, keys, parts = figure.title, [], matrix_svgs(figure, picture.caption)
    else:
        title = figure.texts[0].get_text() if figure.heading and figure.texts else ""
        keys, parts = figure.keys, to_svgs(figure, picture.caption)
    signs = [(key.series, Markup(sign_svg(key)), key.label) for key in keys]
    has_mark = any(DAGGER in text for text in [title, *parts, *(key.label for key in keys)])
    return Shown(
        picture.name,
        picture.section,
        picture.model,
        f"{picture.caption} {MEANING}" if has_mark else picture.caption,
        title,
        [Markup(part) for part in parts],
        signs if len(signs) > 1 else [],
        data_uri(_csv(headings, rows), f"{picture.name}.csv") if rows else "",
    )


def _raster(picture: Picture, figure: Figure, out: Path) -> Shown:
    from gridcell.plots import style

    png = style.save(figure, out / f"{picture.name}.png")
    width, height = (int(0.8 * inches * style.DPI) for inches in figure.get_size_inches())
    image = Markup('<img src="{}" alt="{}" width="{}" height="{}">').format(
        style.to_data_uri(png), picture.caption, width, height
    )
    about = (picture.name, picture.section, picture.model, picture.caption)
    return Shown(*about, title="", parts=[image], legend=[], data="")


def _csv(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(list(_plain(row)) for row in rows)
    return file.getvalue().encode("utf-8")


def _plain(row: Iterable[Any]) -> Iterator[Any]:
    """Write numbers in eight digits, and leave what is not known empty."""
    for value in row:
        if isinstance(value, str) or value is None:
            yield value
        else:
            number = as_float(value)
            yield f"{number:.8g}" if math.isfinite(number) else ""
