"""Figures as files: PNG for pages, SVG and PDF for papers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gridcell.errors import UserError, unknown
from gridcell.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")


def save_figure(figure: Figure, *paths: str | Path) -> list[Path]:
    """Write a figure to files; the ending says how: ``.png``, ``.svg`` or ``.pdf``.

    Text stays text, in SVG and in PDF (TrueType), so that it can be searched and edited. The same figure
    gives the same bytes each time.

    Args:
        figure: from ``gridcell.plots``, or any of matplotlib.
        paths: files to write; their folders are made.

    Returns:
        The files.

    Raises:
        UserError: an ending is another one, or a file can't be written.

    Example:
        >>> gridcell.plots.save_figure(figure, "matrix.svg", "matrix.pdf")  # doctest: +SKIP
    """
    import matplotlib

    files = [Path(path).expanduser() for path in paths]
    for file in files:
        if file.suffix.lower().removeprefix(".") not in FORMATS:
            raise unknown("ending of a figure's file", file.suffix, [f".{name}" for name in FORMATS])
    own = {"svg.fonttype": "none", "svg.hashsalt": "gridcell", "pdf.fonttype": 42}
    for file in files:
        ending = file.suffix.lower().removeprefix(".")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if ending == "png":
                file.write_bytes(style.to_png(figure))
            else:
                undated = {"Date": None} if ending == "svg" else {"CreationDate": None, "ModDate": None}
                with matplotlib.rc_context(own):
                    figure.savefig(file, format=ending, metadata=undated)
        except OSError as error:
            raise UserError(f"The figure can't be written to '{file}': {error.strerror}") from error
    return files
