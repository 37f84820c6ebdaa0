"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell.plots.numbers import interval, signed
from gridcell.report import Picture, render, write_pictures
from imagenet_rib.report.claims import RULE, UNKNOWN
from imagenet_rib.report.corruption_accuracy import write_corruptions
from imagenet_rib.report.distance_summary import MeasuredDistance
from imagenet_rib.report.estimates import verdict
from imagenet_rib.report.evaluations import BASELINE, VAL, Evaluation, SetFacts, Variant
from imagenet_rib.report.leaderboard import boards, write_leaderboard
from imagenet_rib.report.richness import Origin
from imagenet_rib.report.rows import write_cells
from imagenet_rib.report.sentences import answer, gaps
from imagenet_rib.report.summary import HEADLINES, summarise, write_summary
from imagenet_rib.report.terminal import best_methods, headline

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
    unfinished: int = 0,
    headlines: Mapping[str, Variant] = HEADLINES,
    distances: Sequence[MeasuredDistance] = (),
    origins: Mapping[str, Origin] | None = None,
) -> list[Path]:
    """Write ``report.html``, its figures as PNG, tables as CSV, and ``summary.json`` into a folder.

    The tables: ``cells.csv``, ``leaderboard.csv`` and, of a set in named groups, ``corruptions.csv``.

    Args:
        evaluations: what is done, in any order; what is missing is shown as missing.
        sets: the sets in the order they are shown, with or without ``val``.
        out: the folder, made if it is not there; files of the same names are replaced.
        title: of the page.
        facts: settings and provenance, name -> value, shown in this order.
        counts: state of the cells -> how many, e.g. done, failed, skipped.
        failures: ``{"title", "class", "message"}`` of each cell that failed.
        skipped: labels of what was skipped, e.g. ``{"model": ..., "method": ...}``, and the reason.
        unfinished: how many of the evaluations and distances asked for have no result, for whatever reason.
        headlines: of each method that has variants, the one whose matrix stands for it.
        distances: how far the sets are from the pre-training data; none: not shown.
        origins: what the models were pre-trained on, as far as it is known.

    Returns:
        The files written: ``report.html`` first.

    Raises:
        UserError: see ``summarise``.
    """
    done = list(evaluations)
    summary = summarise(done, sets, headlines=headlines, distances=distances, origins=origins)
    out.mkdir(parents=True, exist_ok=True)
    numbers = out / "summary.json"
    write_summary(summary, numbers)
    tables = _write_tables(done, summary, out)
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
            unfinished=unfinished,
        ),
        encoding="utf-8",
    )
    return [page, *images, *tables, numbers]


def _write_tables(done: Sequence[Evaluation], summary: Mapping[str, Any], out: Path) -> list[Path]:
    tables = [out / "cells.csv", out / "leaderboard.csv"]
    write_cells(done, tables[0])
    write_leaderboard(summary, tables[1])
    if summary["corruptions"] is not None:
        tables.append(out / "corruptions.csv")
        write_corruptions(summary["corruptions"], tables[-1])
    return tables


def _draw(summary: Mapping[str, Any]) -> Iterator[Picture]:
    from imagenet_rib.report.corruption_figures import draw_corruptions  # with matplotlib: only for drawing
    from imagenet_rib.report.distance_figures import draw_distances
    from imagenet_rib.report.figures import draw

    yield from draw(summary)
    yield from draw_corruptions(summary)
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
        boards=list(boards(summary)),
        rule=RULE,
        findings_measured=any(finding["verdict"] != UNKNOWN for finding in summary["findings"]),
        decimals=lambda part: 1 if part["unit"] else 2,
        best={model: best_methods(summary, model) for model in summary["models"]},
        interval=lambda ends: interval(*ends),
        kinds=_intervals(summary),
        **context,
    )


def _intervals(summary: Mapping[str, Any]) -> set[str]:
    """Return what the intervals are over: "seeds", "images", "sets"."""
    shown = [entry for by_method in summary["mRI"].values() for entry in by_method.values()]
    shown += [part for finding in summary["findings"] for part in finding["parts"]]
    return {entry["interval"] for entry in shown if entry["interval"]}


def _labels(labels: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in labels.items())


def _breakable(name: str) -> Markup:
    """Escape a name and let the browser break it after its separators: models' names are long."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[_./-])", name))
