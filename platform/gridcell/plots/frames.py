"""Figures drawn from data frames, such as those that ``gridcell.results`` and ``gridcell.curves`` return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell.errors import UserError, did_you_mean
from gridcell.plots.bar_plot import grouped_bars
from gridcell.plots.heatmap_plot import heatmap
from gridcell.plots.line_plot import Curve, curves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_SEED = "seed"


def matrix(
    frame: pd.DataFrame,
    values: str | None = None,
    *,
    rows: str | None = None,
    columns: str | None = None,
    panels: str | Sequence[str] | None = None,
    average: str | Sequence[str] = (),
    unit: str = "",
    title: str = "",
    **look: Any,
) -> Figure:
    """Draw a metric as an annotated heat map, or as several side by side.

    Seeds are averaged; the colour bar says how many.

    Args:
        frame: from ``gridcell.results``, or any other with such columns.
        values: metric to draw. ``accuracy.*`` stands for a nested metric, whose keys are the columns of the
            figure. By default the only nested metric, else the only metric.
        rows: column whose values are the rows. By default, of the labels, the one that shares values with the
            figure's columns, else the one with the most values.
        columns: column whose values are the figure's columns; not with ``accuracy.*``.
        panels: column or columns that give a panel for each value. By default the remaining labels that
            differ, without the seed.
        average: labels to average beside the seed.
        unit: of the values, on the colour bar.
        title: above all panels.
        look: further arguments of ``gridcell.plots.heatmap``, such as ``diverging=True``.

    Raises:
        UserError: the frame has no such column or nothing to draw, a default is ambiguous, or a place stands
            for several values of a label.

    Example:
        >>> frame = gridcell.results("imagenet-rib")  # doctest: +SKIP
        >>> figure = gridcell.plots.matrix(frame, "accuracy.*", rows="downstream")  # doctest: +SKIP
    """
    labels, metrics = _labels(frame), _metrics(frame)
    metric = name = _column(frame, values or _only_metric(metrics), starred=True)
    if name.endswith(".*"):
        if columns is not None:
            raise UserError(f"'{name}' gives the figure's columns: leave 'columns' out, or name one metric")
        frame = _melted(frame, name.removesuffix("*"), metrics)
        columns, name = "key", "value"
    named = [each for each in (rows, columns) if each is not None]
    columns = _column(frame, columns) if columns else _most_varied(frame, labels, [*named, *_listed(panels)])
    rows = _column(frame, rows) if rows else _row_label(frame, labels, [columns, *_listed(panels)], columns)
    if panels is None:
        panels = [each for each in _differing(frame, labels) if each not in (rows, columns)]
    by = [_column(frame, each) for each in _listed(panels)]
    drawn = frame.dropna(subset=[name, rows, columns])
    if drawn.empty:
        raise UserError(f"There is nothing to draw: no row has {rows}, {columns} and {name}")
    _check_alike(drawn, labels, [rows, columns, *by], average)
    row_names, column_names = _distinct(drawn[rows]), _distinct(drawn[columns])
    shared = [name for name in row_names if name in column_names]
    column_names = [*shared, *(name for name in column_names if name not in shared)]  # a diagonal
    shown: dict[str, Any] = {}
    counts = set()
    for panel, part in _groups(drawn, by):
        grouped = part.groupby([rows, columns], sort=False)[name]
        counts |= set(grouped.count())
        means = grouped.mean().unstack(columns)
        shown[panel] = means.reindex(index=row_names, columns=column_names).to_numpy(dtype=np.float64)
    return heatmap(
        shown,
        [str(each) for each in row_names],
        [str(each) for each in column_names],
        row_axis=rows,
        column_axis=metric.removesuffix(".*") if columns == "key" and name == "value" else columns,
        unit=f"{unit or metric.removesuffix('.*')}{_averaged(counts)}",
        title=title,
        **look,
    )


def lines(
    frame: pd.DataFrame,
    *,
    x: str = "step",
    y: str = "value",
    panels: str | Sequence[str] | None = "metric",
    series: str | Sequence[str] | None = None,
    average: str | Sequence[str] = (),
    title: str = "",
    **look: Any,
) -> Figure:
    """Draw curves, a line for each series; seeds are averaged, with a band from the lowest to the highest.

    Args:
        frame: from ``gridcell.curves``, or any other with such columns.
        x: column of the abscissa.
        y: column of the ordinate.
        panels: column or columns that give a panel for each value.
        series: column or columns that give a line for each value. By default the labels that differ, without
            the seed.
        average: labels to average beside the seed.
        title: above all panels.
        look: further arguments of ``gridcell.plots.curves``, such as ``own_y=True``.

    Raises:
        UserError: the frame has no such column or nothing to draw, or a line stands for several values of a
            label.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"metric": ["loss", "loss"], "step": [1, 2], "value": [2.0, 1.0]})
        >>> figure = lines(frame)
    """
    by = [_column(frame, each) for each in _listed(panels)]
    if series is None:
        series = [each for each in _differing(frame, _labels(frame)) if each not in (*by, x, y)]
    names = [_column(frame, each) for each in _listed(series)]
    drawn = frame.dropna(subset=[_column(frame, x), _column(frame, y)])
    if drawn.empty:
        raise UserError(f"There is nothing to draw: no row has {x} and {y}")
    _check_alike(drawn, _labels(frame), [*by, *names], average)
    shown = {}
    for panel, part in _groups(drawn, by):
        shown[panel] = [_curve(label, one, x, y) for label, one in _groups(part, names)]
    look.setdefault("own_y", len(shown) > 1)
    return curves(shown, x_axis=x, y_axis=y, title=title, **look)


def bars(
    frame: pd.DataFrame,
    values: str | None = None,
    *,
    groups: str,
    series: str | Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw a metric as bars: means over seeds, with Student's 95 % intervals where there are several.

    Args:
        frame: from ``gridcell.results``, or any other with such columns.
        values: metric to draw; by default the only one.
        groups: column whose values stand along the bottom.
        series: column or columns whose values stand side by side in a group.
        title: above the plot.

    Raises:
        UserError: the frame has no such column or nothing to draw, or a bar stands for several values of a
            label: an interval over these would say nothing about chance.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"method": ["ft", "ewc"], "accuracy": [50.0, 60.0]})
        >>> figure = bars(frame, "accuracy", groups="method")
    """
    from scipy.stats import t

    name = _column(frame, values or _only_metric(_metrics(frame), starred=False))
    by = [_column(frame, each) for each in _listed(series)]
    drawn = frame.dropna(subset=[name, _column(frame, groups)])
    if drawn.empty:
        raise UserError(f"There is nothing to draw: no row has {groups} and {name}")
    _check_alike(drawn, _labels(frame), [groups, *by], ())
    along = _distinct(drawn[groups])
    parts = dict(_groups(drawn, by))
    means = np.full((len(along), len(parts)), np.nan)
    half = np.full_like(means, np.nan)
    counts = set()
    for column, part in enumerate(parts.values()):
        for group, found in part.groupby(groups, sort=False)[name]:
            sample = found.to_numpy(dtype=np.float64)
            row, count = along.index(group), len(sample)
            counts.add(count)
            means[row, column] = sample.mean()
            if count > 1:
                half[row, column] = t.ppf(0.975, count - 1) * sample.std(ddof=1) / np.sqrt(count)
    return grouped_bars(
        means,
        [str(each) for each in along],
        list(parts) if by else [name],
        low=means - half,
        high=means + half,
        value_axis=f"{name}{_averaged(counts)}",
        title=title,
    )


