"""The command that lists what can be set."""

from typing import Annotated

import typer
from rich.table import Table

from gridcell.cli import common
from gridcell.cli.common import TaskName, print_json
from gridcell.settings.schema import Setting, find, json_schema
from gridcell.task import find_task


def settings(
    task: TaskName,
    path: Annotated[
        str, typer.Argument(metavar="[PATH]", help="Only what is below, e.g. training or methods.ewc.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the JSON schema of a suite file, for editors.")
    ] = False,
) -> None:
    """List what a suite or --set can set: values with their ranges, and defaults."""
    model = find_task(task).settings
    if as_json:
        print_json(json_schema(model))
        return
    table = Table("setting", "value", "default", "what it is", box=None, header_style="bold")
    table.columns[0].no_wrap = True
    for setting in find(model, path):
        table.add_row(".".join(setting.path), setting.type, _default(setting), _description(setting))
    console = common.console()
    console.print(table)
    if not path:
        console.print(
            "A suite file may also say 'extends: SUITE' and hold changes alone, leave entries out of what it "
            "extends by 'without: [ENTRY]', sweep settings by 'sweep: {methods.ewc.strength: [1, 10]}', and "
            "keep YAML anchors below keys that begin with 'x-'."
        )


def _default(setting: Setting) -> str:
    if setting.required:
        return "(required)"
    if setting.default is None or setting.default in ({}, []):
        return "-"
    return str(setting.default).lower() if isinstance(setting.default, bool) else str(setting.default)


def _description(setting: Setting) -> str:
    text = setting.description.replace("``", "")
    return f"[{setting.kind}] {text}".strip() if setting.kind else text
