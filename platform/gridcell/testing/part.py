"""The contract of parts: what gridcell itself can check, and what the task adds."""

import re
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from gridcell.parts import PartKind
from gridcell.suite import parse_settings
from gridcell.testing.check import HEAVY, Check, in_fresh_process, require

_LOAD = """
from gridcell import plugins
plugins.load([file])
answer = sorted(name for name in heavy if name in sys.modules)
"""


def part_checks(kind: PartKind, part: Any, file: str | None = None) -> list[Check]:
    """Return the checks that a part of a kind must pass.

    Args:
        kind: of the part, as its task names it.
        part: to be checked.
        file: that it lies in, where that is the user's own.

    Example:
        >>> from gridcell.task import find_task
        >>> kind = find_task("farmap").parts["agent"]
        >>> checks = part_checks(kind, kind.parts().get("frontier"))
        >>> len(checks) > 0
        True
    """
    checks = {
        "it has a name that suites can use": partial(_named, part),
        "its settings all have defaults": partial(_defaults, part),
    }
    if file is not None:
        checks["to load its file imports no training library"] = partial(_light, file)
    found = [Check(name, run) for name, run in checks.items()]
    if kind.checks:
        module, _, function = kind.checks.partition(":")
        found += getattr(import_module(module), function)(part)
    return found


def _named(part: Any) -> None:
    name = getattr(part, "name", None)
    require(isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_.-]+", name), f"the name is {name!r}")


def _defaults(part: Any) -> None:
    model = getattr(part, "parameters", None)
    if isinstance(model, type):
        parse_settings(model, {})
    elif isinstance(model, Mapping):
        require(all(isinstance(value, int | float) for value in model.values()), "a default is no number")


def _light(file: str) -> None:
    heavy = in_fresh_process(_LOAD, {"file": file, "heavy": HEAVY})
    require(not heavy, f"loading the file imports {', '.join(heavy)}: import it in the functions that use it")
