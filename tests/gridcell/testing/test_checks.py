"""The contract's checks pass what keeps it and name what breaks it."""

from dataclasses import replace

import pytest
import toy_task

from gridcell.errors import UserError
from gridcell.grid import GridBuilder
from gridcell.parts import PartKind
from gridcell.settings import Strict
from gridcell.testing import ContractError, file_checks, part_checks, task_checks
from imagenet_rib.method import FineTuning
from imagenet_rib.methods import get


def broken(task):
    """Return the names of the checks that a task breaks."""
    names = []
    for check in task_checks(task):
        try:
            check()
        except (AssertionError, UserError):
            names.append(check.name)
    return names


def with_plan(plan):
    return replace(toy_task.task, plan=plan)


class Loose(toy_task.Settings, extra="allow"):
    """Settings that take anything."""


def extra_cell(settings):
    grid = GridBuilder("toy")
    grid.target({"a": 1}, grid.add("step", {}, title="one"))
    grid.add("step", {"nobody": "asks"}, title="two")
    return grid.build()


def with_path(settings):
    grid = GridBuilder("toy")
    grid.target({"a": 1}, grid.add("step", {"file": "/home/me/data"}, title="one"))
    return grid.build()


def without_title(settings):
    grid = GridBuilder("toy")
    grid.target({"a": 1}, grid.add("step", {}))
    return grid.build()


def of_unknown_kind(settings):
    grid = GridBuilder("toy")
    grid.target({"a": 1}, grid.add("no such kind", {}, title="one"))
    return grid.build()


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (replace(toy_task.task, summary="short"), "it describes itself"),
        (replace(toy_task.task, report="toy_task:missing"), "every function"),
        (with_plan(extra_cell), "it plans no cell that nothing asks for"),
        (with_plan(with_path), "ids hold no path"),
        (with_plan(without_title), "the suite 'mini' plans"),
        (with_plan(of_unknown_kind), "the suite 'mini' plans"),
        (replace(toy_task.task, settings=Loose), "settings survive JSON"),
    ],
)
def test_what_breaks_the_contract_is_named(task, name):
    assert any(each.startswith(name) for each in broken(task))


def test_a_part_without_defaults_or_name_is_named():
    class Needy(Strict):
        """Needs a value."""

        value: float

    kind = PartKind("imagenet_rib.methods:registry")

    def check_all(part):
        for check in part_checks(kind, part):
            check()

    prepare = get("ft").prepare
    with pytest.raises(UserError, match="value"):
        check_all(FineTuning("needs", "A summary.", prepare, parameters=Needy))
    with pytest.raises(ContractError, match="the name is 'a b'"):
        check_all(FineTuning("a b", "A summary.", prepare))


def test_a_file_that_imports_torch_when_it_is_loaded_is_named(tmp_path):
    file = tmp_path / "heavy_of_test.py"
    file.write_text(
        "import torch\nfrom imagenet_rib.method import FineTuning\n"
        "method = FineTuning('heavy', 'A summary.', lambda start: torch)\n"
    )
    (check,) = [check for check in file_checks(file) if "training library" in check.name]
    with pytest.raises(ContractError, match="loading the file imports torch"):
        check()
