"""What a notebook reads by one call: results, curves, artifacts and plans."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell.answers import frames
from gridcell.answers.cells import STALE, cell_rows
from gridcell.answers.over_seeds import check_over, over_seeds
from gridcell.answers.request import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
    Overrides,
    Request,
    Select,
    grid_results,
    open_store,
    reading,
    request,
)
from gridcell.answers.tables import check_alone, table_of
from gridcell.errors import UserError, did_you_mean
from gridcell.grid import Grid, Target
from gridcell.report.missing import nothing_done
from gridcell.report.results import GridResults
from gridcell.report.tidy import free_name, tidy
from gridcell.store import Store
from gridcell.store.cache import cache_folder
from gridcell.store.plans import not_one_cell

if TYPE_CHECKING:
    import pandas as pd

_CURVE = ("cell", "kind", "metric", "step", "value")
"""Columns of curves beside labels and seed."""


def results(
    task: str,
    suite: str = DEFAULT_SUITE,
    storage: str | Path = DEFAULT_STORAGE,
    *,
    select: Select = None,
    settings: Overrides = None,
    seeds: int | None = None,
    plugins: Sequence[str] = (),
    long: bool = False,
    over: str | None = None,
    table: str | None = None,
) -> pd.DataFrame:
    """Return what a suite answers, a row for each target; or a table of its report.

    The columns are the suite's labels; ``seed``; the cell's metrics, a nested one by its path, such as
    ``accuracy.v2``; and the cell that made them:

    ============= ======= ==================================================================
    ``cell``      text    id of the cell; ``gridcell cell show ID`` shows it
    ``kind``      text    of the cell
    ``state``     text    ``done``, or why there is no result; then the metrics are NaN
    ``stale``     bool    made by other code or from other inputs than are there now
    ``staleness`` text    why it is stale; ``code unknown``; or empty
    ``seconds``   float   wall-clock time that the cell took
    ``device``    text    ``cpu`` or ``cuda``; ``machine`` is its model, ``host`` the computer
    ``started``   time    in UTC
    ``commit``    text    of the sources, and whether they were modified
    ============= ======= ==================================================================

    ``frame.attrs`` holds the task, suite, selection and storage, and which columns are labels and metrics.
    Polars takes the frame as it is: ``polars.DataFrame(frame)``; ``pyarrow.table(frame)`` likewise.

    Args:
        task: name of the task.
        suite: name of a suite, or the path of a YAML file.
        storage: folder or URI of the store.
        select: label -> value or values, or ``"key=value,value"``; see ``gridcell run --select``. Rows
            without that label stay, and those with which what was selected is compared, such as
            imagenet-rib's ``method=pre``; ``frame.attrs["notes"]`` counts them.
        settings: dotted key -> value, or ``"key=value"``; see ``gridcell run --set``.
        seeds: repeat with the seeds 0 .. seeds-1.
        plugins: files with parts of your own.
        long: return a row for each target and number instead: ``metric``, ``key`` and ``value``.
        over: ``"seed"`` returns a row for all targets that differ in their seed alone: ``n``, and each metric
            that is a number as its mean, with the ends of Student's 95 % interval in ``NAME.low`` and
            ``NAME.high`` (NaN where there is one seed); then ``missing``, ``stale`` and ``cells``.
        table: return a table of the report instead: ``"summary"`` has the numbers that it leads with, such as
            ``mRI`` and ``gain`` of imagenet-rib's methods, with the ends of their intervals in ``NAME.low``
            and ``NAME.high``. imagenet-rib has ``"sets"`` (``ri`` and ``gain`` of each set fine-tuned on),
            farcuriosity ``"forgetting"``, inductive-bias ``"differences"``, too. ``frame.attrs["notes"]``
            says what a reader of it must know, such as why it is empty.

    A label that has the name of another column becomes ``label.NAME``.

    Raises:
        UserError: a name, key or value is wrong, nothing is stored there, or a stored result is damaged.

    Example:
        >>> frame = gridcell.results("imagenet-rib", select={"method": "ft"})  # doctest: +SKIP
        >>> frame[~frame.stale].groupby(["model", "downstream"])["mean_accuracy"].mean()  # doctest: +SKIP
        >>> gridcell.results("imagenet-rib", table="summary")[["model", "method", "mRI"]]  # doctest: +SKIP
    """
    if table is not None:
        check_alone(over, long=long)
    if over is not None:
        check_over(over)
        if long:
            raise UserError("Means over seeds have a row for each target: leave 'long' or 'over' out")
    asked, found = _found(task, suite, storage, select, settings, seeds, plugins)
    if table is not None:
        sheet = table_of(asked, found, table)
        rows = [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows]
        noted = {"notes": list(sheet.notes)} if sheet.notes else {}
        return _described(frames.frame(rows, sheet.columns), asked, storage, **noted)
    targets = tidy(found)
    if over is not None:
        means = over_seeds(targets)
        answer = frames.frame(means.rows, means.columns)
        about = {"labels": list(means.labels), "metrics": list(means.metrics), "notes": list(means.notes)}
        return _described(answer, asked, storage, **about)
    if long:
        labels = [free_name(name, "label", frames.LONG) for name in targets.labels]
        return _described(frames.long_frame(targets), asked, storage, labels=labels, metrics=["value"])
    answer, metrics = frames.frame_of(targets), list(targets.metrics)
    noted = {"notes": [asked.kept_beside]} if asked.kept_beside else {}
    return _described(answer, asked, storage, labels=list(targets.labels), metrics=metrics, **noted)


def curves(
    task: str,
    suite: str = DEFAULT_SUITE,
    storage: str | Path = DEFAULT_STORAGE,
    *,
    select: Select = None,
    settings: Overrides = None,
    seeds: int | None = None,
    plugins: Sequence[str] = (),
    kind: str | None = None,
) -> pd.DataFrame:
    """Return what cells reported while they ran, a row for each target, metric and step.

    The columns are the labels, ``seed``, ``cell``, ``kind``, ``metric``, ``step`` and ``value``; a label of
    such a name becomes ``label.NAME``. A target whose own cell reported nothing, such as an evaluation, has
    the curves of the nearest cells that it needs, such as the training.

    Args:
        task: name of the task.
        suite: name of a suite, or the path of a YAML file.
        storage: folder or URI of the store.
        select: see ``results``.
        settings: see ``results``.
        seeds: see ``results``.
        plugins: see ``results``.
        kind: take the curves of all cells of this kind that a target's cell needs, directly or not.

    Raises:
        UserError: see ``results``; or the suite has no cells of that kind.

    Example:
        >>> told = gridcell.curves("imagenet-rib", select="method=ft", kind="train")  # doctest: +SKIP
        >>> gridcell.plots.lines(told, series=["model", "downstream"])  # doctest: +SKIP
    """
    asked, found = _found(task, suite, storage, select, settings, seeds, plugins)
    kinds = {cell.kind for cell in asked.grid.cells.values()}
    if kind is not None and kind not in kinds:
        raise UserError(f"{asked.title} has no cells of the kind '{kind}': {did_you_mean(kind, kinds)}")
    labels = list(
        dict.fromkeys(_curve_label(name) for target in asked.grid.targets for name in target.labels)
    )
    rows = [row for target in asked.grid.targets for row in _curve_rows(found, target, kind)]
    seed = [] if "seed" in labels else ["seed"]
    columns = [*labels, *seed, *_CURVE]
    return _described(
        frames.frame(rows, columns), asked, storage, labels=[*labels, "kind"], metrics=["value"]
    )


def artifact(
    cell: str, name: str, storage: str | Path = DEFAULT_STORAGE, *, to: str | Path | None = None
) -> Path:
    """Return the local path of a file that a cell left in the store, after checking its bytes.

    Args:
        cell: id of the cell, or its first digits.
        name: of the file, as ``gridcell cell show`` lists it.
        storage: folder or URI of the store.
        to: copy it to this file or existing folder. By default the path is that of the stored file, which
            must not be changed; of a remote store, of a copy in the cache folder.

    Raises:
        UserError: there is no such cell or file, or several cells have ids that start so.
        CorruptData: the file is not what was committed.

    Example:
        >>> gridcell.artifact("0c29b3b6", "correct.npz", "runs", to="answers.npz")  # doctest: +SKIP
    """
    store = open_store(storage)
    with reading(store.uri):
        cell_id = find_result(store, cell)
        result = store.results.read(cell_id)
        if name not in result.artifacts:
            title = result.cell.title or cell_id
            raise UserError(f"Cell {title} left no file '{name}': {did_you_mean(name, result.artifacts)}")
        path = store.results.fetch(result, name, cache_folder() / "artifacts")
    if to is None:
        return path
    target = Path(to).expanduser()
    target = target / Path(name).name if target.is_dir() else target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    except OSError as error:
        raise UserError(f"'{name}' can't be copied to '{target}': {error.strerror}") from error
    return target


def find_result(store: Store, prefix: str) -> str:
    """Return the id of the one cell that is done and whose id starts with ``prefix``.

    Raises:
        UserError: none is, or several are.
    """
    found = [cell_id for cell_id in store.results.done() if prefix and cell_id.startswith(prefix)]
    if len(found) != 1:
        raise not_one_cell(len(found), prefix, f"with a result in '{store.uri}'")
    return found[0]


def plan(
    task: str,
    suite: str = DEFAULT_SUITE,
    storage: str | Path = DEFAULT_STORAGE,
    *,
    select: Select = None,
    settings: Overrides = None,
    seeds: int | None = None,
    plugins: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the cells of a suite and how far each is, a row a cell; starts nothing.

    The columns are ``cell`` (id), ``kind``, ``title``, ``seed``, ``state`` (done, running, queued, failed,
    diverged, blocked, not needed), ``stale``, ``staleness``, ``needs`` (list of ids) and ``targets`` (how
    many places of the answer the cell gives). ``frame.attrs`` also holds ``skipped``, ``notes`` and
    ``estimate``.

    Args:
        task: name of the task.
        suite: name of a suite, or the path of a YAML file.
        storage: folder or URI of the store; it need not be there yet.
        select: see ``results``.
        settings: see ``results``.
        seeds: see ``results``.
        plugins: see ``results``.

    Raises:
        UserError: a name, key or value is wrong.

    Example:
        >>> frame = plan("generalization-difficulty", "published", "runs")
        >>> frame["kind"].value_counts().to_dict()
        {'union': 16, 'formula': 13}
    """
    asked = request(task, suite, select, settings, seeds, plugins)
    store = open_store(storage, must_exist=False)
    rows = [
        {**row, "state": "done", "stale": True, "staleness": row["why"]}
        if row["state"] == STALE
        else {**row, "stale": False, "staleness": ""}
        for row in cell_rows(asked, store)
    ]
    names = ["cell", "kind", "title", "seed", "state", "stale", "staleness", "needs", "targets"]
    answer = _described(frames.frame(rows, names), asked, storage)
    answer.attrs |= {
        "skipped": [{"labels": dict(item.labels), "reason": item.reason} for item in asked.grid.skipped],
        "notes": list(asked.grid.notes),
        "estimate": dict(asked.suite.task.estimate_cost(asked.suite.settings, asked.grid)),
    }
    return answer


