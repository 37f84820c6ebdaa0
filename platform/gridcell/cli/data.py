"""Commands for data sets."""

import typer

app = typer.Typer(help="Make and check data sets.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def options() -> None:
    """Make and check data sets."""
