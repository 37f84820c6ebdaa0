"""What constructors of environments take, so that wrong options are found before anything runs."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gridcell import Mistake, SettingsError, unknown

_KINDS = {"bool": "true or false", "int": "a number", "float": "a number", "str": "text"}
_HOW_LONG = "max_episode_steps"
_OF_EVERY_ENVIRONMENT = (_HOW_LONG, "disable_env_checker")  # gymnasium.make takes them itself
_SHOWN_BY_OTHERS = "render_mode"


@dataclass(frozen=True)
class Argument:
    """An argument of a constructor.

    Attributes:
        name: of it.
        kind: ``bool``, ``int``, ``float`` or ``str`` by its annotation or its default; else empty.
    """

    name: str
    kind: str = ""


def check_arguments(
    environment: str,
    options: Mapping[str, Any],
    arguments: Sequence[Argument],
    where: str,
    *,
    others: bool = False,
) -> None:
    """Check options against the constructor that takes them.

    An option is only refused where the constructor would misread it or fail: text where it wants true or
    false is true to it, be it ``no``.

    Args:
        environment: id, for messages.
        options: of the environment.
        arguments: that its constructor names.
        where: key of the options, for messages.
        others: whether it may take more than it names.

    Raises:
        SettingsError: an option is unknown, or of the wrong kind.
    """
    kinds = {argument.name: argument.kind for argument in arguments}
    known = {*kinds, *_OF_EVERY_ENVIRONMENT} - {_SHOWN_BY_OTHERS}
    mistakes = []
    for name, value in options.items():
        if name == _SHOWN_BY_OTHERS:
            wrong = "is wrong: videos and 'gridcell play' choose how an environment is shown: leave it out"
        elif name == _HOW_LONG:
            wrong = _wrong_length(value)
        elif not others and name not in known:
            sentence = str(unknown(f"option of '{environment}'", name, known))
            mistakes.append(Mistake((where, name), sentence, unknown=name))
            continue
        else:
            wrong = _wrong_kind(value, kinds.get(name, ""))
        if wrong:
            mistakes.append(Mistake((where, name), f"The setting '{{where}}' {wrong}"))
    if mistakes:
        raise SettingsError(mistakes)


def _wrong_length(value: Any) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is None or (whole and (value > 0 or value == -1)):
        return ""
    return f"is wrong: it must be a whole number above 0, or -1 for no limit (it is {value!r})"


def _wrong_kind(value: Any, kind: str) -> str:
    """Say what is wrong with a value; null stays the constructor's to judge, but where a flag is expected."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "bool": isinstance(value, bool),
        "int": number or value is None,
        "float": number or value is None,
        "str": isinstance(value, str) or value is None,
    }
    return "" if fits.get(kind, True) else f"is wrong: {_KINDS[kind]} is expected (it is {value!r})"


@cache
def arguments_in_source(entry_point: str) -> tuple[Argument, ...]:
    """Return what a constructor names, from its source: it is not imported.

    A constructor that passes on what it does not name takes what its base class names as well.

    Args:
        entry_point: ``module:class``; the module may have the class from another one of its package.

    Returns:
        In order, each name once; none where there is no source.

    Example:
        >>> [a.name for a in arguments_in_source("gymnasium.envs.toy_text.blackjack:BlackjackEnv")]
        ['render_mode', 'natural', 'sab']
    """
    module, _, name = entry_point.partition(":")
    file = _file_of(module)
    if file is None:
        return ()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            first: dict[str, Argument] = {}
            for one in _of_class(node, module):
                first.setdefault(one.name, one)
            return tuple(first.values())
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for imported in node.names:
                if name == (imported.asname or imported.name):
                    return arguments_in_source(f"{node.module}:{imported.name}")
    return ()


def _file_of(module: str) -> Path | None:
    """Return the source of a module or of a package's own ``__init__``; None: there is none."""
    package, *inner = module.split(".")
    found = find_spec(package)
    for folder in (found and found.submodule_search_locations) or ():
        place = Path(folder, *inner)
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.is_file():
                return file
    return None


def _of_class(node: ast.ClassDef, module: str) -> tuple[Argument, ...]:
    constructor = next(
        (inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"),
        None,
    )
    own: tuple[Argument, ...] = ()
    given_by_itself: set[str | None] = set()
    if constructor is not None:
        given = constructor.args
        plain, named = [*given.posonlyargs, *given.args], given.kwonlyargs
        defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
        pairs = [*zip(plain, defaults, strict=True), *zip(named, given.kw_defaults, strict=True)]
        own = tuple(_written(argument, default) for argument, default in pairs[1:])  # without self
        if given.kwarg is None:
            return own
        given_by_itself = _given_to_bases(constructor)
    bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
    further = (one for base in bases for one in arguments_in_source(f"{module}:{base}"))
    return (*own, *(one for one in further if one.name not in given_by_itself))


def _given_to_bases(constructor: ast.FunctionDef) -> set[str | None]:
    """Return the arguments that a constructor gives to that of a base class by name: no caller can."""
    return {
        keyword.arg
        for node in ast.walk(constructor)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "__init__"
        for keyword in node.keywords
    }


def _written(argument: ast.arg, default: ast.expr | None) -> Argument:
    if argument.annotation is not None:
        return Argument(argument.arg, _known(ast.unparse(argument.annotation)))
    try:
        value = None if default is None else ast.literal_eval(default)
    except ValueError:
        return Argument(argument.arg)
    return Argument(argument.arg, _known(type(value).__name__))


def arguments_of(creator: Any) -> tuple[tuple[Argument, ...], bool]:
    """Return what a constructor that is imported names, and whether it takes others as well.

    Only flags have a kind here: what else an environment of somebody's own may take it says itself.
    """
    parameters = inspect.signature(creator).parameters.values()
    found = tuple(
        Argument(one.name, "bool" if _is_flag(one) else "")
        for one in parameters
        if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    )
    return found, any(one.kind is one.VAR_KEYWORD for one in parameters)


def _is_flag(parameter: inspect.Parameter) -> bool:
    if parameter.annotation is not parameter.empty:
        return parameter.annotation in (bool, "bool")
    return isinstance(parameter.default, bool)


def _known(kind: str) -> str:
    return kind if kind in _KINDS else ""
