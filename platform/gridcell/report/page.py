"""A task's template and figures -> one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure

_SHARED = Path(__file__).parent


@dataclass(frozen=True)
class Picture:
    """A figure with what the page says about it.

    Attributes:
        name: file name without its ending.
        section: of the page, where it belongs; the template's word.
        caption: what is seen, in a sentence or two; also the text read out in place of the picture.
        figure: drawn, not yet written.
        model: the model it shows; empty if it shows several, or none.
    """

    name: str
    section: str
    caption: str
    figure: Figure
    model: str = ""


def write_pictures(pictures: Iterable[Picture], out: Path) -> tuple[list[dict[str, Any]], list[Path]]:
    """Write figures as PNG files.

    Args:
        pictures: drawn one at a time, so that a generator keeps one figure in memory.
        out: the folder.

    Returns:
        What the page needs of each (``number``, ``section``, ``model``, ``caption``, the picture itself as
        data ``uri``, ``width`` and ``height`` in pixels), and the files.
    """
    from gridcell.plots import style  # matplotlib takes a second to import: only for drawing

    shown: list[dict[str, Any]] = []
    files = []
    for picture in pictures:
        path = out / f"{picture.name}.png"
        png = style.save(picture.figure, path)
        width, height = (int(inches * style.DPI) for inches in picture.figure.get_size_inches())
        files.append(path)
        about = {"section": picture.section, "model": picture.model, "caption": picture.caption}
        size = {"width": width, "height": height}
        shown.append({"number": len(files), **about, "uri": style.to_data_uri(png), **size})
    return shown, files


def render(templates: Path, filters: Mapping[str, Callable[..., Any]], **context: Any) -> str:
    """Render a task's ``report.html.jinja``.

    The template can include ``page.css`` (the look of all reports) and ``sort.js`` (which makes every
    ``table.sortable`` sort by the heading clicked), and import ``show`` from
    ``pictures.html.jinja``. Everything is escaped; a name that is missing from the context is an error.

    Args:
        templates: the task's folder of templates.
        filters: further filters by name.
        context: what the template may use.
    """
    made = environment([templates])
    made.filters |= filters
    return made.get_template("report.html.jinja").render(**context)


def environment(templates: Sequence[Path]) -> Environment:
    """Return what renders templates from these folders and from this one: escaping, strict about names."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader([*templates, _SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
