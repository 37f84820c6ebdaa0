"""The page of the command, from what Typer knows of it."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from typer import Typer
from typer.models import ArgumentInfo, OptionInfo

from from_code.markdown import code, from_docstring, plain, table
from gridcell.cli.app import typer_of
from gridcell.cli.exit_codes import ExitCode

INTRODUCTION = """# The command

`gridcell COMMAND --help` prints the same. A mistake is answered by one sentence that names the nearest valid
choice, before anything is started.

"""


@dataclass(frozen=True)
class Command:
    """One command, such as ``gridcell cell show``.

    Attributes:
        words: by which it is called, after ``gridcell``.
        function: that runs it.
    """

    words: tuple[str, ...]
    function: Callable[..., Any]


@dataclass(frozen=True)
class Parameter:
    """An argument or an option.

    Attributes:
        names: of an option, as ``--suite``; none for an argument.
        value: the placeholder of its value; empty for a switch.
        help: what it does.
        default: as text; empty where there is none.
        required: whether it must be given.
    """

    names: tuple[str, ...]
    value: str
    help: str
    default: str
    required: bool


def commands(group: Typer | None = None, words: tuple[str, ...] = ()) -> Iterator[Command]:
    """Yield all commands, or a group's, in the order in which the help lists them, those of groups last."""
    group = group or typer_of()
    for each in group.registered_commands:
        if each.callback is not None and not each.hidden:
            name = each.name or each.callback.__name__.replace("_", "-")
            yield Command((*words, name), each.callback)
    for inner in group.registered_groups:
        if inner.typer_instance is not None and inner.name:
            yield from commands(inner.typer_instance, (*words, str(inner.name)))


def parameters(function: Callable[..., Any]) -> list[Parameter]:
    """Return what a command takes, in the order of its signature."""
    hints = get_type_hints(function, include_extras=True)
    return [
        _parameter(name, hints[name], parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
    ]


def page() -> str:
    """Return the page: each command with its arguments and options, then the exit codes."""
    codes = table(["code", "means"], [[code(each.value), each.meaning] for each in ExitCode])
    return "\n".join(
        [INTRODUCTION, *map(_section, commands()), "## Exit codes\n", codes],
    )


def _section(command: Command) -> str:
    found = parameters(command.function)
    arguments = [each for each in found if not each.names]
    options = [each for each in found if each.names]
    words = ["gridcell", *command.words, *(each.value for each in arguments)]
    lines = [f"## gridcell {' '.join(command.words)}\n"]
    lines += [from_docstring(_description(command.function)), ""]
    lines += ["```text", " ".join([*words, *(["[OPTIONS]"] if options else [])]), "```", ""]
    if arguments:
        lines += [table(["argument", "what it is"], [[code(each.value), each.help] for each in arguments])]
    if options:
        rows = [
            [
                " ".join(filter(None, [", ".join(map(code, each.names)), code(each.value)])),
                "(required)" if each.required else code(each.default),
                each.help,
            ]
            for each in options
        ]
        lines += [table(["option", "default", "what it does"], rows)]
    return "\n".join(lines)


def _description(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").partition("\n\nArgs:")[0].partition("\n\nRaises:")[0]


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    kind, info = _parts(hint)
    required = default is inspect.Parameter.empty
    text = plain(" ".join((info.help or "").split()))
    if isinstance(info, ArgumentInfo):
        return Parameter((), (info.metavar or name.upper()), text, _text(default), required)
    switch = kind is bool
    decls = _declared(info)
    if not decls:
        decls = (f"--{name.replace('_', '-')}",)
        decls = (*decls, f"--no-{decls[0][2:]}") if switch else decls
    value = "" if switch else (info.metavar or _choices(kind) or name.upper())
    return Parameter(decls, value, text, "" if switch else _text(default), required)


def _declared(info: OptionInfo) -> tuple[str, ...]:
    """Return an option's names. In ``Annotated`` the first stands where a default would."""
    first = [info.default] if isinstance(info.default, str) and info.default.startswith("-") else []
    declared = [name for names in (*first, *(info.param_decls or ())) for name in names.split("/")]
    return tuple(dict.fromkeys(declared))


def _parts(hint: Any) -> tuple[Any, OptionInfo | ArgumentInfo]:
    """Return the type of a parameter's values and what Typer was told of it."""
    kind: Any = hint
    info: OptionInfo | ArgumentInfo = OptionInfo()
    if get_origin(hint) is Annotated:
        kind, *told = get_args(hint)
        info = next((each for each in told if isinstance(each, OptionInfo | ArgumentInfo)), info)
    alternatives = [each for each in get_args(kind) if each is not type(None)]
    return (alternatives[0] if len(alternatives) == 1 and type(None) in get_args(kind) else kind), info


def _choices(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(each.value) for each in kind)
    return ""


def _text(default: Any) -> str:
    if default is inspect.Parameter.empty or default is None or default == "":
        return ""
    return str(default.value if isinstance(default, Enum) else default)
