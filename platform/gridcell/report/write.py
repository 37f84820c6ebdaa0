"""A task's report, with what the platform adds to each: what is missing, and what interrupted the run."""

import json
from pathlib import Path

from rich.text import Text

from gridcell.report.missing import incomplete, missing, missing_table, nothing_done
from gridcell.report.results import GridResults, Report
from gridcell.task import Task


def write_report(task: Task, results: GridResults, out: Path) -> Report:
    """Call a task's report function; add what is missing to what the terminal shows, and write ``run.json``.

    ``run.json`` says what interrupted the run. Results and ``summary.json`` are the same whether or not a run
    was interrupted, so neither can.

    Raises:
        UserError: nothing that the suite asks for is done, or see the task's function.
    """
    if not ({target.cell for target in results.grid.targets} or set(results.grid.cells)) & set(
        results.results
    ):
        raise nothing_done(results)
    out.mkdir(parents=True, exist_ok=True)
    run = json.dumps({"interruptions": results.interruptions()}, indent=1, sort_keys=True)
    (out / "run.json").write_text(f"{run}\n", encoding="utf-8")
    report: Report = task.report_function()(results, out)
    lacks = incomplete(results)
    said = [missing_table(missing(results)), Text(lacks, style="bold red")] if lacks else []
    remarks = [Text(f"{remark}.", style="bold red") for remark in results.remarks]
    answer = [Text(report.answer, style="bold")] if report.answer else []
    return Report(report.page, [*remarks, *report.headline, *answer, *said], report.answer)
