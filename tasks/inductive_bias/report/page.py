"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell.report import render, write_pictures
from inductive_bias.distributions.information import BITS
from inductive_bias.report.sentences import answer, fewer_seeds, verdict
from inductive_bias.report.summary import Outcome

if TYPE_CHECKING:
    from rich.table import Table

_TEMPLATES = Path(__file__).parent / "templates"

COLUMNS = (
    "problem",
    "space",
    "n_train",
    "dimension",
    "seed",
    "error",
    "error_mse",
    "nats",
    "bits",
    "low_nats",
    "high_nats",
    "exact_nats",
    "splitting_nats",
    "splitting_low_nats",
    "splitting_high_nats",
    "best_nats",
    "basis",
    "sankaran_nats",
    "sankaran_short_nats",
    "samples",
    "unfitted",
    "ks",
    "p_value",
)


def write_report(
    outcomes: Sequence[Outcome],
    summary: Mapping[str, Any],
    out: Path,
    *,
    title: str,
    settings: Mapping[str, Any],
    facts: Mapping[str, str],
    counts: Mapping[str, int],
    failures: Sequence[Mapping[str, str]] = (),
    skipped: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write the page, the figures as PNG, ``summary.json`` and ``cells.csv`` into a folder; return the page.

    Args:
        outcomes: what is done.
        summary: from ``summarise``.
        out: the folder, made if it is not there.
        title: of the page.
        settings: of the suite, as JSON values.
        facts: provenance, name -> value.
        counts: state of the cells -> how many.
        failures: ``{"title", "class", "message"}`` of each cell that failed.
        skipped: what was skipped, and why.
    """
    from inductive_bias.report.figures import draw  # with matplotlib: only for drawing

    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True, allow_nan=False) + "\n")
    _write_cells(outcomes, out / "cells.csv")
    pictures, _ = write_pictures(draw(outcomes, summary, settings), out)
    page = out / "report.html"
    page.write_text(
        render(
            _TEMPLATES,
            {"bits": _bits, "verdict": verdict, "number": _number},
            title=title,
            summary=summary,
            answer=answer(summary),
            pictures=pictures,
            settings=settings,
            facts=facts,
            counts=counts,
            failures=failures,
            skipped=skipped,
            warnings=_warnings(summary),
        ),
        encoding="utf-8",
    )
    return page


def headline(summary: Mapping[str, Any]) -> list[Table]:
    """Return the terminal's table: bits at the target, by problem and space, over their common seeds."""
    from rich import box
    from rich.table import Table

    rows = summary["compared"]
    if not rows:
        return []
    spaces = list(dict.fromkeys(row["space"] for row in rows))
    table = Table(
        title=f"I({summary['target']:g}) in bits", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("problem")
    for space in spaces:
        table.add_column(space, justify="right")
    for problem in dict.fromkeys(row["problem"] for row in rows):
        found = {row["space"]: row for row in rows if row["problem"] == problem}
        table.add_row(problem, *(_bits(found[space]) if space in found else "" for space in spaces))
    return [table]


def _bits(row: Mapping[str, Any]) -> str:
    """Format a mean in bits with its interval, and how many seeds it is over where some are missing."""
    low, high = row["ci95"]
    ends = "" if low is None or high is None else f" [{_number(low * BITS)}, {_number(high * BITS)}]"
    seeds = fewer_seeds(row)
    return f"{_number(row['bits'])}{ends}" + (f", {seeds}" if seeds else "")


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    text = f"{value:.0f}" if 1000 <= abs(value) < 100_000 else f"{value:.3g}"
    return text.replace("-", "−")


def _warnings(summary: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return warnings by estimate; those at one point of several seeds are named once, with the seed."""
    found = []
    for point in summary["points"]:
        if point["warnings"]:
            where = f"{point['space']} on {point['problem']}, {point['n_train']} training points"
            if point["dimension"] != "full":
                where += f", {point['dimension']} dimensions"
            found.append((f"{where}, seed {point['seed']}", list(point["warnings"])))
    return found


def _write_cells(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write one row per estimate and target error, in a fixed order."""
    ordered = sorted(outcomes, key=lambda o: (o.problem, o.space, o.n_train, str(o.dimension), o.seed))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for o in ordered:
            m = o.metrics
            for row in [*m["curve"], m["target"]]:
                information = (row["nats"], row["bits"], *row["ci95"], row["exact"])
                information += (row["splitting"], *row["splitting_ci95"], row["best"], row["basis"])
                approximations = (row["sankaran"], row["sankaran_short"])
                where = (
                    o.problem,
                    o.space,
                    o.n_train,
                    o.dimension,
                    o.seed,
                    row["error"],
                    row["error"] * m["unit"],
                )
                quality = (m["samples"], m["unfitted"], round(m["ks"], 6), round(m["p_value"], 6))
                writer.writerow([*where, *information, *approximations, *quality])