def _found(
    task: str,
    suite: str,
    storage: str | Path,
    select: Select,
    settings: Overrides,
    seeds: int | None,
    plugins: Sequence[str],
) -> tuple[Request, GridResults]:
    asked = request(task, suite, select, settings, seeds, plugins)
    found = grid_results(asked, open_store(storage))
    if not ({target.cell for target in asked.grid.targets} or set(asked.grid.cells)) & found.results.keys():
        raise nothing_done(found)
    return asked, found


def _described(frame: pd.DataFrame, asked: Request, storage: str | Path, **more: Any) -> pd.DataFrame:
    frame.attrs = {
        "task": asked.suite.task.name,
        "suite": asked.suite.name,
        "select": {key: list(values) for key, values in asked.selected.items()},
        "storage": str(storage),
        **more,
    }
    return frame


def _curve_label(name: str) -> str:
    return free_name(name, "label", _CURVE)


def _curve_rows(found: GridResults, target: Target, kind: str | None) -> Iterator[dict[str, Any]]:
    for cell_id in _with_curves(found, target.cell, kind):
        result = found.results[cell_id]
        labels = {_curve_label(name): value for name, value in target.labels.items()}
        about = {"seed": result.cell.seed, **labels, "cell": cell_id, "kind": result.cell.kind}
        for metric, points in result.curves.items():
            for step, value in points:
                yield {**about, "metric": metric, "step": step, "value": float(value)}


def _with_curves(found: GridResults, cell_id: str, kind: str | None) -> list[str]:
    """Return the cells whose curves belong to a target: of a kind, or the nearest that have any."""
    if kind is not None:
        closure = Grid(found.grid.cells).closure([cell_id])
        return [one for one, cell in closure.items() if cell.kind == kind and one in found.results]
    level = [cell_id]
    while level:
        having = [one for one in level if one in found.results and found.results[one].curves]
        if having:
            return having
        level = list(dict.fromkeys(need for one in level for need in found.grid.cells[one].needs.values()))
    return []
