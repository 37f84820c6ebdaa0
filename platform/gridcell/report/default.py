"""The report of a task that writes none of its own: a table of targets, and the curves of their cells."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from gridcell.grid import Target
from gridcell.report.page import write_page, write_summary
from gridcell.report.pictures import Picture
from gridcell.report.results import GridResults, Report
from gridcell.report.stale import is_stale, marked, said_stale
from gridcell.report.tables import Column, Columns, Table, Value
from gridcell.store import Result
from gridcell.store.values import as_float

MOST_LINES = 8
"""Lines in a figure; of more targets the first are drawn."""


def write(results: GridResults, out: Path) -> Report:
    """Write a page with a table of all targets that are done, their curves, and ``summary.json``.

    A row has the target's labels, the numbers among its cell's metrics, and the seconds that the cell took.
    """
    done = [
        (each, results.results[each.cell]) for each in results.grid.targets if each.cell in results.results
    ]
    stale = {target.cell for target, _ in done if is_stale(results, target.cell)}
    table = targets_table(done, stale)
    table.write_csv(out / "targets.csv")
    summary = [
        {
            "labels": dict(target.labels),
            "cell": target.cell,
            "metrics": dict(result.metrics),
            **said_stale(target.cell in stale),
        }
        for target, result in done
    ]
    write_summary({"targets": summary}, out)
    page = write_page(results, out, templates=_TEMPLATES, pictures=_draw(done, stale), tables=[table])
    return Report(page, [table])


_TEMPLATES = Path(__file__).parent / "default_page"


def targets_table(done: list[tuple[Target, Result]], stale: Collection[str] = ()) -> Table:
    """Lay out targets: labels, then the numbers among their metrics; what a cell doesn't say is left open."""
    labels = list(dict.fromkeys(name for target, _ in done for name in target.labels))
    metrics = list(dict.fromkeys(name for _, result in done for name in _numbers(result)))
    columns: Columns = [Column(name, kind="text") for name in labels]
    columns += [Column(name, _written) for name in metrics]
    columns += [Column("time", "{:.1f}".format, unit="s"), Column("cell", kind="text", page_only=True)]
    columns += [Column("stale", kind="text", page_only=True)] if stale else []
    rows = [
        [
            *(str(target.labels.get(name, "")) for name in labels),
            *(Value(_numbers(result).get(name), stale=target.cell in stale) for name in metrics),
            result.seconds,
            target.cell,
            *([target.cell in stale] if stale else []),
        ]
        for target, result in done
    ]
    return Table(columns, rows, "Results")


def _numbers(result: Result) -> dict[str, float]:
    return {
        name: value
        for name, value in result.metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _written(value: float) -> str:
    return f"{as_float(value):.6g}"


def _draw(done: list[tuple[Target, Result]], stale: Collection[str]) -> Iterator[Picture]:
    """Draw a figure for each metric that cells reported while they ran."""
    for name in dict.fromkeys(name for _, result in done for name in result.curves):
        import numpy as np

        from gridcell.plots.line_plot import Curve, curves

        reported = [(target, result.curves[name]) for target, result in done if name in result.curves]
        lines = []
        for target, points in reported[:MOST_LINES]:
            x, y = np.asarray(points, dtype=np.float64).T
            label = _label(target)
            lines.append(Curve(marked(label, target.cell in stale), x, y, colour=label))
        shown = f" The first {len(lines)} of {len(reported)} are drawn." if len(reported) > len(lines) else ""
        caption = f"{name}, as the cells reported it while they ran.{shown}"
        yield Picture(_file_name(name), "curves", caption, curves({name: lines}, x_axis="step", y_axis=name))


def _label(target: Target) -> str:
    return ", ".join(f"{name} {value}" for name, value in target.labels.items())


def _file_name(name: Any) -> str:
    return "curve-" + "".join(letter if letter.isalnum() else "-" for letter in str(name))
