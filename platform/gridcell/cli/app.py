"""The commands by name."""

from typing import Annotated

import typer

from gridcell.cli import (
    author,
    cells,
    compare,
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
)
from gridcell.provenance import describe_build

app = typer.Typer(
    name="gridcell",
    help="Run whole grids of experiments and read the answer off one report.\n\n"
    "Start with: gridcell run imagenet-rib --suite mini --storage runs",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("tasks")(inspect.tasks)
app.command("settings")(settings.settings)
app.command("plan")(inspect.plan)
app.command("run")(run.run)
app.command("status")(status.status)
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
app.command("submit")(jobs.submit)
app.add_typer(jobs.app, name="job")
app.add_typer(cells.app, name="cell")
app.add_typer(data.app, name="data")


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
