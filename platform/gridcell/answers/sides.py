"""What a user may name to be compared: a storage, a report, a suite, a selection, a commit."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gridcell import plugins as plugins_module
from gridcell.answers.as_they_stood import SUPERSEDED, before_replacement, of_commit
from gridcell.answers.compare import Comparison, Side, compare as compare_sides, numbers_of
from gridcell.answers.compare_tables import Rows
from gridcell.answers.last_run import last_run
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
    selection,
)
from gridcell.errors import UserError, unknown
from gridcell.report.record import RECORD, read_record, record_of
from gridcell.report.results import GridResults
from gridcell.staleness import find_stale
from gridcell.store import Result, Store
from gridcell.suite import suite_names
from gridcell.task import find_task

CURRENT = "current"
_BY_REPORTS = (
    "give the --suite and --set of its run; or name the folders of two reports, which hold their settings: "
    "'gridcell compare REPORT REPORT'"
)
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True)
class Asked:
    """What both sides share, unless a side says otherwise.

    Attributes:
        task: name of the task; None: the storage's or the report's.
        suite: name of the suite; None: the storage's, or mini.
        storage: where results are read from.
        select: which targets.
        settings: overrides.
        seeds: how many.
        plugins: files of the user's own.
    """

    task: str | None = None
    suite: str | None = None
    storage: str = DEFAULT_STORAGE
    select: Select = None
    settings: Overrides = None
    seeds: int | None = None
    plugins: Sequence[str] = ()


def compare(
    first: str,
    second: str,
    *,
    task: str | None = None,
    suite: str | None = None,
    storage: str | Path = DEFAULT_STORAGE,
    select: Select = None,
    settings: Overrides = None,
    seeds: int | None = None,
    plugins: Sequence[str] = (),
    tolerance: float = 0.0,
    table: str | None = None,
) -> Comparison:
    """Compare two sets of results: what differs in what made them, and in what they say.

    A side is one of these, and both may be of different kinds:

    - a storage (folder or URI), read as its last run asked unless ``suite``, ``settings`` or ``seeds`` say
      otherwise; or the folder of a report;
    - a suite (name or YAML file) or a selection such as ``method=ewc``, in ``storage``;
    - a commit (seven digits or more): each result as it stood when the last one of that commit was made;
    - ``superseded``, with each result that ``run --changed rerun`` replaced in place of the current one, and
      without what the new code made first, such as a seed that was added; ``current``.

    Args:
        first: the side that counts as before.
        second: the side that counts as after.
        task: name of the task; by default the one whose results the storage holds.
        suite: name of the suite, or the path of a YAML file; by default the one that ran last.
        storage: where results of suites, selections and commits are.
        select: see ``gridcell.results``.
        settings: see ``gridcell.results``.
        seeds: see ``gridcell.results``.
        plugins: see ``gridcell.results``.
        tolerance: share of a metric's size up to which a difference counts as none.
        table: of the task (``"summary"``), whose numbers are set side by side, too, with the interval that
            each has on its side; see ``gridcell.results``.

    Raises:
        UserError: a name is wrong or means two things, nothing is stored, or the sides can't be compared.

    Example:
        >>> found = gridcell.compare("superseded", "current", task="imagenet-rib")  # doctest: +SKIP
        >>> found.sentence(), [move.difference for move in found.moved]  # doctest: +SKIP
    """
    if not 0 <= tolerance < 1:
        raise UserError(f"The tolerance must be a share from 0 to 1, not {tolerance:g}")
    plugins_module.load([str(file) for file in plugins], joins=True)  # first, for the task may be in one
    asked = Asked(task, suite, str(storage), select, settings, seeds, plugins)
    one, two = side(first, asked), side(second, asked)
    found = compare_sides(one, two, tolerance)
    return found if table is None else found.with_numbers(numbers_of(one, two, table), table)


def against_baseline(name: str, asked: Asked, found: GridResults) -> Comparison:
    """Compare a report's results with a baseline, which counts as before.

    Args:
        name: of the baseline: any side.
        asked: what the report was asked for.
        found: the report's results.

    Raises:
        UserError: see ``compare``.
    """
    task = find_task(str(asked.task))
    now = Side("this report", record_of(task.name, task.timings, found))
    return compare_sides(side(name, asked), now)


def side(name: str, asked: Asked) -> Side:
    """Read what a name stands for.

    Raises:
        UserError: it stands for nothing, or for several things.
    """
    kinds = _kinds(name, asked)
    if len(kinds) > 1:
        raise UserError(f"'{name}' is {' and '.join(kinds)}: write ./{name} for the folder")
    if not kinds:
        raise _unknown(name, asked)
    (read,) = kinds.values()
    return read()


def _kinds(name: str, asked: Asked) -> dict[str, Callable[[], Side]]:
    """Return what a name may stand for, and how each is read."""
    found: dict[str, Callable[[], Side]] = {}
    folder = Path(name).expanduser()
    if (folder / RECORD).is_file():
        found["the folder of a report"] = lambda: _of_report(name, folder, asked)
    elif "://" in name or (folder / "gridcell.json").is_file():
        found["a storage"] = lambda: _of_storage(name, replace(asked, storage=name))
    if name in (SUPERSEDED, CURRENT):
        found["a word of this command"] = lambda: _of_time(name, asked, name.removeprefix(CURRENT))
    elif "=" in name and "://" not in name:
        found["a selection"] = lambda: _of_selection(name, asked)
    elif Path(name).suffix in (".yaml", ".yml"):
        found["a suite"] = lambda: _of_store(name, replace(asked, suite=name))
    elif not folder.is_absolute() and not name.startswith((".", "~")):
        if name in _suites(asked):
            found["a suite"] = lambda: _of_store(name, replace(asked, suite=name))
        elif _COMMIT.fullmatch(name):
            found["a commit"] = lambda: _of_time(name, asked, name)
    return found


def _unknown(name: str, asked: Asked) -> UserError:
    if Path(name).expanduser().is_dir():
        return UserError(
            f"The folder '{name}' is no storage (it has no 'gridcell.json'), and not the folder of a report "
            f"(it has no '{RECORD}': write the report again)"
        )
    if not _task_is_known(asked):
        return UserError(
            f"'{name}' is no storage and no folder of a report. Suites, selections and commits are looked "
            f"for in --storage, and there is no storage at '{asked.storage}'"
        )
    words = [CURRENT, SUPERSEDED, *suite_names(find_task(_task(asked)))]
    return unknown("side: it is no storage, folder of a report, selection, commit or suite:", name, words)


def _suites(asked: Asked) -> list[str]:
    """Return the names of the task's suites; none where no task is known."""
    return suite_names(find_task(_task(asked))) if _task_is_known(asked) else []


