"""The result in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from generalization_difficulty.report.numbers import plain, scientific
from generalization_difficulty.report.sentences import answer

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = {"n": "n", "m": "m", "radius": "R", "classes": "classes", "delta": "delta", "eps": "eps"}


def headline(summary: Mapping[str, Any]) -> list[Any]:
    """Return what to print at the end of a run: the table of ingredients and bits, then the answer."""
    if not summary["tasks"]:
        return []
    return [_table(summary), *answer(summary)]


def _table(summary: Mapping[str, Any]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text("Generalization difficulty", style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        pad_edge=False,
    )
    table.add_column("task", min_width=8, max_width=24, overflow="ellipsis", no_wrap=True)
    for column in (*_SHOWN.values(), "bits"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, task in summary["tasks"].items():
        own = task["ingredients"]
        row = [plain(own[key], 3) if own.get(key) is not None else "" for key in _SHOWN]
        table.add_row(Text(name), *row, scientific(summary["log2_bits"][name], 2))
    return table
