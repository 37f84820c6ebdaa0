"""From stored results to the report: what the platform knows, in the words of this task."""

from pathlib import Path
from typing import Any

import numpy as np

from gridcell.errors import CorruptData, UserError
from gridcell.execute.attempt import scratch_folder
from gridcell.task import Findings, Report
from inductive_bias.cells.estimate import POOLED
from inductive_bias.report.summary import Outcome, summarise


def write(findings: Findings, out: Path) -> Report:
    """Write ``report.html``, figures, ``summary.json`` and ``cells.csv``; return what the terminal shows.

    Raises:
        UserError: nothing has been estimated yet, or a stored file is damaged.
    """
    from inductive_bias.report.page import headline, write_report

    with scratch_folder("report") as cache:
        try:
            outcomes = _outcomes(findings, cache)
        except CorruptData as error:
            raise UserError(f"{error}: remove the result of cell {error.cell_id} and run again") from error
    summary = summarise(outcomes, findings.settings)
    page = write_report(
        outcomes,
        summary,
        out,
        title=findings.title,
        settings=findings.settings,
        facts=_facts(findings),
        counts=findings.counts(),
        failures=findings.reasons(),
        skipped=_skipped(findings),
    )
    return Report(page, headline(summary))


def _outcomes(findings: Findings, cache: Path) -> list[Outcome]:
    found = []
    for target in findings.grid.targets:
        result = findings.results.get(target.cell)
        if result is None:
            continue
        with np.load(findings.store.results.fetch(result, POOLED, cache), allow_pickle=False) as arrays:
            errors = arrays["errors"]
        found.append(Outcome(**target.labels, metrics=result.metrics, errors=errors))
    return found


def _skipped(findings: Findings) -> list[tuple[str, str]]:
    """Join what is skipped for one reason: space and problem, once."""
    seen: dict[tuple[str, str], None] = {}
    for item in findings.grid.skipped:
        where = f"{item.labels['space']} on {item.labels['problem']}"
        if item.labels["dimension"] != "full":
            where += f", {item.labels['dimension']} dimensions"
        seen[where, item.reason] = None
    return list(seen)


def _facts(findings: Findings) -> dict[str, str]:
    results = list(findings.results.values())
    settings = findings.settings
    training: dict[str, Any] = settings["training"]
    at_once = sorted({r.metrics["at_once"] for r in results if r.cell.kind == "hypotheses"})
    return {
        "cells": f"{len(results)} done of {len(findings.grid)}",
        "computing": f"{sum(result.seconds for result in results) / 60:.1f} min in all",
        "data": f"{settings['test_points']} test points, seeds {', '.join(map(str, settings['seeds']))}",
        "hypotheses": f"{settings['hypotheses']} networks, {settings['kernel_samples']} kernel functions",
        "training": ", ".join(f"{key} {_said(value)}" for key, value in training.items() if key != "at_once"),
        "networks trained at once": ", ".join(map(str, at_once)) or "none",
        "versions": findings.versions(),
        "storage": findings.store.uri,
    }


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value)) or "none"
    return value if isinstance(value, str) else f"{value:g}"
