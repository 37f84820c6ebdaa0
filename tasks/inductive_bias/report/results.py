"""From stored results to the report: what the platform knows, in the words of this task."""

from pathlib import Path

import numpy as np

from gridcell.report import GridResults, Report, fetching, is_stale
from inductive_bias.cells.estimate import POOLED
from inductive_bias.report.summary import Outcome, summarise


def write(results: GridResults, out: Path) -> Report:
    """Write ``report.html``, figures, ``summary.json`` and ``cells.csv``; return what the terminal shows.

    Raises:
        UserError: a stored file is damaged.
    """
    from inductive_bias.report.answer import answer
    from inductive_bias.report.page import headline, write_files

    outcomes = _outcomes(results)
    summary = summarise(outcomes, results.settings)
    page = write_files(results, outcomes, summary, out)
    return Report(page, headline(summary), answer(summary).text)


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
