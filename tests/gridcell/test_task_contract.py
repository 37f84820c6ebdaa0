"""What every installed task must keep to: a new task passes these before it has a test of its own."""

import json
import re

import pytest

from gridcell.cell import canonical_json
from gridcell.errors import UserError
from gridcell.suite import load_suite, parse_settings, suite_names
from gridcell.task import find_task, task_names
from gridcell.testing import task_checks

ALL_SUITES = [(task, suite) for task in task_names() for suite in suite_names(find_task(task))]


def asks_for(name, suite):
    """Return what a suite that can't be planned as it stands asks the user for, or None."""
    try:
        load_suite(find_task(name), suite).grid()
    except UserError as error:
        return str(error)
    return None


OPEN = {both: asked for both in ALL_SUITES if (asked := asks_for(*both))}
SUITES = [both for both in ALL_SUITES if both not in OPEN]


CHECKS = [(name, check) for name in task_names() for check in task_checks(find_task(name))]


@pytest.mark.parametrize(("name", "check"), CHECKS, ids=lambda value: str(value).replace("/", " "))
def test_every_installed_task_keeps_the_contract_that_ships(name, check):
    check()


@pytest.mark.parametrize("name", task_names())
def test_every_task_has_a_suite_of_minutes(name):
    assert (name, "mini") in SUITES


@pytest.mark.parametrize("both", OPEN, ids="-".join)
def test_a_suite_for_the_users_own_data_says_which_setting_names_them(both):
    assert re.search(r"\b(data|problems|released)\.\w+", OPEN[both])


@pytest.mark.parametrize(("name", "suite"), SUITES)
def test_a_suite_plans_the_same_grid_twice_with_every_kind_known(name, suite):
    task = find_task(name)
    one, two = (load_suite(task, suite).grid() for _ in range(2))
    assert list(one.cells) == list(two.cells)
    assert one.targets
    assert {cell.kind for cell in one.cells.values()} <= set(task.cells)
    assert {target.cell for target in one.targets} <= set(one.cells)
    assert all(cell.title for cell in one.cells.values())


@pytest.mark.parametrize(("name", "suite"), SUITES)
def test_no_cell_is_planned_that_nobody_asked_for(name, suite):
    grid = load_suite(find_task(name), suite).grid()
    assert set(grid.closure(target.cell for target in grid.targets)) == set(grid.cells)


@pytest.mark.parametrize(("name", "suite"), SUITES)
def test_identities_hold_no_path_host_or_date(name, suite):
    grid = load_suite(find_task(name), suite).grid()
    for cell in grid.cells.values():
        text = canonical_json(cell.identity)
        assert not re.search(r'"(/|~|\w:\\\\)[^"]*"', text), text
        assert not re.search(r"\b20\d\d-\d\d-\d\d\b", text), text


@pytest.mark.parametrize(("name", "suite"), SUITES)
def test_settings_survive_json_and_refuse_unknown_keys(name, suite):
    task = find_task(name)
    settings = load_suite(task, suite).settings
    values = json.loads(json.dumps(settings.model_dump(mode="json")))
    assert set(task.plan(parse_settings(task.settings, values)).cells) == set(task.plan(settings).cells)
    with pytest.raises(UserError, match="Unknown setting 'no_such_setting'"):
        parse_settings(task.settings, {**values, "no_such_setting": 1})
