"""From stored results to the report: what the platform knows, in the words of this task."""

from pathlib import Path
from typing import Any

import numpy as np

from farmap.plan import NO_FILM
from farmap.report.film import Recording
from farmap.report.lacking import count_runs
from farmap.report.summary import PLACE, Entry, by_own_size, summarise
from gridcell import UserError
from gridcell.report import GridResults, Report, fetching, is_stale, nothing_done


def write(results: GridResults, out: Path) -> Report:
    """Write ``report.html``, figures, animations, ``summary.json`` and ``cells.csv``.

    Raises:
        UserError: no run is done yet, only films are selected, or a stored file is damaged.
    """
    from farmap.report.answer import answer
    from farmap.report.page import headline, write_files

    summary, entries = _summarised(results)
    page = write_files(results, entries, summary, _recordings(results), out)
    return Report(page, headline(summary), answer(summary).text)


def summary_of(results: GridResults) -> dict[str, Any]:
    """Return the numbers of the report.

    See ``farmap.report.summary.summarise``; ``runs`` is of ``farmap.report.lacking.count_runs``.
    """
    return _summarised(results)[0]


def _summarised(results: GridResults) -> tuple[dict[str, Any], list[Entry]]:
    targets = [target for target in results.grid.targets if target.labels["film"] == NO_FILM]
    if not targets:
        raise UserError(
            f"A report counts runs, and only films are selected: add '{NO_FILM}' to --select film"
        )
    entries = [
        Entry(
            **{name: target.labels[name] for name in PLACE},
            metrics=result.metrics,
            curves=result.curves,
            cell=target.cell,
            stale=is_stale(results, target.cell),
        )
        for target in targets
        if (result := results.results.get(target.cell))
    ]
    entries = by_own_size(entries)
    if not entries:
        raise nothing_done(results)
    compare = results.settings["compare"]
    agents = list(dict.fromkeys(str(target.labels["agent"]) for target in targets))
    summary = summarise(entries, agents, tuple(compare) if compare else None)
    summary["runs"] = count_runs(
        (str(target.labels["agent"]), results.states[target.cell]) for target in targets
    )
    return summary, entries


def _recordings(results: GridResults) -> dict[str, Recording]:
    from farmap.cells.film import FILM

    found = {}
    with fetching(results) as fetch:
        for target in results.grid.targets:
            result = results.results.get(target.cell)
            if target.labels["film"] != NO_FILM and result is not None:
                with np.load(fetch(result, FILM), allow_pickle=False) as arrays:
                    found[str(target.labels["film"])] = Recording(**arrays)
    return found