def _task_is_known(asked: Asked) -> bool:
    return asked.task is not None or Store(asked.storage).exists()


def _task(asked: Asked) -> str:
    return asked.task or stored_suite(open_store(asked.storage))[0]


def stored_suite(store: Store, naming: str = "by --task") -> tuple[str, str]:
    """Return the one task that a storage has results of, and the suite of it that ran last.

    Args:
        store: the storage.
        naming: how the user can name a task, for the error.

    Raises:
        UserError: it has plans of none or of several.
    """
    with reading(store.uri):
        plans = [(plan.task, plan.suite) for plan in store.plans.read_all()]
    tasks = sorted({task for task, _ in plans})
    if not tasks:
        raise UserError(f"No suite was run in the storage '{store.uri}' yet")
    if len(tasks) > 1:
        raise UserError(f"'{store.uri}' has results of {', '.join(tasks)}: name one {naming}")
    return plans[-1]


def task_and_suite(
    store: Store, task: str | None, suite: str | None, naming: str = "by --task"
) -> tuple[str, str]:
    """Return the names of a task and a suite, by default the storage's only task and what ran last of it.

    Of a task that is named the default is its default suite.

    Args:
        store: the storage.
        task: the task, if the user named one.
        suite: the suite, if the user named one.
        naming: how the user can name a task, for the error.

    Raises:
        UserError: the storage has no task or several; or what ran last was a file of the user's own.
    """
    if task is not None:
        return task, suite or DEFAULT_SUITE
    task, last = stored_suite(store, naming)
    if suite is None and last not in suite_names(find_task(task)):
        raise UserError(
            f"'{store.uri}' was made by a suite '{last}' of your own: name its file, --suite FILE"
        )
    return task, suite or last


def _read(asked: Asked) -> tuple[Request, GridResults]:
    store = open_store(asked.storage)
    task, suite = task_and_suite(store, asked.task, asked.suite)
    try:
        wanted = request(task, suite, asked.select, asked.settings, asked.seeds, asked.plugins)
    except UserError as error:
        if not asked.settings:
            error.add_note(f"To compare '{asked.storage}' {_BY_REPORTS}")
        raise
    found = grid_results(wanted, store)
    if not found.results:
        raise UserError(
            f"'{asked.storage}' has no results of {wanted.full_title}: "
            "give the --suite, --set and --seeds of the run. Sides that differ in these, and results of an "
            "earlier version of a cell's rules, are compared by the folders of their reports: "
            "'gridcell compare REPORT REPORT'"
        )
    return wanted, found


