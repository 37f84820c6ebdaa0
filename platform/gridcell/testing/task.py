"""The contract of tasks."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from itertools import combinations
from typing import Any

from gridcell import plugins
from gridcell.cell import canonical_json
from gridcell.errors import UserError
from gridcell.grid import Grid
from gridcell.parts import PartKind
from gridcell.suite import Suite, load_suite, parse_settings, suite_names
from gridcell.task import Task
from gridcell.testing.check import HEAVY, Check, in_fresh_process, require

_PLAN = """
from gridcell import plugins
plugins.load(files)
from gridcell.suite import load_suite
from gridcell.task import find_task
ids = sorted(load_suite(find_task(task), suite).grid().cells)
import hashlib
heavy = sorted(name for name in heavy if name in sys.modules)
answer = {"ids": hashlib.sha256("\\n".join(ids).encode()).hexdigest(), "heavy": heavy}
"""


def task_checks(task: Task, suite: str = "mini") -> list[Check]:
    """Return the checks that every task must pass; none runs a cell.

    Args:
        task: installed, or of a plug-in that is loaded.
        suite: of the task, which plans without the user's data.

    Example:
        >>> import pytest
        >>> from gridcell import find_task
        >>> @pytest.mark.parametrize("check", task_checks(find_task("farmap")), ids=str)
        ... def test_the_contract(check):
        ...     check()
    """
    checks = {
        "it describes itself in one line": partial(_describes_itself, task),
        "every function that it names exists": partial(_functions_exist, task),
        f"the suite '{suite}' plans a grid whose cells its functions can run": partial(_plans, task, suite),
        "it plans no cell that nothing asks for": partial(_all_asked_for, task, suite),
        "ids hold no path, host or date": partial(_no_paths, task, suite),
        "ids don't depend on the order of keys": partial(_order_of_keys, task, suite),
        "ids are the same in another process, and planning imports no training library": partial(
            _in_another_process, task, suite
        ),
        "settings survive JSON, and unknown ones are refused": partial(_settings, task, suite),
        "an empty store can't be reported, which is said in a sentence": partial(_empty_report, task, suite),
    }
    for name, kind in task.parts.items():
        checks[f"a setting of another {name} is refused"] = partial(_settings_of_one_kind, name, kind)
    return [Check(name, run) for name, run in checks.items()]


def _loaded(task: Task, suite: str) -> Suite:
    if suite not in suite_names(task):
        names = ", ".join(suite_names(task)) or "none"
        require(False, f"there is no suite '{suite}' (there are: {names})")
    return load_suite(task, suite)


def _grid(task: Task, suite: str) -> Grid:
    return _loaded(task, suite).grid()


def _describes_itself(task: Task) -> None:
    require(
        re.fullmatch(r"[a-z][a-z0-9-]*", task.name), f"the name '{task.name}' isn't lower-case-with-dashes"
    )
    require(10 < len(task.summary) < 120, f"the summary has {len(task.summary)} characters, not 11 to 119")


def _functions_exist(task: Task) -> None:
    named = {**{f"cells[{kind!r}]": where for kind, where in task.cells.items()}, "report": task.report}
    named |= {f"table_notes[{name!r}]": where for name, where in task.table_notes.items()}
    named |= {name: where for name in ("estimate", "durations") if (where := getattr(task, name))}
    for what, where in named.items():
        module, _, function = where.partition(":")
        found = getattr(import_module(module), function, None)
        require(callable(found), f"{what} is '{where}', and there is no such function")


def _plans(task: Task, suite: str) -> None:
    one, two = (_grid(task, suite) for _ in range(2))
    require(list(one.cells) == list(two.cells), "the same suite gives two different grids")
    require(one.targets, "no cell is a target, so a report could show nothing")
    unknown = {cell.kind for cell in one.cells.values()} - set(task.cells)
    require(not unknown, f"no function runs cells of the kinds {sorted(unknown)}")
    lost = {target.cell for target in one.targets} - set(one.cells)
    require(not lost, f"targets name cells that are not in the grid: {sorted(lost)[:3]}")
    require(all(cell.title for cell in one.cells.values()), "a cell has no title")
    require({cell.task for cell in one.cells.values()} == {task.name}, f"cells must be of '{task.name}'")


def _all_asked_for(task: Task, suite: str) -> None:
    grid = _grid(task, suite)
    wanted = set(grid.closure(target.cell for target in grid.targets))
    extra = [cell.title for cell_id, cell in grid.cells.items() if cell_id not in wanted]
    require(not extra, f"{len(extra)} cells lead to no target, e.g. {extra[:1]}")


def _no_paths(task: Task, suite: str) -> None:
    for cell in _grid(task, suite).cells.values():
        text = canonical_json(cell.identity)
        require(not re.search(r'"(/|~|\w:\\\\)[^"]*"', text), f"cell '{cell.title}' holds a path: {text}")
        require(not re.search(r"\b20\d\d-\d\d-\d\d\b", text), f"cell '{cell.title}' holds a date: {text}")


def _reversed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _reversed(inner) for key, inner in reversed(list(value.items()))}
    return value


def _order_of_keys(task: Task, suite: str) -> None:
    settings = _loaded(task, suite).settings
    values = settings.model_dump(mode="json")
    turned = parse_settings(task.settings, _reversed(values))
    same = set(task.plan(settings).cells) == set(task.plan(turned).cells)
    require(same, "with its keys in another order the suite gives other ids")


def _in_another_process(task: Task, suite: str) -> None:
    ids = sorted(_grid(task, suite).cells)
    here = hashlib.sha256("\n".join(ids).encode()).hexdigest()
    arguments = {"task": task.name, "suite": suite, "files": plugins.paths(), "heavy": HEAVY}
    for hash_seed in (1, 2):
        there = in_fresh_process(_PLAN, arguments, hash_seed)
        require(there["ids"] == here, "another process gives other ids: does a set's order enter?")
        require(
            not there["heavy"], f"planning imports {', '.join(there['heavy'])}: import it where it is used"
        )


def _settings(task: Task, suite: str) -> None:
    settings = _loaded(task, suite).settings
    values = json.loads(json.dumps(settings.model_dump(mode="json")))
    again = parse_settings(task.settings, values)
    require(set(task.plan(again).cells) == set(task.plan(settings).cells), "as JSON, settings give other ids")
    try:
        parse_settings(task.settings, {**values, "no_such_setting": 1})
    except UserError as error:
        require("no_such_setting" in str(error), f"the refusal doesn't name the unknown key: {error}")
    else:
        require(False, "an unknown setting is accepted: derive settings from gridcell.Strict")


def _empty_report(task: Task, suite: str) -> None:
    import tempfile
    from pathlib import Path

    from gridcell.report import GridResults, write_report
    from gridcell.store import Store

    loaded = _loaded(task, suite)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder).prepare()
        title = f"{task.name} / {suite}"
        empty = GridResults(title, loaded.settings.model_dump(mode="json"), loaded.grid(), {}, {}, store)
        try:
            write_report(task, empty, Path(folder))
        except UserError:
            return
    require(False, "a report without any result is written: raise UserError")


def _settings_of_one_kind(name: str, kind: PartKind) -> None:
    """Give each part the settings of each other, one at a time."""
    parts = kind.parts().all
    fields = {
        part_name: set(part.parameters.model_fields)
        for part_name, part in parts.items()
        if isinstance(getattr(part, "parameters", None), type)
    }
    for one, other in combinations(fields, 2):
        for key in sorted(fields[other] - fields[one])[:1]:
            try:
                parse_settings(parts[one].parameters, {key: 1}, one)
            except UserError:
                continue
            require(False, f"{name} '{one}' accepts '{key}', a setting of '{other}'")
