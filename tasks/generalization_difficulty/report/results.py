"""From stored results to the report: what the platform knows, in the words of this task."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generalization_difficulty.report.summary import Entry, summarise
from gridcell import Result
from gridcell.report import GridResults, Report, is_stale


def write(results: GridResults, out: Path) -> Report:
    """Write the report's files and return what the terminal shows."""
    from generalization_difficulty.report.answer import answer
    from generalization_difficulty.report.page import headline, write_files

    settings = results.settings
    entries = [
        _entry(target.labels, results.results[target.cell], is_stale(results, target.cell))
        for target in results.grid.targets
        if target.cell in results.results
    ]
    summary = summarise(entries, settings["orders"], settings.get("sweeps"), settings.get("models"))
    page = write_files(results, entries, summary, out)
    return Report(page, headline(summary), answer(summary, settings.get("published", {})).text)


def _entry(labels: Mapping[str, Any], result: Result, stale: bool) -> Entry:
    kind = {"formula": result.cell.config.get("kind"), "measure": "measured"}.get(
        result.cell.kind, result.cell.kind
    )
    name, seed = str(labels["task"]), labels.get("seed")
    return Entry(name, str(kind), seed, result.metrics, result.seconds, result.cell.id, stale)
