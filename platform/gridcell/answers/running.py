"""Running a suite from a notebook or a script, with the meaning of ``gridcell run``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gridcell import plugins as plugins_module
from gridcell.answers.reading import results
from gridcell.answers.request import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
    Overrides,
    Request,
    Select,
    request,
    stale_results,
)
from gridcell.answers.retention import keep_weights
from gridcell.errors import CellsFailed, UserError, unknown
from gridcell.execute.driver import read_whole, run_grid
from gridcell.execute.listener import Listener
from gridcell.execute.options import Executor, RunOptions
from gridcell.execute.running_code import remember
from gridcell.execute.schedule import Schedule
from gridcell.mlflow.address import tracking_uri
from gridcell.mlflow.mirror import Mirror
from gridcell.provenance import origin_of
from gridcell.staleness import Staleness
from gridcell.store import Result, Store

if TYPE_CHECKING:
    import pandas as pd

Changed = Literal["keep", "rerun", "fail"]


@dataclass(frozen=True)
class Prepared:
    """A run before its first cell.

    Attributes:
        store: prepared for writing.
        done: the results that it holds of the grid, by cell; stale ones among them.
        options: of the run, with what is to be made again and the run's origin.
        damaged: ids of the cells whose damaged results were set aside.
        stale: the results that were made by other code or from other inputs than are there now.
        mirror: the listener that writes to MLflow.
    """

    store: Store
    done: dict[str, Result]
    options: RunOptions
    damaged: Sequence[str]
    stale: Staleness
    mirror: Mirror


def run(
    task: str,
    suite: str = DEFAULT_SUITE,
    storage: str | Path = DEFAULT_STORAGE,
    *,
    select: Select = None,
    settings: Overrides = None,
    seeds: int | None = None,
    plugins: Sequence[str] = (),
    executor: Executor = "ray",
    address: str | None = None,
    max_concurrent: int | None = None,
    changed: Changed = "keep",
    retry_diverged: bool = False,
    max_failures: int | None = None,
    tracking: str | None = None,
    listeners: Sequence[Listener] = (),
    check: bool = True,
) -> pd.DataFrame:
    """Run a suite's missing cells and return its results, as ``gridcell.results`` does.

    It means what ``gridcell run`` means: what is done is not run again, results of other code are kept
    unless ``changed`` says otherwise, and MLflow is brought up to date. No report is written and nothing
    printed. A run that is interrupted keeps all cells that are done.

    Args:
        task: name of the task.
        suite: name of a suite, or the path of a YAML file.
        storage: folder or URI of the store; made if it is not there.
        select: see ``gridcell.results``.
        settings: see ``gridcell.results``.
        seeds: see ``gridcell.results``.
        plugins: see ``gridcell.results``.
        executor: ``ray``, or ``inline`` for one cell after another in this process.
        address: of a running Ray cluster.
        max_concurrent: run at most so many cells at once.
        changed: what to do with stale results: ``keep`` them, ``rerun`` their cells, or ``fail``.
        retry_diverged: run diverged cells again.
        max_failures: start no more cells once so many have failed.
        tracking: MLflow's address; by default a database in the storage folder.
        listeners: are told what happens.
        check: raise ``CellsFailed`` if a cell failed, was blocked by one that failed, or the run was ended
            early. Otherwise the column ``state`` says which.

    Raises:
        UserError: a name, key or value is wrong, or nothing is done in the end.
        CellsFailed: see ``check``. A cell that diverged is an outcome, and raises nothing.

    Example:
        >>> frame = gridcell.run("farmap", "mini", "runs", executor="inline")  # doctest: +SKIP
    """
    options = RunOptions(
        executor=executor,
        address=address,
        max_concurrent=max_concurrent,
        retry_diverged=retry_diverged,
        max_failures=max_failures,
    )
    asked = request(task, suite, select, settings, seeds, plugins)
    ready = prepare(asked, Store(str(storage)), options, changed, tracking)
    try:
        schedule = run_grid(
            asked.suite.task, asked.grid, ready.store, ready.options, listeners=[*listeners, ready.mirror]
        )
    finally:
        ready.mirror.close()
    keep_weights(asked.suite, asked.grid.cells, ready.store)
    if check:
        _raise_for_failures(asked, ready.store, schedule)
    return results(task, suite, storage, select=select, settings=settings, seeds=seeds, plugins=plugins)


def prepare(
    asked: Request, store: Store, options: RunOptions, changed: Changed, tracking: str | None
) -> Prepared:
    """Do what comes before the first cell, and refuse what can't be run.

    Args:
        asked: what is to be run.
        store: where results go.
        options: how to run.
        changed: what to do with stale results.
        tracking: MLflow's address; None for the storage's own.

    Raises:
        UserError: the store can't be written, MLflow's address can't be used, or results are stale and
            ``changed`` is ``fail``.
    """
    if changed not in ("keep", "rerun", "fail"):
        raise unknown("choice for stale results", changed, ("keep", "rerun", "fail"))
    remember(asked.suite.task)  # as it is now: what is edited from here on, this process doesn't run
    store.prepare()
    uri = tracking_uri(tracking, store)  # what MLflow can't use should be known before all work
    found, damaged = read_whole(asked.grid, store)
    stale = stale_results(asked, store, found)
    if stale.reasons and changed == "fail":
        said = "; ".join(stale.sentences())
        raise UserError(f"{said} (--changed rerun makes them again, --changed keep shows them as they are)")
    origin = origin_of(asked.suite.task)
    options = replace(options, rerun=stale.stamps if changed == "rerun" else {}, origin=origin)
    task, files = asked.suite.task.name, plugins_module.paths()
    store.plans.save(task, asked.suite.name, asked.grid, files, arguments=asked.arguments)
    mirror = Mirror(
        uri,
        asked.suite.task.name,
        asked.suite.name,
        asked.grid,
        store,
        tags=tracking_tags(asked, origin),
        awaits_report=True,
    )
    return Prepared(store, found, options, damaged, stale, mirror)


def tracking_tags(asked: Request, origin: Mapping[str, Any]) -> dict[str, str]:
    """Return what MLflow shows of a request: the selection, the command, and the commits of the sources.

    Args:
        asked: the request.
        origin: ``command`` and ``sources`` of a run, as ``gridcell.provenance`` returns them; empty for what
            runs no cells.
    """
    chosen = " ".join(f"{key}={','.join(values)}" for key, values in asked.selected.items())
    tags = {"gridcell.selection": chosen, "gridcell.command": origin.get("command", "")}
    for module, source in origin.get("sources", {}).items():
        modified = " (modified)" if source["modified"] else ""
        tags[f"gridcell.commit.{module}"] = f"{source['commit']}{modified}"
    return {name: value for name, value in tags.items() if value}


def _raise_for_failures(asked: Request, store: Store, schedule: Schedule) -> None:
    failed = schedule.failed.keys() - schedule.diverged
    if not failed and not schedule.stopped:
        return
    recorded = store.failures.read_all()
    why = {
        cell_id: f"{recorded[cell_id]['failure_class']}: {recorded[cell_id]['message']}"
        for cell_id in asked.grid.cells
        if cell_id in failed and cell_id in recorded
    }
    raise CellsFailed(
        {cell_id: (asked.grid.cells[cell_id].title or cell_id, text) for cell_id, text in why.items()},
        blocked=len(schedule.blocked - schedule.diverged),
        stopped=schedule.stopped or "",
    )
