"""A task's report, with what the platform adds to each: what is missing, and what interrupted the run."""

import json
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.text import Text

from gridcell.report.missing import incomplete, missing, missing_table, nothing_done
from gridcell.report.page import say_how_it_was_made
from gridcell.report.record import record_of, write_record
from gridcell.report.results import GridResults, Report
from gridcell.report.stale import DAGGER, MEANING
from gridcell.report.tidy import commit_of, tidy
from gridcell.store.patience import naming
from gridcell.store.plans import grid_id
from gridcell.task import Task


def write_report(task: Task, results: GridResults, out: Path, told: Collection[str] = ()) -> Report:
    """Call a task's report function; add what is missing to what the terminal shows, and write ``run.json``.

    ``results.csv`` has a row for each target, with the id of the cell that gave its numbers. ``summary.json``
    gains ``made``: the suite, the selection, the settings, and the code that made the results.
    ``record.json.gz`` is what ``gridcell compare`` reads.
    ``run.json`` says what interrupted the run. Results and ``summary.json`` are the same whether or not a run
    was interrupted, so neither can.

    Args:
        task: whose report.
        results: what it is about.
        out: the folder, made if it is not there; files of the same names are replaced.
        told: remarks that the terminal has shown already, and that the headline leaves out.

    Raises:
        UserError: nothing that the suite asks for is done, or see the task's function.

    Example:
        >>> write_report(find_task("farmap"), results, Path("report")).page  # doctest: +SKIP
        PosixPath('report/report.html')
    """
    if not ({target.cell for target in results.grid.targets} or set(results.grid.cells)) & set(
        results.results
    ):
        raise nothing_done(results)
    out.mkdir(parents=True, exist_ok=True)
    # What is there is replaced when all is written: one that is stopped changes no earlier report.
    with naming(out), tempfile.TemporaryDirectory(prefix=".partial-", dir=out) as folder:
        report = _written(task, results, Path(folder))
        files = [file for file in Path(folder).rglob("*") if file.is_file()]
        for file in sorted(files, key=lambda file: file == report.page):  # the page last
            place = out / file.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
        inside = report.page.is_relative_to(folder)
        page = out / report.page.relative_to(folder) if inside else report.page
    lacks = incomplete(results)
    said = [missing_table(missing(results)), Text(lacks, style="bold red")] if lacks else []
    remarks = [Text(f"{remark}.", style="bold red") for remark in results.remarks if remark not in told]
    answer = [Text(report.answer, style="bold")] if report.answer else []
    answer += [Text(MEANING)] if DAGGER in report.answer else []
    return Report(page, [*remarks, *report.headline, *answer, *said], report.answer)


def _written(task: Task, results: GridResults, out: Path) -> Report:
    run = json.dumps({"interruptions": results.interruptions()}, indent=1, sort_keys=True)
    (out / "run.json").write_text(f"{run}\n", encoding="utf-8")
    tidy(results).write_csv(out / "results.csv")
    results = replace(results, made=made(task, results))
    report: Report = task.report_function()(results, out)
    say_how_it_was_made(results, out)  # where the task writes a page of its own
    write_record(record_of(task.name, task.timings, results), out)
    return report


def made(task: Task, results: GridResults) -> dict[str, Any]:
    """Return what results were made from, without what differs between equal runs, such as hosts."""
    done = results.results.values()
    commits = {commit_of(result.provenance) for result in done} - {None}
    return {
        "task": task.name,
        "suite": results.suite,
        "select": {key: list(values) for key, values in results.selected.items()},
        "settings": dict(results.settings),
        "grid": grid_id(results.grid),
        "cells": {"all": len(results.grid), "done": len(results.results)},
        "commits": sorted(map(str, commits)),
        "versions": results.versions(),
        "stale": len(results.staleness.reasons),
        "notes": list(results.grid.notes),
    }
