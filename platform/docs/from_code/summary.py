"""The page of ``summary.json``: what each task's report writes there, from the docstring of what makes it."""

import inspect
import textwrap
from importlib import import_module
from importlib.util import find_spec

from gridcell.task import Task, find_task, task_names

INTRODUCTION = """# summary.json

Every report writes the numbers behind its page to `summary.json`. A number that is not finite is null.
`ci95` is an interval of 95 %, null where there are too few values for one.
"""


def page() -> str:
    """Return the page: a section for each task that says what its summary holds."""
    tasks = [find_task(name) for name in task_names()]
    return "\n".join([INTRODUCTION, *(_section(task) for task in tasks if module_of(task))])


def module_of(task: Task) -> str:
    """Return the module whose ``summarise`` makes a task's summary; empty where it has none."""
    package = task.report.partition(":")[0].rpartition(".")[0]
    name = f"{package}.summary"
    return name if package and find_spec(name) else ""


def _section(task: Task) -> str:
    text = inspect.getdoc(import_module(module_of(task)).summarise) or ""
    told, _, returned = text.partition("\nReturns:\n")
    told = told.partition("\nArgs:\n")[0].partition("\n\n")[2] if returned else told.partition("\n\n")[2]
    returned = textwrap.dedent(returned.partition("\nRaises:\n")[0])
    body = returned.replace("A dict ready for JSON:", "").replace("A dict ready for JSON, all", "All")
    return f"## {task.name}\n\n```{{eval-rst}}\n{told.strip()}\n\n{body.strip()}\n```\n"
