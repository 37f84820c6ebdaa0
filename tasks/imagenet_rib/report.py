"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell.page import Picture, render, write_pictures
from gridcell.plots.numbers import interval, signed
from imagenet_rib.answer import answer, gaps, verdict
from imagenet_rib.cells import write_cells
from imagenet_rib.distance.summary import MeasuredDistance, summarise_distances
from imagenet_rib.evaluation import VAL, Evaluation, SetFacts
from imagenet_rib.summary import BASELINE, summarise, write_summary
from imagenet_rib.terminal import best_methods, headline

__all__ = ["headline", "write_report"]

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    evaluations: Iterable[Evaluation],
    sets: Sequence[SetFacts],
    out: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    counts: Mapping[str, int],
    failures: Sequence[Mapping[str, str]] = (),
    skipped: Sequence[tuple[Mapping[str, Any], str]] = (),
    variant: float = 0.5,
    distances: Sequence[MeasuredDistance] = (),
) -> list[Path]:
    """Write ``report.html``, its figures as PNG, ``cells.csv`` and ``summary.json`` into a folder.

    Args:
        evaluations: what is done, in any order; what is missing is shown as missing.
        sets: the sets in the order they are shown, with or without ``val``.
        out: the folder, made if it is not there; files of the same names are replaced.
        title: of the page.
        facts: settings and provenance, name -> value, shown in this order.
        counts: state of the cells -> how many, e.g. done, failed, skipped.
        failures: ``{"title", "class", "message"}`` of each cell that failed.
        skipped: labels of what was skipped, e.g. ``{"model": ..., "method": ...}``, and the reason.
        variant: alpha of WiSE-FT's headline matrix.
        distances: how far the sets are from the pre-training data; none: not shown.

    Returns:
        The files written: ``report.html`` first.

    Raises:
        UserError: see ``summarise``.
    """
    done = list(evaluations)
    summary = summarise(done, sets, headline=variant)
    summary["distance"] = summarise_distances(summary, distances)
    out.mkdir(parents=True, exist_ok=True)
    numbers, cells = out / "summary.json", out / "cells.csv"
    write_summary(summary, numbers)
    write_cells(done, cells)
    pictures, images = write_pictures(_draw(summary), out)
    page = out / "report.html"
    page.write_text(
        _render(
            title=title,
            summary=summary,
            pictures=pictures,
            sets=sets,
            facts=facts,
            counts=counts,
            failures=failures,
            skipped=[(_labels(labels), reason) for labels, reason in skipped],
            gaps=gaps(summary, skipped),
        ),
        encoding="utf-8",
    )
    return [page, *images, cells, numbers]


def _draw(summary: Mapping[str, Any]) -> Iterator[Picture]:
    from imagenet_rib.distance.figures import draw_distances  # with matplotlib: only for drawing
    from imagenet_rib.figures import draw

    yield from draw(summary)
    yield from draw_distances(summary)


def _render(*, summary: Mapping[str, Any], **context: Any) -> str:
    return render(
        _TEMPLATES,
        {"signed": signed, "verdict": verdict, "breakable": _breakable},
        summary=summary,
        answer=answer(summary),
        baseline=BASELINE,
        val=VAL,
        names=[entry["name"] for entry in summary["sets"] if entry["name"] != VAL],
        best={model: best_methods(summary, model) for model in summary["models"]},
        interval=lambda ends: interval(*ends),
        kinds=sorted({e["interval"] for by in summary["mRI"].values() for e in by.values() if e["interval"]}),
        **context,
    )


def _labels(labels: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in labels.items())


def _breakable(name: str) -> Markup:
    """Escape a name and let the browser break it after its separators: models' names are long."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[_./-])", name))
