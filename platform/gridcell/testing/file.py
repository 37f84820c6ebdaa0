"""The checks of all that a file of the user's own defines."""

from pathlib import Path

from gridcell import plugins
from gridcell.parts import DATA_KINDS, check_useful
from gridcell.task import Task, find_task, task_names
from gridcell.testing.check import Check
from gridcell.testing.part import part_checks
from gridcell.testing.task import task_checks


def file_checks(file: str | Path) -> list[Check]:
    """Load a file as a plug-in and return the checks of each part and task that it defines.

    Raises:
        UserError: the file can't be loaded, or defines nothing.

    Example:
        >>> import pytest
        >>> @pytest.mark.parametrize("check", file_checks("mine.py"), ids=str)  # doctest: +SKIP
        ... def test_the_contract(check):
        ...     check()
    """
    (plugin,) = plugins.load([file])
    task = getattr(plugin.module, "task", None)
    if isinstance(task, Task):
        return task_checks(task)
    kinds = dict(DATA_KINDS)
    for name in task_names():
        kinds |= find_task(name).parts
    check_useful([plugin], kinds)
    return [
        Check(f"{name} '{part.name}': {check.name}", check.run)
        for name, kind in kinds.items()
        for part in kind.parts().plugged(plugin)
        for check in part_checks(kind, part, str(plugin.path))
    ]
