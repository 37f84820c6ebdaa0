"""The commands by name."""

import shlex
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gridcell.cli import (
    author,
    cell_list,
    cells,
    compare,
    completion,
    data,
    docs,
    doctor,
    export,
    forget,
    inspect,
    jobs,
    logs,
    play,
    reports,
    results,
    run,
    settings,
    status,
    stores,
    tune,
)
from gridcell.errors import UserError, unknown
from gridcell.provenance import describe_build
from gridcell.task import task_names


class Commands(TyperGroup):
    """The commands; of a name that is none it says what may be meant."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the words name.

        Raises:
            UserError: there is none of that name.
        """
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            if name in task_names():
                meant = shlex.join(["gridcell", "run", *args])
                raise UserError(f"'{name}' is a task, no command: did you mean '{meant}'?")
            raise unknown("command", name, self.list_commands(ctx))
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="gridcell",
    help="Run whole grids of experiments and read the answer off one report.\n\n"
    "Start with: gridcell run imagenet-rib --suite mini --storage runs",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("tasks")(inspect.tasks)
app.command("settings")(settings.settings)
app.command("plan")(inspect.plan)
app.command("run")(run.run)
app.command("status")(status.status)
app.command("tune")(tune.tune)
app.command("logs")(logs.logs)
app.command("report")(reports.report)
app.command("results")(results.results)
app.command("compare")(compare.compare)
app.command("forget")(forget.forget)
app.command("sync")(reports.sync)
app.command("ui")(reports.ui)
app.command("play")(play.play)
app.command("export")(export.export)
app.command("doctor")(doctor.doctor)
app.command("docs")(docs.docs)
app.command("new")(author.new)
app.command("check")(author.check)
app.command("completion")(completion.completion)
app.command("submit")(jobs.submit)
app.add_typer(jobs.app, name="job")
cells.app.command("list")(cell_list.list_cells)
app.add_typer(cells.app, name="cell")
app.add_typer(data.app, name="data")
app.add_typer(stores.app, name="store")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(describe_build())
        raise typer.Exit


@app.callback()
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
