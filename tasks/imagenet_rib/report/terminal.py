"""The result in the terminal: tables of at most a hundred columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from gridcell.plots.numbers import interval, signed
from imagenet_rib.report.claims import UNKNOWN
from imagenet_rib.report.evaluations import BASELINE, VAL
from imagenet_rib.report.leaderboard import boards

if TYPE_CHECKING:
    from rich.table import Table

_MODELS_PER_TABLE = 4  # a method's name and four of "−12.34 [−13.45, −11.23]" fill a hundred columns


def headline(
    summary: Mapping[str, Any], *, model: str | None = None, method: str | None = None
) -> list[Table]:
    """Return the tables to print at the end of a run, each at most 100 columns wide.

    Args:
        summary: from ``summarise``.
        model: whose matrix to show; by default the first.
        method: whose matrix to show; by default plain fine-tuning if it was run, else the first.

    Returns:
        The change of accuracy A - A_pre of one model and method, mRI of all methods, four models a table,
        the leaderboard (of all models together, if there are several), and the findings, if any is
        measured. Nothing for a summary without fine-tuned models.
    """
    models, methods = summary["models"], summary["methods"]
    if not models or not methods:
        return []
    model = model or models[0]
    method = method or (BASELINE if BASELINE in methods else methods[0])
    tables = [_change_table(summary, model, method)]
    for first in range(0, len(models), _MODELS_PER_TABLE):
        tables.append(_mri_table(summary, models[first : first + _MODELS_PER_TABLE]))
    for name, board in islice(boards(summary), 1):
        tables.append(_leaderboard_table(name, board, summary["leaderboard"]["test"]["alpha"]))
    if any(finding["verdict"] != UNKNOWN for finding in summary["findings"]):
        tables.append(_findings_table(summary["findings"]))
    return tables


def best_methods(summary: Mapping[str, Any], model: str) -> list[str]:
    """Return the methods of highest mRI for a model: none if none is known, several if they are equal."""
    known = {
        name: entry["mean"] for name, entry in summary["mRI"][model].items() if entry["mean"] is not None
    }
    return [name for name, mean in known.items() if mean == max(known.values())]


def _table(title: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    return Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        pad_edge=False,
    )


def _change_table(summary: Mapping[str, Any], model: str, method: str) -> Table:
    from rich.text import Text

    names = [entry["name"] for entry in summary["sets"] if entry["name"] != VAL]
    tested = [*names, VAL]
    table = _table(f"{model}, {method}: accuracy after minus before fine-tuning (points)")
    table.add_column(Text("on \\ tested on"), max_width=14, overflow="ellipsis", no_wrap=True)
    room = max(6, (100 - 16) // len(tested) - 2)
    for name in tested:
        table.add_column(
            Text(name), justify="right", min_width=6, max_width=room, overflow="ellipsis", no_wrap=True
        )
    for source in names:
        row = [Text(source)]
        for target in tested:
            after, before = summary["accuracy"][model][method][source][target], summary["pre"][model][target]
            known = after is not None and before is not None
            style = "dim" if source == target else ""
            row.append(Text(signed(after - before) if known else "", style=style))
        table.add_row(*row)
    return table


def _mri_table(summary: Mapping[str, Any], models: list[str]) -> Table:
    from rich.text import Text

    table = _table("mRI with 95 % interval (points; best in bold)")
    table.add_column("method", max_width=14, overflow="ellipsis", no_wrap=True)
    for model in models:
        table.add_column(Text(model), justify="right", max_width=20, overflow="ellipsis", no_wrap=True)
    best = {model: best_methods(summary, model) for model in models}
    for method in summary["methods"]:
        row = [Text(method)]
        for model in models:
            entry = summary["mRI"][model][method]
            text = ""
            if entry["mean"] is not None:
                text = f"{signed(entry['mean'])} {interval(*entry['ci95'])}"
            row.append(Text(text, style="bold" if method in best[model] else ""))
        table.add_row(*row)
    return table


def _leaderboard_table(name: str, board: Mapping[str, Any], alpha: float) -> Table:
    from rich.text import Text

    def estimate(entry: Mapping[str, Any]) -> str:
        return "" if entry["mean"] is None else f"{signed(entry['mean'])} {interval(*entry['ci95'])}"

    table = _table(f"Leaderboard, {name} (points; p after Holm's correction, below {alpha:g} in bold)")
    table.add_column("rank", justify="right")
    table.add_column("method", max_width=14, overflow="ellipsis", no_wrap=True)
    for heading in ("mRI", f"mRI - {BASELINE}'s", "p", "gain on own set"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in board["ranking"]:
        baseline, p = row["method"] == BASELINE, row["p_holm"]
        table.add_row(
            str(row["rank"]),
            Text(row["method"]),
            Text(estimate(row["mRI"])),
            Text("" if baseline else estimate(row["minus_ft"])),
            Text("" if p is None else f"{p:.2g}", style="bold" if p is not None and p < alpha else ""),
            Text(estimate(row["gain"])),
        )
    return table


def _findings_table(findings: Sequence[Mapping[str, Any]]) -> Table:
    from rich.text import Text

    table = _table("The paper's findings (95 % interval against zero)")
    table.add_column("claim, and what was measured", max_width=54)
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for finding in findings:
        table.add_row(Text(finding["claim"], style="bold"), "", Text(finding["verdict"], style="bold"))
        for part in finding["parts"]:
            decimals = 1 if part["unit"] else 2
            text = ""
            if part["mean"] is not None:
                low, high = part["ci95"]
                text = f"{signed(part['mean'], decimals)} {interval(low, high, decimals)}"
            table.add_row(Text(f"  {part['what']}"), Text(text), Text(part["verdict"]))
    return table