def _curve(label: str, part: pd.DataFrame, x: str, y: str) -> Curve:
    grouped = part.groupby(x)[y].agg(["mean", "min", "max", "count"])
    several = bool((grouped["count"] > 1).any())
    low, high = (grouped[name].to_numpy(dtype=np.float64) if several else None for name in ("min", "max"))
    at = grouped.index.to_numpy(dtype=np.float64)
    return Curve(label or y, at, grouped["mean"].to_numpy(dtype=np.float64), low, high)


def _listed(names: str | Sequence[str] | None) -> list[str]:
    return [names] if isinstance(names, str) else list(names or ())


def _labels(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.attrs.get("labels", ()) if name in frame.columns]


def _metrics(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.attrs.get("metrics", ()) if name in frame.columns]


def _column(frame: pd.DataFrame, name: str, *, starred: bool = False) -> str:
    """Return a column's name.

    Raises:
        UserError: there is no such column.
    """
    columns = [str(column) for column in frame.columns]
    if name in columns:
        return name
    if starred and name.endswith(".*") and any(each.startswith(name[:-1]) for each in columns):
        return name
    nested = {f"{column.partition('.')[0]}.*" for column in columns if "." in column} if starred else set()
    raise UserError(f"The frame has no column '{name}': {did_you_mean(name, [*columns, *sorted(nested)])}")


