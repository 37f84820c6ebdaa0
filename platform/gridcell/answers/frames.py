"""Tidy rows as pandas data frames whose columns have one type each, so that Arrow and polars take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridcell.report.tidy import SEED, Tidy, free_name
from gridcell.store.values import as_float

if TYPE_CHECKING:
    import pandas as pd


LONG = ("metric", "key", "value")
"""Columns of a long frame beside those of a wide one."""


def frame_of(tidy: Tidy) -> pd.DataFrame:
    """Return a row for each target; ``started`` as a time in UTC.

    A label with values of several types becomes text. Integers with gaps are ``Int64``, booleans with gaps
    ``boolean``. Of other metrics a gap is NaN. Lists stay lists.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in tidy.columns:
        values = [row.get(name) for row in tidy.rows]
        columns[name] = column(values, as_text=name not in tidy.metrics)
    columns["started"] = pd.to_datetime(pd.Series(columns["started"], dtype="float64"), unit="s", utc=True)
    return pd.DataFrame(columns)


def long_frame(tidy: Tidy) -> pd.DataFrame:
    """Return a row for each target and metric that is a number: ``metric``, ``key`` and ``value``.

    ``accuracy.v2`` has the metric ``accuracy`` and the key ``v2``; a metric that is not nested has no key.
    Text, lists and what a cell does not say have no row. A label that has the name of one of these columns
    becomes ``label.NAME``.
    """
    import pandas as pd

    names = {name: free_name(name, "label", LONG) for name in tidy.columns if name not in tidy.metrics}
    wide = list(names.values())
    rows = []
    for found in tidy.rows:
        row = {names.get(name, name): value for name, value in found.items()}
        for name in tidy.metrics:
            value = row.get(name)
            if isinstance(value, int | float):
                metric, _, key = name.partition(".")
                rows.append({**row, "metric": metric, "key": key, "value": as_float(value)})
    columns: dict[str, Any] = {
        name: column([row.get(name) for row in rows], as_text=True) for name in [*wide, *LONG]
    }
    columns["started"] = pd.to_datetime(pd.Series(columns["started"], dtype="float64"), unit="s", utc=True)
    order = [*(names[name] for name in names if name in (*tidy.labels, SEED)), *LONG]
    return pd.DataFrame(columns)[[*order, *(name for name in wide if name not in order)]]


def frame(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """Return rows as a frame with these columns, each of one type."""
    import pandas as pd

    return pd.DataFrame({name: column([row.get(name) for row in rows], as_text=True) for name in names})


def column(values: Sequence[Any], *, as_text: bool) -> Any:
    """Return values as a column of one type; None is a gap.

    Args:
        values: of Python's own types.
        as_text: whether values of several types become text; else they stay objects.
    """
    import pandas as pd

    types = {type(value) for value in values if value is not None}
    gaps = any(value is None for value in values)
    if types == {bool}:
        return pd.array(list(values), dtype="boolean" if gaps else "bool")
    if types == {int}:
        try:
            return pd.array(list(values), dtype="Int64" if gaps else "int64")
        except OverflowError:  # beyond 64 bits
            return pd.Series(list(values), dtype="object")
    if types <= {int, float}:
        return pd.Series(
            [float("nan") if value is None else as_float(value) for value in values], dtype="float64"
        )
    if types == {str}:
        return pd.Series(list(values), dtype="str")
    if as_text and not types & {list, dict}:
        return pd.Series([None if value is None else str(value) for value in values], dtype="str")
    return pd.Series(list(values), dtype="object")
