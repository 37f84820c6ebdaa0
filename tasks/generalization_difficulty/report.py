"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from generalization_difficulty.answer import answer
from generalization_difficulty.numbers import plain, scientific
from generalization_difficulty.summary import Entry, summarise, write_cells, write_summary

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    entries: Iterable[Entry],
    out: Path,
    *,
    title: str,
    orders: Mapping[str, Sequence[str]],
    facts: Mapping[str, str],
    counts: Mapping[str, int],
    failures: Sequence[Mapping[str, str]] = (),
    skipped: Sequence[tuple[str, str]] = (),
) -> list[Path]:
    """Write ``report.html``, its figures as PNG, ``cells.csv`` and ``summary.json`` into a folder.

    Args:
        entries: what is done.
        out: the folder, made if it is not there; files of the same names are replaced.
        title: of the page.
        orders: title -> tasks expected in this order, easiest first.
        facts: settings and provenance, name -> value, shown in this order.
        counts: state of the cells -> how many.
        failures: ``{"title", "class", "message"}`` of each cell that failed.
        skipped: name and reason of what was skipped.

    Returns:
        The files written: ``report.html`` first.
    """
    done = list(entries)
    summary = summarise(done, orders)
    out.mkdir(parents=True, exist_ok=True)
    write_summary(summary, out / "summary.json")
    write_cells(done, out / "cells.csv")
    pictures, images = _write_pictures(summary, out)
    page = out / "report.html"
    page.write_text(
        _render(
            title=title,
            summary=summary,
            pictures=pictures,
            facts=facts,
            counts=counts,
            failures=failures,
            skipped=skipped,
        ),
        encoding="utf-8",
    )
    return [page, *images, out / "cells.csv", out / "summary.json"]


def _write_pictures(summary: Mapping[str, Any], out: Path) -> tuple[list[dict[str, Any]], list[Path]]:
    """Write the figures and return what the page needs of each, and the files."""
    from generalization_difficulty.figures import draw
    from gridcell.plots import style  # matplotlib takes a second to import: only for drawing

    shown, files = [], []
    for picture in draw(summary):
        path = out / f"{picture.name}.png"
        png = style.save(picture.figure, path)
        width, height = (int(inches * style.DPI) for inches in picture.figure.get_size_inches())
        files.append(path)
        shown.append(
            {
                "number": len(files),
                "section": picture.section,
                "caption": picture.caption,
                "uri": style.to_data_uri(png),
                "width": width,
                "height": height,
            }
        )
    return shown, files


def _render(*, summary: Mapping[str, Any], **context: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"scientific": scientific, "plain": plain, "spread": _spread}
    return environment.get_template("report.html.jinja").render(
        summary=summary, answer=answer(summary), **context
    )


def _spread(entry: Mapping[str, Any], digits: int = 4) -> str:
    """Write a spread as mean ± standard deviation."""
    if entry["mean"] is None:
        return "–"
    if entry["sd"] is None or entry["sd"] < 1e-9 * abs(entry["mean"]):  # rounding is no spread
        return f"{entry['mean']:.{digits}g}"
    return f"{entry['mean']:.{digits}g} ± {entry['sd']:.2g}"
