"""From stored results to the report: what the platform knows, in the words of this task."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gridcell.report import GridResults, Report, fetching, is_stale
from inductive_bias.cells.estimate import POOLED
from inductive_bias.report.places import Place, asked_of
from inductive_bias.report.summary import Outcome, summarise


def write(results: GridResults, out: Path) -> Report:
    """Write ``report.html``, figures, ``summary.json`` and ``cells.csv``; return what the terminal shows.

    Raises:
        UserError: a stored file is damaged.
    """
    from inductive_bias.report.answer import answer
    from inductive_bias.report.figures import draw  # with matplotlib: only for drawing
    from inductive_bias.report.page import headline, write_files

    outcomes, (settings, where) = _outcomes(results), _asked(results)
    summary = summarise(outcomes, settings, where)
    page = write_files(results, outcomes, summary, out, draw(outcomes, summary, settings, where))
    return Report(page, headline(summary), answer(summary).text)


def summary_of(results: GridResults) -> dict[str, Any]:
    """Return the numbers of the report; see ``inductive_bias.report.summary.summarise``."""
    return summarise(_outcomes(results), *_asked(results))


def _asked(results: GridResults) -> tuple[Mapping[str, Any], list[Place]]:
    return asked_of(results.settings, (target.labels for target in results.grid.targets))


def _outcomes(results: GridResults) -> list[Outcome]:
    found = []
    with fetching(results) as fetch:
        for target in results.grid.targets:
            result = results.results.get(target.cell)
            if result is not None:
                with np.load(fetch(result, POOLED), allow_pickle=False) as arrays:
                    errors = arrays["errors"]
                stale = is_stale(results, target.cell)
                found.append(
                    Outcome(
                        **target.labels, metrics=result.metrics, errors=errors, cell=target.cell, stale=stale
                    )
                )
    return found
