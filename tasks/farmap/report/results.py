"""From stored results to the report: what the platform knows, in the words of this task."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from farmap.plan import NO_FILM
from farmap.report.film import Recording
from farmap.report.summary import PLACE, Entry, summarise
from gridcell.errors import CorruptData, UserError
from gridcell.store.scratch import scratch_folder
from gridcell.task import Findings, Report


def write(findings: Findings, out: Path) -> Report:
    """Write ``report.html``, figures, animations, ``summary.json`` and ``cells.csv``.

    Raises:
        UserError: nothing is done yet, only films are selected, or a stored file is damaged.
    """
    from farmap.report.page import headline, write_report

    runs = [target for target in findings.grid.targets if target.labels["film"] == NO_FILM]
    if not runs:
        raise UserError(
            f"A report counts runs, and only films are selected: add '{NO_FILM}' to --select film"
        )
    entries = [
        Entry(**{name: run.labels[name] for name in PLACE}, metrics=result.metrics, curves=result.curves)
        for run in runs
        if (result := findings.results.get(run.cell))
    ]
    failures = findings.reasons()
    if not entries:
        why = f": {failures[0]['title']}: {failures[0]['message']}" if failures else ": run the suite first"
        raise UserError(f"Nothing is done yet{why}")
    compare = findings.settings["compare"]
    agents = list(dict.fromkeys(str(run.labels["agent"]) for run in runs))
    summary = summarise(entries, agents, tuple(compare) if compare else None)
    page = write_report(
        entries,
        summary,
        _recordings(findings),
        out,
        title=findings.title,
        facts=_facts(findings),
        counts=findings.counts(),
        failures=failures,
    )
    return Report(page, headline(summary))


def _recordings(findings: Findings) -> dict[str, Recording]:
    from farmap.cells.film import FILM

    found = {}
    with scratch_folder("report") as cache:
        for target in findings.grid.targets:
            result = findings.results.get(target.cell)
            if target.labels["film"] == NO_FILM or result is None:
                continue
            try:
                path = findings.store.results.fetch(result, FILM, cache)
            except CorruptData as error:
                raise UserError(
                    f"{error}: remove the result of cell {result.cell.id} and run again"
                ) from error
            with np.load(path, allow_pickle=False) as arrays:
                found[str(target.labels["film"])] = Recording(**arrays)
    return found


def _facts(findings: Findings) -> Mapping[str, str]:
    results = list(findings.results.values())
    settings: Mapping[str, Any] = findings.settings
    changes = {name: value for name, value in settings["changes"].items() if value}
    agents = {
        name: ", ".join(f"{key} {value}" for key, value in agent.items() if value is not None)
        for name, agent in settings["agents"].items()
    }
    return {
        "cells": f"{len(results)} done of {len(findings.grid)}",
        "computing": f"{sum(result.seconds for result in results) / 60:.1f} min in all",
        "run": f"{settings['steps']:,} steps, seeds {', '.join(map(str, settings['seeds']))}",
        "world": ", ".join(f"{key} {value}" for key, value in changes.items()) or "static, exact odometry",
        **{f"agent {name}": text for name, text in agents.items()},
        "versions": findings.versions(),
        "storage": findings.store.uri,
    }
