"""The command that opens the documentation."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

import gridcell
from gridcell.cli import common
from gridcell.errors import UserError

SITE = Path(gridcell.__file__).parent / "site" / "index.html"
"""The first page of the site: 'make docs' builds it here, and a wheel of 'make release' carries it."""


def docs(
    path: Annotated[
        bool, typer.Option("--path", help="Print the address of the first page; open nothing.")
    ] = False,
) -> None:
    """Open the documentation in a browser. It needs no network."""
    if not SITE.exists():
        raise UserError("The documentation isn't built here: run 'make docs' in a clone of gridcell")
    console = common.console()
    console.print(SITE.as_uri(), soft_wrap=True)
    if not path and not webbrowser.open(SITE.as_uri()):
        console.print("No browser could be started: open this address in yours.")
