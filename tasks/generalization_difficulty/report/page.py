"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from generalization_difficulty.report.along import published_ratio
from generalization_difficulty.report.numbers import dimension, plain, scientific, spread
from generalization_difficulty.report.sentences import answer
from generalization_difficulty.report.summary import Entry, summarise, write_cells, write_summary
from gridcell.report import render, write_pictures

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    entries: Iterable[Entry],
    out: Path,
    *,
    title: str,
    orders: Mapping[str, Sequence[str]],
    sweeps: Mapping[str, Mapping[str, Any]] | None = None,
    models: Mapping[str, Mapping[str, Any]] | None = None,
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
        sweeps: the suite's settings of sweeps, by name.
        models: the suite's settings of models, by name.
        facts: settings and provenance, name -> value, shown in this order.
        counts: state of the cells -> how many.
        failures: ``{"title", "class", "message"}`` of each cell that failed.
        skipped: name and reason of what was skipped.

    Returns:
        The files written: ``report.html`` first.
    """
    from generalization_difficulty.report.figures import draw  # with matplotlib: only for drawing

    done = list(entries)
    summary = summarise(done, orders, sweeps, models)
    out.mkdir(parents=True, exist_ok=True)
    write_summary(summary, out / "summary.json")
    write_cells(done, out / "cells.csv")
    pictures, images = write_pictures(draw(summary), out)
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


def _ratio(model: Mapping[str, Any]) -> str:
    ratio = published_ratio(model)
    return "–" if ratio is None else f"{ratio:.3f}"


def _render(*, summary: Mapping[str, Any], **context: Any) -> str:
    filters: dict[str, Callable[..., str]] = {"scientific": scientific, "plain": plain, "spread": spread}
    filters["ratio"] = _ratio
    filters["dimension"] = dimension
    return render(_TEMPLATES, filters, summary=summary, answer=answer(summary), **context)
