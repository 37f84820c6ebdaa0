"""A page for each public module, from its ``__all__``."""

import ast
import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import gridcell

ROOT = Path(str(gridcell.__file__)).parent
PUBLIC = sorted(
    ".".join(("gridcell", *stub.parent.relative_to(ROOT).parts)) for stub in ROOT.rglob("__init__.pyi")
)
"""The modules that CONTRIBUTING.md calls public: those whose names a stub lists."""


MEMBERS = "   :members:\n   :exclude-members: set\n"
"""Not ``set``: matplotlib writes one for each kind of figure, in markup of its own."""


def pages() -> dict[str, str]:
    """Return the page of each public module."""
    return {f"api/{name}.md": page(import_module(name)) for name in PUBLIC}


def names_of(module: ModuleType) -> list[str]:
    """Return the names of a module's ``__all__``, in the order of the alphabet."""
    return sorted(module.__all__, key=lambda name: (name.lower(), name))


def page(module: ModuleType) -> str:
    """Return a module's page: its docstring, and each of its names."""
    lines = [f"# {module.__name__}\n", "```{eval-rst}"]
    lines += [f".. automodule:: {module.__name__}", "   :no-members:\n"]
    for name in names_of(module):
        lines.append(_entry(module, name, getattr(module, name)))
    return "\n".join([*lines, "```", ""])


def _entry(module: ModuleType, name: str, value: Any) -> str:
    full = f"{module.__name__}.{name}"
    if inspect.ismodule(value) and value.__name__ in PUBLIC:
        return f"A package of its own, see :doc:`its page <{full}>`: {full}\n"
    if inspect.ismodule(value):
        return f".. automodule:: {value.__name__}\n{MEMBERS}"
    if inspect.isclass(value):
        return f".. autoclass:: {full}\n{MEMBERS}"
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        return f".. autofunction:: {full}\n"
    return f".. autodata:: {_home(module, name)}\n   :no-value:\n"


def _home(module: ModuleType, name: str) -> str:
    """Return the full name of a value where it is assigned: the sentence that tells of it stands there."""
    file = Path(str(module.__file__))
    stub = file.with_suffix(".pyi")
    for node in ast.parse((stub if stub.exists() else file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    where = "." * node.level + str(node.module)
                    return _home(import_module(where, module.__name__), alias.name)
    return f"{module.__name__}.{name}"
