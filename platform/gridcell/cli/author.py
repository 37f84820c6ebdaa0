"""Commands for authors of parts and tasks: new, check."""

import itertools
import keyword
import re
from collections.abc import Container, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from gridcell import plugins
from gridcell.cli import common
from gridcell.cli.common import DEFAULT_SUITE, Plugins, SuiteName
from gridcell.cli.exit_codes import ExitCode
from gridcell.errors import UserError, unknown
from gridcell.parts import DATA_KINDS, PartKind
from gridcell.task import find_task, task_names
from gridcell.testing.check import Check
from gridcell.testing.file import file_checks
from gridcell.testing.task import task_checks

_TASK_TEMPLATE = "gridcell.testing:new_task.txt"
_TEST = '''"""The contract of $name, and what is particular to it."""

from pathlib import Path

import pytest

from gridcell.testing import file_checks

FILE = Path(__file__).with_name("$module.py")


@pytest.mark.parametrize("check", file_checks(FILE), ids=str)
def test_it_keeps_the_contract(check):
    check()
'''


def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="task, or a kind of part, e.g. method.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name in suites, e.g. mine.")],
) -> None:
    """Write a task or a part of your own that works, and its test, into this folder."""
    templates = _templates()
    if kind not in templates:
        raise unknown("kind", kind, templates)
    module = name.replace("-", "_").replace(".", "_")
    if not re.fullmatch(r"[A-Za-z]\w*", module, re.ASCII):
        raise UserError(
            f"The name '{name}' must be letters (a to z), digits, - and _, and begin with a letter"
        )
    if kind == "task":  # as all tasks are called; the file has the name that was given
        name = module.lower().replace("_", "-")
    taken = _taken(kind)
    if name in taken:
        free = _free(name, taken, "-" if kind == "task" else "_")
        raise UserError(f"The name '{name}' is taken by another {kind}: call yours '{free}'")
    if keyword.iskeyword(module) or (hidden := plugins.hidden_by(module)):
        of = "is a word of Python's" if keyword.iskeyword(module) else f"is that of another module, {hidden}"
        raise UserError(f"The name '{name}' {of}: call yours 'my_{module}'")
    paths = {Path(f"{module}.py"): _text(templates[kind][0]), Path(f"test_{module}.py"): _TEST}
    for path in paths:
        if path.exists():
            raise UserError(f"There is a file '{path}' already: give another name, or remove the file")
    for path, text in paths.items():
        path.write_text(Template(text).substitute(name=name, module=module), encoding="utf-8")
    console = common.console()
    console.print(f"Wrote {' and '.join(map(str, paths))}. Edit, then:")
    console.print(f"  gridcell check {module}.py")
    for line in Template(templates[kind][1]).substitute(name=name, module=module).splitlines():
        console.print(f"  {line}", soft_wrap=True)


def check(
    what: Annotated[str, typer.Argument(metavar="TASK|FILE", help="A task, or a Python file of your own.")],
    suite: SuiteName = DEFAULT_SUITE,
    plugin: Plugins = None,
) -> None:
    """Check that a task, or a file with parts of your own, keeps the contract. Runs no cell of a grid."""
    plugins.load(plugin or ())
    checks = file_checks(what) if what.endswith(".py") else task_checks(find_task(what), suite)
    console = common.console()
    broken = 0
    for each in checks:
        why = _why_broken(each)
        broken += why is not None
        console.print(f"{'ok    ' if why is None else 'BROKEN'}  {each.name}", soft_wrap=True)
        if why is not None:
            console.print(f"        {why}", soft_wrap=True)
    console.print(f"{len(checks) - broken} of {len(checks)} checks passed")
    if broken:
        raise typer.Exit(ExitCode.FAILED)


def _why_broken(check: Check) -> str | None:
    try:
        check()
    except Exception as error:  # whatever the author's code raises is the finding
        text = " ".join(str(error).split())
        return text if isinstance(error, AssertionError | UserError) else f"{type(error).__name__}: {text}"
    return None


def _taken(kind: str) -> set[str]:
    """Return the names that parts of a kind have already; of a task, those of the tasks."""
    if kind == "task":
        return set(task_names())
    found: set[str] = set()
    for kinds in (DATA_KINDS, *(find_task(task).parts for task in task_names())):
        if kind in kinds:
            found |= set(kinds[kind].parts().all)
    return found


def _free(name: str, taken: Container[str], separator: str) -> str:
    """Return the nearest name that is free."""
    numbered = (f"{name}{separator}{number}" for number in itertools.count(2))
    return next(each for each in numbered if each not in taken)


def _templates() -> Mapping[str, tuple[str, str]]:
    """Return kind -> where its template is, and the command that uses what is made of it."""
    found = {"task": (_TASK_TEMPLATE, "gridcell run $name --plugin $module.py")}
    kinds: dict[str, tuple[PartKind, str]] = {name: (kind, "") for name, kind in DATA_KINDS.items()}
    for task in task_names():
        kinds |= {name: (kind, task) for name, kind in find_task(task).parts.items()}
    for name, (kind, task) in kinds.items():
        if kind.template:
            use = kind.use or f"gridcell run {task} --plugin $module.py"
            found[name] = (kind.template, use)
    return found


def _text(where: str) -> str:
    module, _, name = where.partition(":")
    return files(module).joinpath(name).read_text(encoding="utf-8")
