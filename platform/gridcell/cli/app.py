"""The commands by name. A command's module is imported once the command is asked for, not before."""

import shlex
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command


class Entry(NamedTuple):
    """A command, or a group of commands.

    Attributes:
        where: ``module:name`` of its function, or of the Typer object of a group.
        help: its line in the list of commands; it fits into a terminal of 80 columns.
    """

    where: str
    help: str


COMMANDS = {
    "tasks": Entry("inspect:tasks", "List the installed tasks and their suites."),
    "settings": Entry("settings:settings", "List what a suite or --set can set, with ranges and defaults."),
    "plan": Entry("inspect:plan", "Show what 'run' would run, and start nothing."),
    "run": Entry("run:run", "Run a suite's missing cells, then report."),
    "status": Entry("status:status", "Show how far a grid is, what runs, and why cells failed."),
    "tune": Entry("tune:tune", "Search settings."),
    "logs": Entry("logs:logs", "Print what a cell printed in its latest attempts."),
    "report": Entry("reports:report", "Write the report of what is done so far."),
    "results": Entry("results:results", "Print results, or write CSV, Parquet, JSON, LaTeX, Markdown."),
    "compare": Entry("compare:compare", "Compare two sets of results, and what made them."),
    "forget": Entry("forget:forget", "Remove selected results and all that was made from them."),
    "sync": Entry("mirrored:sync", "Write to MLflow what it lacks of the storage's results."),
    "ui": Entry("mirrored:ui", "Serve MLflow's pages on this machine alone."),
    "play": Entry("play:play", "Watch a cell's agent play, finished or still learning."),
    "export": Entry("export:export", "Write a cell's model as a folder that other programs load."),
    "doctor": Entry("doctor:doctor", "Check whether a run would work here."),
    "docs": Entry("docs:docs", "Open the documentation in a browser."),
    "new": Entry("author:new", "Write a task or a part of your own that works, and its test."),
    "check": Entry("author:check", "Check that your task, or file of parts, keeps the contract."),
    "completion": Entry("completion:completion", "Print the script that completes commands in your shell."),
    "submit": Entry("jobs:submit", "Send this folder's code to a Ray cluster and run a suite there."),
    "job": Entry("jobs:app", "Show, watch and stop jobs on a Ray cluster."),
    "cell": Entry("cells:app", "List cells, show one, or run one in the foreground."),
    "data": Entry("data:app", "Make and check data sets."),
    "store": Entry("stores:app", "See what a storage holds, and remove what is not needed."),
}


class Commands(TyperGroup):
    """The commands; each is a placeholder until it is asked for. It says what a wrong name may mean."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the words name.

        Raises:
            UserError: there is none of that name.
        """
        name = args[0] if args else ""
        if name in COMMANDS:
            self.commands[name] = get_command(typer_of([name])).commands[name]  # type: ignore[attr-defined]
        elif name and not name.startswith("-"):
            raise _no_command(name, args)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Parse and run the command that the words name.

        Raises:
            UserError: the value of an option is wrong.
        """
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from gridcell.cli.option_values import wrong_value

            if (mistake := wrong_value(error)) is not None:
                raise mistake from error
            raise


def _no_command(name: str, words: list[str]) -> Exception:
    from gridcell.errors import UserError, unknown
    from gridcell.task import task_names

    tasks = task_names()
    if name in tasks:
        meant = shlex.join(["gridcell", "run", *words])
        return UserError(f"'{name}' is a task, no command: did you mean '{meant}'?")
    nearest = get_close_matches(name, [*COMMANDS, *tasks], n=1)
    if nearest and nearest[0] in tasks:
        meant = shlex.join(["gridcell", "run", nearest[0], *words[1:]])
        return UserError(f"There is no command '{name}': did you mean '{meant}'?")
    return unknown("command", name, COMMANDS)


def typer_of(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Import commands, and return an application that has them alone.

    Example:
        >>> [each.name for each in typer_of(["plan"]).registered_commands]
        ['plan']
    """
    found = typer.Typer(rich_markup_mode=None, callback=options)
    for name in names:
        module, _, attribute = COMMANDS[name].where.partition(":")
        part = getattr(import_module(f"gridcell.cli.{module}"), attribute)
        if isinstance(part, typer.Typer):
            found.add_typer(part, name=name)
        else:
            found.command(name)(part)
    return found


def _print_version(wanted: bool) -> None:
    if wanted:
        from gridcell.build import describe_build

        typer.echo(describe_build())
        raise typer.Exit


def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and the commit of the sources.",
        ),
    ] = False,
) -> None:
    """Options of the command as a whole."""


def _placeholder() -> None:
    """Stands for a command until it is asked for."""


app = typer.Typer(
    name="gridcell",
    help="Run whole grids of experiments and read the answer off one report.\n\n"
    "Start with: gridcell run imagenet-rib --suite mini --storage runs",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=Commands,
    callback=options,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _entry in COMMANDS.items():
    app.command(_name, help=_entry.help)(_placeholder)
