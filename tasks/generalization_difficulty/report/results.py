"""From stored results to entries: what the platform knows, in the words of the report."""

import json
from pathlib import Path
from typing import Any

from generalization_difficulty.report.page import write_report
from generalization_difficulty.report.summary import Entry
from generalization_difficulty.report.terminal import headline
from gridcell.errors import UserError
from gridcell.task import Findings, Report


def write(findings: Findings, out: Path) -> Report:
    """Write the report's files and return what the terminal shows.

    Raises:
        UserError: nothing is done yet.
    """
    entries = [
        _entry(findings, target.labels, target.cell)
        for target in findings.grid.targets
        if target.cell in findings.results
    ]
    failures = findings.reasons()
    if not entries:
        why = f": {failures[0]['title']}: {failures[0]['message']}" if failures else ": run the suite first"
        raise UserError(f"Nothing is done yet{why}")
    files = write_report(
        entries,
        out,
        title=findings.title,
        orders=findings.settings["orders"],
        sweeps=findings.settings.get("sweeps"),
        models=findings.settings.get("models"),
        facts=_provenance(findings),
        counts=findings.counts(),
        failures=failures,
        skipped=[(str(item.labels.get("task", "")), item.reason) for item in findings.grid.skipped],
    )
    return Report(files[0], headline(json.loads((out / "summary.json").read_text(encoding="utf-8"))))


def _entry(findings: Findings, labels: Any, cell_id: str) -> Entry:
    result = findings.results[cell_id]
    kind = result.cell.kind
    if kind == "formula":
        kind = str(result.cell.config["kind"])
    return Entry(
        name=str(labels["task"]),
        kind="measured" if kind == "measure" else kind,
        seed=labels.get("seed"),
        metrics=result.metrics,
        seconds=result.seconds,
    )


def _provenance(findings: Findings) -> dict[str, str]:
    results = list(findings.results.values())
    facts = {
        "cells": f"{len(results)} done of {len(findings.grid)}",
        "computing": f"{sum(result.seconds for result in results):.1f} s in all",
        "seeds": ", ".join(map(str, findings.settings["seeds"])),
    }
    if any(result.cell.kind == "measure" for result in results):
        estimation = findings.settings["estimation"]
        facts["estimation"] = ", ".join(
            f"{key} {value}" for key, value in estimation.items() if value is not None
        )
    return facts | {"versions": findings.versions(), "storage": findings.store.uri}
