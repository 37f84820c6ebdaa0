"""Tidy rows as text and files: CSV, Parquet, JSON, and tables for papers in LaTeX and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridcell.answers.frames import column
from gridcell.errors import UserError, did_you_mean
from gridcell.report.tidy import Tidy, csv_value
from gridcell.store.values import without_not_finite

Row = Sequence[Any]


@dataclass(frozen=True)
class Sheet:
    """Columns and rows as they are to be written, in Python's own types; None: not known.

    Attributes:
        columns: names.
        rows: a value for each column.
        notes: sentences on what a reader of the rows must know.
    """

    columns: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[str] = ()


def column_names(text: str | None) -> list[str]:
    """Return the names in ``a,b``; none of None.

    Raises:
        UserError: a text has no name.
    """
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if text is not None and not names:
        raise UserError(f"'--columns {text}' names no column")
    return names


def check_columns(wanted: Sequence[str], known: Sequence[str], what: str) -> None:
    """Make sure that there are columns of these names.

    Args:
        wanted: names.
        known: those that there are.
        what: has them, as the message begins.

    Raises:
        UserError: there is no such column; names all that are wrong.
    """
    wrong = [name for name in wanted if name not in known]
    if wrong:
        named = "; ".join(f"'{name}': {did_you_mean(name, known)}" for name in wrong)
        raise UserError(f"{what} have no column {named}")


def sheet(tidy: Tidy, columns: Sequence[str] = ()) -> Sheet:
    """Choose columns, by default all.

    Raises:
        UserError: there is no such column; names all that are wrong.
    """
    check_columns(columns, tidy.columns, "The results")
    chosen = list(columns) or tidy.columns
    return Sheet(chosen, [[row.get(name) for name in chosen] for row in tidy.rows])


def as_csv(table: Sheet) -> bytes:
    """Write CSV in UTF-8: lists as JSON, numbers exactly, what is not known empty, NaN as ``nan``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([csv_value(value) for value in row] for row in table.rows)
    return text.getvalue().encode()


def as_json(table: Sheet) -> bytes:
    """Write a JSON list with an object for each row; a number that is not finite is null."""
    rows, _ = without_not_finite([dict(zip(table.columns, row, strict=True)) for row in table.rows])
    return (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode()


def as_parquet(table: Sheet) -> bytes:
    """Write Parquet, a type for each column; lists, and values of several types, as JSON text."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for index, name in enumerate(table.columns):
        values = [row[index] for row in table.rows]
        kept = column(values, as_text=False)
        if str(kept.dtype) == "object":
            texts = [None if value is None else json.dumps(value) for value in values]
            kept = pd.Series(texts, dtype="str")
        columns[name] = kept
    file = io.BytesIO()
    pd.DataFrame(columns).to_parquet(file, index=False)
    return file.getvalue()


def as_markdown(table: Sheet) -> bytes:
    """Write a Markdown table, numbers to the right, in four significant digits."""
    numeric = _numeric(table)
    lines = [
        _markdown_row(map(_markdown, table.columns)),
        _markdown_row("---:" if right else "---" for right in numeric),
        *(_markdown_row(_markdown(_short(value)) for value in row) for row in table.rows),
    ]
    return ("\n".join(lines) + "\n").encode()


def as_latex(table: Sheet) -> bytes:
    """Write a LaTeX ``tabular`` with rules of the package booktabs, in four significant digits."""
    places = "".join("r" if right else "l" for right in _numeric(table))
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{places}}}",
        "\\toprule",
        " & ".join(map(_latex, table.columns)) + r" \\",
        "\\midrule",
        *(" & ".join(_latex(_short(value)) for value in row) + r" \\" for row in table.rows),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return ("\n".join(lines) + "\n").encode()


WRITERS: Mapping[str, Callable[[Sheet], bytes]] = {
    "csv": as_csv,
    "parquet": as_parquet,
    "json": as_json,
    "latex": as_latex,
    "markdown": as_markdown,
}
"""Format -> what writes it."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def for_papers(tidy: Tidy) -> list[str]:
    """Return the columns of a table for a paper: labels, seed if it differs, and metrics that are numbers."""
    numbers = [
        name
        for name in tidy.metrics
        if all(isinstance(row.get(name), int | float | None) for row in tidy.rows)
    ]
    labels = [name for name in tidy.labels if any(row.get(name) is not None for row in tidy.rows)]
    return [*labels, *numbers]


def _numeric(table: Sheet) -> list[bool]:
    return [
        all(
            isinstance(row[index], int | float | None) and not isinstance(row[index], bool)
            for row in table.rows
        )
        for index in range(len(table.columns))
    ]


def _short(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:#.4g}" if math.isfinite(value) else str(value)
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def _markdown(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")


def _markdown_row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split())).replace("–", "--")