def _of_storage(name: str, asked: Asked) -> Side:
    """Read a storage as its last run asked for it, where the user does not say otherwise."""
    as_run, options = _as_last_run(asked)
    found = _of_store(name, as_run)
    told = [f"{name} is read as its last run asked: {shlex.join(options)}."] if options else []
    return replace(found, notes=(*told, *found.notes))


def _as_last_run(asked: Asked) -> tuple[Asked, list[str]]:
    """Take over what a storage's last run asked for, and return its options, too.

    Two storages may differ in exactly these, and the command's own are for both sides.
    """
    if asked.settings or asked.seeds is not None:
        return asked, []
    store = open_store(asked.storage)
    last = last_run(store, asked.task or stored_suite(store)[0], asked.suite)
    if last is None:
        return asked, []
    files = [*asked.plugins, *(each for each in last.plugins if each not in asked.plugins)]
    as_run = replace(asked, task=last.task, suite=last.suite, plugins=files)
    return replace(as_run, settings=last.settings, seeds=last.seeds), last.options


def _of_store(name: str, asked: Asked) -> Side:
    wanted, found = _read(asked)
    record = record_of(wanted.suite.task.name, wanted.suite.task.timings, found)
    return Side(name, record, notes=_beside(name, asked, wanted, found), rows=_rows_of(wanted, found))


def _rows_of(wanted: Request, found: GridResults) -> Callable[[str], Rows]:
    return lambda table: wanted.suite.task.table_rows(table, found)


def _beside(name: str, asked: Asked, wanted: Request, found: GridResults) -> tuple[str, ...]:
    """Say how many results of the suite's last run were not asked for: of other settings, or more seeds."""
    if asked.select:
        return ()
    own = (wanted.suite.task.name, wanted.suite.name, "")  # and no search's
    last = [plan for plan in found.store.plans.read_all() if (plan.task, plan.suite, plan.search) == own][-1:]
    more = {cell_id for plan in last for cell_id in plan.cells} - wanted.grid.cells.keys()
    count = len(more & found.store.results.done())
    if not count:
        return ()
    return (
        f"{name} has {count} results of {wanted.title} with other settings or seeds, which are not compared: "
        "give the --set and --seeds of the run to compare them.",
    )


def _of_report(name: str, folder: Path, asked: Asked) -> Side:
    record = read_record(folder)
    wanted = selection(asked.select)
    targets = [
        (labels, cell_id)
        for labels, cell_id in record.targets
        if all(str(labels[key]) in values for key, values in wanted.items() if key in labels)
    ]
    if not targets:
        raise UserError(f"The report in '{folder}' has nothing of what was selected")
    return Side(name, replace(record, targets=targets))


def _of_selection(name: str, asked: Asked) -> Side:
    chosen = selection(name.split())
    both = {**selection(asked.select), **chosen}
    whole = _of_store(name, replace(asked, select=both))
    record, rows = whole.record, whole.rows
    assert rows is not None

    def selected(table: str) -> Rows:
        return [row for row in rows(table) if all(str(row.get(key)) in kept for key, kept in chosen.items())]

    targets = [
        (labels, cell_id)
        for labels, cell_id in record.targets
        if all(str(labels.get(key)) in values for key, values in chosen.items())
    ]
    return Side(name, replace(record, targets=targets, select=chosen), frozenset(chosen), rows=selected)


def _of_time(name: str, asked: Asked, when: str) -> Side:
    """Read results as they stood: of a commit; or with what was superseded; or, if empty, as they are."""
    wanted, found = _read(asked)
    earlier = found.store.results.superseded_of(wanted.grid.cells)
    if when == SUPERSEDED and not earlier:
        raise _nothing_superseded(asked, wanted, found)
    results: Mapping[str, Result] = found.results
    if when == SUPERSEDED:
        results = before_replacement(wanted.grid.cells, found.results, earlier)
    elif when:
        results = of_commit(name, found.results, earlier)
    task = wanted.suite.task
    stale = find_stale(task, wanted.grid, found.store, results)
    then = replace(found, results=results, staleness=stale)
    return Side(name, record_of(task.name, task.timings, then), rows=_rows_of(wanted, then))


def _nothing_superseded(asked: Asked, wanted: Request, found: GridResults) -> UserError:
    """Say that no result was replaced; or, if some were, that they belong to what was not asked for."""
    task = wanted.suite.task.name
    replaced = found.store.results.beside("superseded")
    others = sorted(each.cell.title for each in replaced if each.cell.task == task)
    if not others:
        return UserError(
            f"Nothing in '{asked.storage}' was superseded: 'run --changed rerun' replaces results"
        )
    return UserError(
        f"Nothing of {wanted.full_title} in '{asked.storage}' was superseded. "
        f"The {len(others)} superseded results there, such as '{others[0]}', are of other settings: "
        "give the --suite, --plugin, --set and --seeds of that run"
    )
