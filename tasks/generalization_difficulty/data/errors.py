"""Errors of models on a task: a table of the user's, the results of imagenet-rib, or the published ones."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from gridcell import UserError

PUBLISHED = "published"
"""Stands for the errors that come with the task, as a table's path."""

# Its errors were written down from memory of the publications it names, not copied from their tables.
_SHIPPED = Path(__file__).parent / "published_errors.csv"
_RESULTS = {"model", "method", "set", "accuracy"}  # columns of imagenet-rib's cells.csv


@dataclass(frozen=True, slots=True)
class ModelError:
    """One model's measured error.

    Attributes:
        name: of the model.
        error: share of wrong answers, 0 to 1; None where it is not known.
        published_bits: bits that were published for it; None where none were.
        source: where the error is from.
    """

    name: str
    error: float | None
    published_bits: float | None = None
    source: str = ""

    def to_record(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


def read_errors(table: str, task: str, evaluated: str = "val") -> list[ModelError]:
    """Read the errors of models.

    Args:
        table: ``published``, or a CSV file with the columns ``name`` and ``error`` (a share, so 12 % is 0.12)
            and, where wanted, ``task``, ``published_bits`` and ``source``; or the ``cells.csv`` of a report
            of imagenet-rib, whose accuracies are averaged over seeds and sets fine-tuned on.
        task: its rows are taken where the table has a column ``task``.
        evaluated: the set whose accuracy is taken from imagenet-rib's results.

    Raises:
        UserError: there is no such table, or it lacks a column, a row or a number.
    """
    path = _SHIPPED if table == PUBLISHED else Path(table)
    if not path.is_file():
        raise UserError(f"There is no table of errors at '{table}': a CSV file or '{PUBLISHED}' is expected")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    # Under None are fields beyond the header's, as of a comma within a number.
    longer = next((number for number, row in enumerate(rows, 2) if None in row), None)
    columns = {column for column in rows[0] if column} if rows else set()
    if any(sign in column for column in columns for sign in ";\t"):
        raise UserError(f"'{table}' separates its columns by semicolons or tabs: separate them by commas")
    if longer is not None:
        raise UserError(
            f"{table}:{longer}: this line has more fields than the header: write decimals with a point"
        )
    if columns >= _RESULTS:
        found = _from_results(rows, table, evaluated)
    elif columns >= {"name", "error"}:
        if "task" in columns:
            rows = [row for row in rows if row["task"] == task]
        found = [_parse(row, number, table) for number, row in enumerate(rows, 2)]
    else:
        raise UserError(
            f"'{table}' has the columns {', '.join(sorted(columns)) or 'none'}; name and error are needed, "
            "or those of a cells.csv of imagenet-rib"
        )
    if not found:
        raise UserError(f"'{table}' has no rows for {task}")
    names = [model.name for model in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"'{table}' names the model '{twice}' twice: which error counts?")
    return found


def _from_results(rows: Sequence[Mapping[str, str]], table: str, evaluated: str) -> list[ModelError]:
    accuracies: dict[str, list[float]] = {}
    for row in rows:
        if row["set"] != evaluated or not row["accuracy"]:
            continue
        variant = row.get("variant") or ""
        name = " ".join(filter(None, [row["model"], row["method"], variant]))
        accuracies.setdefault(name, []).append(float(row["accuracy"]))
    if not accuracies:
        sets = ", ".join(sorted({row["set"] for row in rows}))
        raise UserError(f"'{table}' has no accuracy on the set '{evaluated}'; its sets are {sets}")
    return [
        ModelError(name, 1 - fmean(values) / 100, None, f"imagenet-rib on {evaluated}, mean of {len(values)}")
        for name, values in accuracies.items()
    ]


def _parse(row: Mapping[str, str], line: int, table: str) -> ModelError:
    if not row["name"].strip():
        raise UserError(f"{table}:{line}: a model has no name")
    error = _number(row["error"], "error", line, table)
    if error is not None and not 0 < error <= 1:
        hint = f": errors are shares, so {error:g} % is {error / 100:g}" if 1 < error <= 100 else ""
        raise UserError(f"{table}:{line}: the error of '{row['name']}' must be above 0, at most 1{hint}")
    bits = _number(row.get("published_bits") or "", "published_bits", line, table)
    return ModelError(row["name"], error, bits, row.get("source") or "")


def _number(text: str, column: str, line: int, table: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{table}:{line}: the {column} '{text}' is no number")
    return value
