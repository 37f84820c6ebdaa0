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

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gridcell.plots.drawing import Drawing


@dataclass(frozen=True)
class Picture:
    """A figure with what the page says about it.

    Attributes:
        name: file name without its ending.
        section: of the page, where it belongs; the template's word.
        caption: what is seen, in a sentence or two; also the text read out in place of the picture.
        figure: drawn by ``gridcell.plots``, not yet written. One of these without any value is left out.
        model: the model it shows; empty if it shows several, or none.
        png: whether it is a PNG file beside the page, too, which takes longer than all else.
    """

    name: str
    section: str
    caption: str
    figure: Figure
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

    found = []
    for picture in pictures:
        is_drawing = isinstance(picture.figure, Drawing)
        shown = _vector(picture, out) if is_drawing else _raster(picture, out)
        if shown is not None:
            lacking = [ending for ending in formats if ending != "png" or not picture.png]
            save_figure(picture.figure, *(out / f"{picture.name}.{ending}" for ending in lacking))
            found.append(shown)
    return found


def _vector(picture: Picture, out: Path) -> Shown | None:
    from gridcell.plots import style
    from gridcell.plots.svg import sign_svg, to_svgs

    figure: Drawing = picture.figure  # type: ignore[assignment]
    if figure.columns and not figure.rows:
        return None
    if picture.png:
        style.save(figure, out / f"{picture.name}.png")
    titles = [text.get_text() for text in figure.texts[:1] if figure.heading]
    keys = [(key.series, Markup(sign_svg(key)), key.label) for key in figure.keys]
    return Shown(
        picture.name,
        picture.section,
        picture.model,
        picture.caption,
        titles[0] if titles else "",
        [Markup(part) for part in to_svgs(figure, picture.caption)],
        keys if len(keys) > 1 else [],
        data_uri(_csv(figure), f"{picture.name}.csv") if figure.rows else "",
    )


def _raster(picture: Picture, out: Path) -> Shown:
    from gridcell.plots import style

    png = style.save(picture.figure, out / f"{picture.name}.png")
    width, height = (int(0.8 * inches * style.DPI) for inches in picture.figure.get_size_inches())
    image = Markup('<img src="{}" alt="{}" width="{}" height="{}">').format(
        style.to_data_uri(png), picture.caption, width, height
    )
    about = (picture.name, picture.section, picture.model, picture.caption)
    return Shown(*about, title="", parts=[image], legend=[], data="")


def _csv(figure: Drawing) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(figure.columns)
    writer.writerows(list(_plain(row)) for row in figure.rows)
    return file.getvalue().encode("utf-8")


def _plain(row: Iterable[Any]) -> Iterator[Any]:
    """Write numbers in eight digits, and leave what is not known empty."""
    for value in row:
        if isinstance(value, str) or value is None:
            yield value
        else:
            yield f"{float(value):.8g}" if math.isfinite(value) else ""
