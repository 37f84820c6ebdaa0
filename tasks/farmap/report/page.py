"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farmap.agents.explore import THRESHOLDS
from farmap.report.film import Recording, write_films
from farmap.report.sentences import answer, not_compared
from farmap.report.summary import MEASURES, PLACE, Entry
from gridcell.report import render, write_pictures

if TYPE_CHECKING:
    from rich.table import Table

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    entries: Sequence[Entry],
    summary: Mapping[str, Any],
    recordings: Mapping[str, Recording],
    out: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    counts: Mapping[str, int],
    failures: Sequence[Mapping[str, str]] = (),
) -> Path:
    """Write the page, figures as PNG, animations, ``summary.json`` and ``cells.csv``; return the page.

    Args:
        entries: what is done.
        summary: from ``summarise``.
        recordings: name -> a run to be drawn.
        out: the folder, made if it is not there.
        title: of the page.
        facts: settings and provenance, name -> value.
        counts: state of the cells -> how many.
        failures: ``{"title", "class", "message"}`` of each cell that failed.
    """
    from farmap.report.figures import draw  # with matplotlib: only for drawing

    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n")
    _write_cells(entries, out / "cells.csv")
    films = write_films(recordings, out)
    pictures, _ = write_pictures(draw(summary, recordings), out)
    page = out / "report.html"
    page.write_text(
        render(
            _TEMPLATES,
            {"number": number, "spread": spread},
            title=title,
            summary=summary,
            measures={
                name: title.format(early_steps=summary["early_steps"]) for name, title in MEASURES.items()
            },
            thresholds=THRESHOLDS,
            answer=answer(summary),
            not_compared=not_compared,
            pictures=pictures,
            films=films,
            facts=facts,
            counts=counts,
            failures=failures,
        ),
        encoding="utf-8",
    )
    return page


def headline(summary: Mapping[str, Any]) -> list[Any]:
    """Return what the terminal shows: one table, then the comparison in sentences."""
    return [_table(summary), *answer(summary)]


def _table(summary: Mapping[str, Any]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title="Exploration", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("maps", "agent"):
        table.add_column(column)
    for column in ("coverage %", "median steps to 95 %", "active memory", "fragments", "recalls", "µs/step"):
        table.add_column(column, justify="right")
    for size, of_size in summary["sizes"].items():
        for agent, group in of_size.items():
            table.add_row(
                size,
                agent,
                f"{group['coverage']['mean']:.1f}",
                number(group["median_steps_to"]["95"]),
                number(group["mean_memory"]["mean"]),
                number(group["fragments"]["mean"]),
                number(group["recalls"]["mean"]),
                number(1e6 * group["seconds_per_step"]["mean"]),
            )
    return table


def number(value: float | None) -> str:
    """Write a number in four digits or so; a dash where there is none."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if abs(value) < 0.01:
        return f"{value:.2e}".replace("-", "−")
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace("-", "−")


def spread(found: Mapping[str, Any]) -> str:
    """Write a mean with its interval."""
    low, high = found["ci95"]
    return (
        number(found["mean"]) if low is None else f"{number(found['mean'])} [{number(low)}, {number(high)}]"
    )


def _write_cells(entries: Sequence[Entry], path: Path) -> None:
    ordered = sorted(entries, key=lambda entry: (entry.size, entry.map, entry.agent, entry.seed))
    measured = sorted({name for entry in ordered for name in entry.metrics})
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*PLACE, *measured])
        for entry in ordered:
            place = [getattr(entry, column) for column in PLACE]
            writer.writerow([*place, *(entry.metrics[name] for name in measured)])
