"""Commands for data sets."""

from pathlib import Path
from typing import Annotated

import typer

from gridcell.cli import common

app = typer.Typer(help="Make and check data sets.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def options() -> None:
    """Make and check data sets."""


@app.command()
def derive(
    base: Annotated[Path, typer.Option("--base", metavar="DIR", help="Images, in one folder per class.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the suite of sets goes.")],
    size: Annotated[int, typer.Option(metavar="PX", min=16, help="Side of the images.")] = 224,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and of every random effect.")] = 0,
) -> None:
    """Split your own labelled images and derive the eight shifted sets, as imagenet-rib's mini suite does.

    Then run: gridcell run imagenet-rib --set data.source=folder --set data.root=DIR
    """
    from gridcell.data.derive import derive_folder

    manifest = derive_folder(base, out, size=size, seed=seed)
    console = common.console()
    for name, about in manifest["sets"].items():
        console.print(f"{name:10} {about['images']:6} images of {len(about['classes'])} classes")
    console.print(f"Written to {out}", soft_wrap=True)
