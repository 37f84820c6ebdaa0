"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farcuriosity.summary import COLUMNS, Agent
from gridcell.page import Picture, render, write_pictures

if TYPE_CHECKING:
    from rich.table import Table

_ASKED = {"score": "the highest score", "rooms": "the most rooms", "places": "the most cells"}
_TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    agents: Sequence[Agent],
    summary: Mapping[str, Any],
    pictures: Iterable[Picture],
    out: Path,
    **context: Any,
) -> Path:
    """Write ``report.html``, its figures, ``summary.json``, ``cells.csv`` and the videos into a folder.

    Args:
        agents: those that are done.
        summary: of them.
        pictures: the figures, drawn one at a time.
        out: the folder, made if it is not there; files of the same names are replaced.
        context: what else the template shows: ``title``, ``facts``, ``counts``, ``failures``, ``forgetting``.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True, allow_nan=False) + "\n")
    _write_cells(agents, out / "cells.csv")
    shown, _ = write_pictures(pictures, out)
    page = out / "report.html"
    page.write_text(
        render(
            _TEMPLATES,
            {"spread": spread, "number": _number},
            summary=summary,
            answer=answer(summary),
            headings={name: COLUMNS[name][0] for name in summary["columns"]},
            pictures=shown,
            videos=[_video(agent, out) for agent in agents if agent.video is not None],
            **context,
        ),
        encoding="utf-8",
    )
    return page


def answer(summary: Mapping[str, Any]) -> list[str]:
    """Say in sentences which curiosity did best, by environment; ties and lone agents are no answer."""
    sentences = []
    for environment in dict.fromkeys(row["environment"] for row in summary["table"]):
        rows = [row for row in summary["table"] if row["environment"] == environment]
        for name, what in _ASKED.items():
            known = [row for row in rows if name in row["values"]]
            ordered = sorted(known, key=lambda row: row["values"][name]["mean"], reverse=True)
            if len(ordered) < 2 or ordered[0]["values"][name]["mean"] == ordered[-1]["values"][name]["mean"]:
                continue
            told = ", ".join(f"{row['curiosity']} {spread(row, name)}" for row in ordered)
            sentences.append(f"{environment}: {ordered[0]['curiosity']} has {what}: {told}.")
    return sentences


def headline(summary: Mapping[str, Any]) -> list[Table]:
    """Return the terminal's table: one row per environment and curiosity."""
    from rich import box
    from rich.table import Table

    table = Table(title="Mean over seeds", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("environment", "curiosity"):
        table.add_column(name)
    for name in summary["columns"]:
        table.add_column(COLUMNS[name][0], justify="right")
    table.add_column("steps/s", justify="right")
    for row in summary["table"]:
        cells = (spread(row, name) for name in summary["columns"])
        table.add_row(row["environment"], row["curiosity"], *cells, _number(row["steps_per_second"], 0))
    return [table] if summary["table"] else []


def spread(row: Mapping[str, Any], name: str) -> str:
    """Write a mean over seeds, with the lowest and highest where there are several."""
    if name not in row["values"]:
        return "–"
    found, decimals = row["values"][name], COLUMNS[name][1]
    text = _number(found["mean"], decimals)
    low, high = min(found["values"]), max(found["values"])
    return text if low == high else f"{text} ({_number(low, decimals)} to {_number(high, decimals)})"


def _number(value: float | None, decimals: int = 1) -> str:
    return "–" if value is None else f"{value:,.{decimals}f}".replace("-", "−")


def _video(agent: Agent, out: Path) -> dict[str, str]:
    name = f"{agent.environment}-{agent.curiosity}-{agent.seed}.mp4"
    data = agent.video or b""
    (out / name).write_bytes(data)
    uri = "data:video/mp4;base64," + base64.b64encode(data).decode("ascii")
    return {"title": f"{agent.environment}, {agent.curiosity}, seed {agent.seed}", "uri": uri, "file": name}


def _write_cells(agents: Sequence[Agent], path: Path) -> None:
    ordered = sorted(agents, key=lambda agent: (agent.environment, agent.curiosity, agent.seed))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["environment", "id", "curiosity", "seed", "steps", *COLUMNS])
        for a in ordered:
            values = [a.value(name) for name in COLUMNS]
            writer.writerow([a.environment, a.id, a.curiosity, a.seed, a.metrics["steps"], *values])
