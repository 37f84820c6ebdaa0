"""What every installed task must keep to: a new task passes these before it has a test of its own."""

import json
import re
from dataclasses import replace

import pytest

from gridcell.cell import Cell, Resources, canonical_json
from gridcell.errors import UserError
from gridcell.settings import parse_settings
from gridcell.suite import load_suite, suite_names
from gridcell.task import BatchFunction, Group, find_task, task_names
from gridcell.testing import task_checks

CHECKS = [(name, check) for name in task_names() for check in task_checks(find_task(name))]
SUITES = [(task, suite) for task in task_names() for suite in suite_names(find_task(task)) if suite != "mini"]
WHEN = {  # these take seconds to plan; of two like the first the ids alone are looked at in every run
    ("imagenet-rib", "paper"): pytest.mark.slow,
    ("imagenet-rib", "paper-5-percent"): pytest.mark.long,
    ("imagenet-rib", "paper-released"): pytest.mark.long,
}
LOOKED_AT = 2_000  # cells of a suite, evenly spread


@pytest.mark.parametrize(("name", "check"), CHECKS, ids=lambda value: str(value).replace("/", " "))
def test_every_installed_task_keeps_the_contract_that_ships(name, check):
    check()


@pytest.mark.parametrize(
    ("name", "suite"),
    [pytest.param(*both, marks=WHEN[both]) if both in WHEN else both for both in SUITES],
    ids=lambda value: str(value),
)
def test_a_shipped_suite_keeps_it_too_or_says_which_setting_names_the_users_data(name, suite):
    task = find_task(name)
    loaded = asked = None
    try:
        loaded = load_suite(task, suite)
        grid = loaded.grid()
    except UserError as error:
        asked = str(error)
    if loaded is None or asked is not None:
        assert re.search(r"\b(data|problems|released)\.\w+", str(asked))
        return
    assert grid.targets
    assert {cell.kind for cell in grid.cells.values()} <= set(task.cells)
    assert {target.cell for target in grid.targets} <= set(grid.cells)
    assert all(cell.title for cell in grid.cells.values())
    assert set(grid.closure(target.cell for target in grid.targets)) == set(grid.cells)
    cells = list(grid.cells.values())
    for cell in cells[:: 1 + len(cells) // LOOKED_AT]:
        text = canonical_json(cell.identity)
        assert not re.search(r'"(/|~|\w:\\\\)[^"]*"', text), text
        assert not re.search(r"\b20\d\d-\d\d-\d\d\b", text), text
    values = json.loads(json.dumps(loaded.settings.model_dump(mode="json")))
    assert parse_settings(task.settings, values) == loaded.settings


def test_cells_of_one_process_may_share_a_pass_and_those_of_several_run_alone():
    def cell(workers):
        return Cell("numbers", "score", {}, resources=Resources(cpus=2, workers=workers))

    batches = {"score": BatchFunction("operator:add", key="operator:is_", most=3)}
    task = replace(find_task("farmap"), batches=batches)
    assert task.group_of(cell(1), {}) == Group(("score", cell(1).resources, False), 3)
    assert task.group_of(cell(2), {}) is None
    assert task.group_of(Cell("numbers", "other", {}), {}) is None
