"""The process that writes to MLflow: it reads lines from the driver and does what each says.

A line is one of these:

- first, the arguments of ``Experiment`` as JSON
- a cell's id, a space, and the cell's result as it is stored
- JSON with one key: ``running`` (cells, start and points), ``failed`` (cell, failure record, whether that is
  final), ``grown`` (labels of cells that were added), ``end`` (arguments of ``Experiment.close``) or
  ``report`` (a folder)
- the word ``end``, which is missing where the driver is gone
"""

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from gridcell.cell import Cell
from gridcell.mlflow.address import one_line
from gridcell.mlflow.experiment import Experiment
from gridcell.store.results import decode

END = b"end\n"
_MOST_REFUSED = 10  # cells that are named
_MOST_RENAMED = 3  # names, likewise
_NICENESS = 5  # behind the driver, and before cells, which Ray runs at 15: else it would fall behind them


def write(lines: Iterator[bytes], tell: Callable[[str], Any]) -> None:
    """Write to MLflow what comes.

    Args:
        lines: see the module.
        tell: is told, as JSON, the ids of the cells that are shown already; once the run has ended, ``true``;
            at last, one sentence a line, which names were changed and which cells MLflow refused.

    Raises:
        mlflow.exceptions.MlflowException: the server can't be reached or refuses.
    """
    experiment = Experiment(**json.loads(next(lines)))
    tell(json.dumps(sorted(experiment.shown)) + "\n")
    gc.freeze()  # what MLflow's import left is there to stay: else this process's end takes 0.8 s, not 0.04
    running: set[str] = set()
    closed = False
    for line in lines:
        if line == END:
            if not closed:
                experiment.close("FINISHED")
            for sentence in remarks(experiment):
                tell(json.dumps(sentence) + "\n")
            return
        if line.startswith(b"{"):
            ((event, value),) = json.loads(line).items()
            if event == "end":
                experiment.stop(running)
                experiment.close(value["status"], tags=value["tags"])
                tell("true\n")
                closed = True
            else:
                _show_event(experiment, event, value, running)
            continue
        name, _, stored = line.partition(b" ")
        result = decode(name.decode(), stored)
        running.discard(result.cell.id)
        if not experiment.shows(result):  # what ended while this process connected comes twice
            experiment.attempt(result.cell, partial(experiment.show, result))
    if not closed:
        experiment.stop(running)


def _show_event(experiment: Experiment, event: str, value: Any, running: set[str]) -> None:
    if event == "report":
        experiment.add_report(Path(value))
    elif event == "grown":
        experiment.add_labels(value)
    elif event == "failed":
        record, failure, final = value
        cell = Cell.from_record(record)
        running.discard(cell.id)
        experiment.attempt(cell, lambda: experiment.fail(cell, failure, final=final))
    elif event == "running":
        for record, started, points in value:
            _show_running(experiment, Cell.from_record(record), started, points)
            running.add(Cell.from_record(record).id)


def _show_running(experiment: Experiment, cell: Cell, started: int, points: list[Any]) -> None:
    def show() -> None:
        experiment.begin(cell, started)
        experiment.add_points(cell, points)

    experiment.attempt(cell, show)


def remarks(experiment: Experiment) -> Iterator[str]:
    """Yield sentences on what MLflow shows otherwise than it is called, or doesn't show."""
    if experiment.aside is not None:
        yield f"MLflow's database was unusable and held no runs: it was moved to {experiment.aside}"
    if experiment.renamed:
        pairs = sorted(experiment.renamed.items())
        names = ", ".join(f"'{name}' as '{new}'" for name, new in pairs[:_MOST_RENAMED])
        more = f", and {len(pairs) - _MOST_RENAMED} more alike" if len(pairs) > _MOST_RENAMED else ""
        yield f"MLflow refuses some names and shows {names}{more}"
    for title, why in list(experiment.refused.items())[:_MOST_REFUSED]:
        yield f"MLflow does not show cell {title}: {why}"
    if len(experiment.refused) > _MOST_REFUSED:
        yield f"MLflow does not show {len(experiment.refused) - _MOST_REFUSED} more cells"


def main() -> None:
    """Be the writer: read lines from the standard input; end with exit code 1 and why if MLflow fails."""
    os.nice(_NICENESS)
    answers, sys.stdout = sys.stdout, sys.stderr  # for what libraries print

    def tell(line: str) -> None:
        print(line, end="", flush=True, file=answers)

    try:
        write(iter(sys.stdin.buffer), tell)
    except Exception as error:
        sys.exit(one_line(error))


if __name__ == "__main__":
    main()
