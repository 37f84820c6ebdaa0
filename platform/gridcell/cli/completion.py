"""What the shell offers after TAB: tasks, suites, labels with their values, ids of cells."""

import contextlib
import os
from collections.abc import Callable, Iterator, MutableMapping
from enum import StrEnum
from typing import Annotated

import typer

from gridcell.errors import CorruptData, UserError

VARIABLE = "_GRIDCELL_COMPLETE"
"""Set by the shell's script: which shell asks, and for what."""

_MOST = 200  # of a long list the shell is offered so many


class Shell(StrEnum):
    """A shell that completion is for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the script that completes this command: eval "$(gridcell completion bash)" in ~/.bashrc."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    typer.echo(get_completion_script(prog_name="gridcell", complete_var=VARIABLE, shell=shell.value))


def tasks(incomplete: str) -> list[str]:
    """Return the tasks whose names start so."""
    from gridcell.task import task_names

    return _starting(task_names, incomplete)


def suites(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the suites of the task that stands on the command line already."""
    from gridcell.suite import suite_names
    from gridcell.task import find_task

    return _starting(lambda: suite_names(find_task(_task(ctx))), incomplete)


def _task(ctx: typer.Context) -> str:
    """Return the task on the command line; an option that has no value yet keeps it from being parsed."""
    return str(ctx.params.get("task") or next(iter(ctx.args), ""))


def selections(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return ``label=``, or ``label=value`` once the label is there, of the suite on the command line.

    After a comma a further value is offered.
    """

    def found() -> Iterator[str]:
        from gridcell.answers.request import request

        given = ctx.params
        targets = request(
            _task(ctx), str(given.get("suite") or "mini"), None, given.get("override")
        ).grid.targets
        label, equals, values = incomplete.partition("=")
        if not equals:
            yield from dict.fromkeys(f"{name}=" for each in targets for name in each.labels)
            return
        before = values.rpartition(",")[0]
        for value in dict.fromkeys(str(each.labels[label]) for each in targets if label in each.labels):
            yield f"{label}={before},{value}" if before else f"{label}={value}"

    return _starting(found, incomplete)


def cells(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the ids of planned cells that start so, with their titles."""

    def found() -> Iterator[str]:
        from gridcell.answers.request import open_store

        for plan in open_store(str(ctx.params.get("storage") or "runs")).plans.read_all():
            titles.update({cell_id: cell.title for cell_id, cell in plan.cells.items()})
        yield from titles

    titles: dict[str, str] = {}
    return [(cell_id, titles[cell_id].replace(":", " ")) for cell_id in _starting(found, incomplete)]


def _starting(names: Callable[[], "Iterator[str] | list[str]"], incomplete: str) -> list[str]:
    """Return the names that start so; none if the command line has a mistake, which the command tells."""
    with contextlib.suppress(UserError, CorruptData, OSError, KeyError):
        return [name for name in names() if name.startswith(incomplete)][:_MOST]
    return []


def joined_words(environment: MutableMapping[str, str]) -> str:
    r"""Undo that bash breaks ``--select method=ft`` at the equals sign; return what it takes as given.

    Bash hands over ``method``, ``=`` and ``ft`` as three words and replaces the last alone. The words are
    joined in the environment, and what stands before the value has to be cut from each offer.

    Args:
        environment: holds ``COMP_WORDS``, a word a line, and ``COMP_CWORD``, the place of the last.

    Example:
        >>> words = {"COMP_WORDS": "gridcell\nrun\nfarmap\n--select\nagent\n=\nfa", "COMP_CWORD": "6"}
        >>> joined_words(words), words["COMP_WORDS"].split()[-1], words["COMP_CWORD"]
        ('agent=', 'agent=fa', '4')
    """
    words = environment["COMP_WORDS"].split("\n")
    last = int(environment["COMP_CWORD"])
    words = words[: last + 1]
    if last < 2 or "=" not in words[-2:]:
        return ""
    value = "" if words[-1] == "=" else words.pop()
    words.pop()  # the equals sign
    label = words.pop()
    environment["COMP_WORDS"] = "\n".join([*words, f"{label}={value}"])
    environment["COMP_CWORD"] = str(len(words))
    return f"{label}="


def cut_offers(text: str, given: str) -> str:
    """Cut what bash takes as given from each line that is offered."""
    return "\n".join(line.removeprefix(given) for line in text.split("\n")) if given else text


def answer_bash(answer: Callable[[], None]) -> None:
    """Let Typer answer bash, and print what bash can use of it."""
    import io
    from contextlib import redirect_stdout

    given = joined_words(os.environ)
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            answer()
    finally:
        typer.echo(cut_offers(said.getvalue(), given), nl=False)