def _only_metric(metrics: Sequence[str], *, starred: bool = True) -> str:
    plain = [name for name in metrics if "." not in name]
    if not starred and len(plain) == 1:
        return plain[0]
    nested = list(dict.fromkeys(f"{name.partition('.')[0]}.*" for name in metrics if "." in name))
    if starred and len(nested) == 1:
        return nested[0]
    if len(metrics) == 1:
        return metrics[0]
    raise UserError(
        f"Name the metric to draw, as 'values': {did_you_mean('', [*(nested if starred else ()), *metrics])}"
    )


def _melted(frame: pd.DataFrame, prefix: str, metrics: Sequence[str]) -> pd.DataFrame:
    own = [name for name in frame.columns if str(name).startswith(prefix)]
    kept = [name for name in frame.columns if name not in own and name not in metrics]
    kept = [name for name in kept if name not in ("key", "value")]
    long = frame.melt(id_vars=kept, value_vars=own, var_name="key", value_name="value")
    long["key"] = [str(key).removeprefix(prefix) for key in long["key"]]
    return long


def _differing(frame: pd.DataFrame, labels: Sequence[str]) -> list[str]:
    return [name for name in labels if name != _SEED and frame[name].nunique(dropna=True) > 1]


def _most_varied(frame: pd.DataFrame, labels: Sequence[str], taken: Sequence[str]) -> str:
    free = [name for name in labels if name not in taken and name != _SEED]
    if not free:
        raise UserError("The frame doesn't say which of its columns are labels: name 'rows' and 'columns'")
    return max(free, key=lambda name: frame[name].nunique())


def _row_label(frame: pd.DataFrame, labels: Sequence[str], taken: Sequence[str], columns: str) -> str:
    across = {str(value) for value in frame[columns].dropna().unique()}
    for name in labels:
        if name not in taken and across & {str(value) for value in frame[name].dropna().unique()}:
            return name
    return _most_varied(frame, labels, taken)


def _check_alike(
    frame: pd.DataFrame, labels: Sequence[str], used: Sequence[str], average: str | Sequence[str]
) -> None:
    """Make sure that what is averaged differs in its seed alone, or in what the caller names.

    Raises:
        UserError: it does not.
    """
    free = [name for name in labels if name not in (*used, *_listed(average), _SEED)]
    for name in free:
        for title, part in _groups(frame, used):
            count = part[name].nunique(dropna=False)
            if count > 1:
                raise UserError(
                    f"'{title}' stands for {count} values of '{name}': keep one of them, or name '{name}' "
                    "among what the figure shows"
                )


def _distinct(values: Any) -> list[Any]:
    return list(dict.fromkeys(values))


def _groups(frame: pd.DataFrame, by: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """Return the parts of a frame with their titles, in the order in which they appear."""
    if not by:
        return [("", frame)]
    found = frame.groupby(list(by), sort=False, dropna=False)
    return [(_title(key), part) for key, part in found]


def _title(key: Sequence[Any]) -> str:
    """Write a group's values; one that is missing is left out."""
    return ", ".join(
        str(value) for value in key if value == value and value is not None and str(value) != "<NA>"
    )


def _averaged(counts: set[int]) -> str:
    if max(counts) == 1:
        return ""
    least, most = min(counts), max(counts)
    return f", mean of {most}" if least == most else f", mean of {least} to {most}"
