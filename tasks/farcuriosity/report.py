"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farcuriosity.scores import LEAST_SEEDS
from farcuriosity.summary import COLUMNS, COMPARED, FORGETTING, Agent
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
        context: what else the template shows: ``title``, ``facts``, ``counts``, ``failures``.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True, allow_nan=False) + "\n")
    _write_cells(agents, out / "cells.csv")
    shown, _ = write_pictures(pictures, out)
    page = out / "report.html"
    page.write_text(
        render(
            _TEMPLATES,
            {"spread": spread, "number": _number, "between": between},
            summary=summary,
            answer=answer(summary),
            least_seeds=LEAST_SEEDS,
            headings={name: COLUMNS[name][0] for name in summary["columns"]},
            compared=[row for row in summary["differences"] if row["metric"] in COMPARED],
            forgotten=[row for row in summary["differences"] if row["metric"] in FORGETTING],
            pictures=shown,
            videos=[_video(agent, out) for agent in agents if agent.video is not None],
            **context,
        ),
        encoding="utf-8",
    )
    return page


def answer(summary: Mapping[str, Any]) -> list[str]:
    """Say in sentences which curiosity did best, by environment, and whether it differs from the next.

    Ties and lone agents are no answer.
    """
    sentences = []
    for environment in dict.fromkeys(row["environment"] for row in summary["table"]):
        rows = [row for row in summary["table"] if row["environment"] == environment]
        for name, what in _ASKED.items():
            known = [row for row in rows if name in row["values"]]
            ordered = sorted(known, key=lambda row: row["values"][name]["mean"], reverse=True)
            if len(ordered) < 2 or ordered[0]["values"][name]["mean"] == ordered[-1]["values"][name]["mean"]:
                continue
            told = ", ".join(f"{row['curiosity']} {spread(row, name)}" for row in ordered)
            sentences.append(
                f"{environment}: {ordered[0]['curiosity']} has {what}: {told}. "
                f"{_difference(summary, environment, name, *(row['curiosity'] for row in ordered[:2]))}"
            )
    return sentences


def _difference(summary: Mapping[str, Any], environment: str, metric: str, best: str, second: str) -> str:
    for row in summary["differences"]:
        if (row["environment"], row["metric"]) != (environment, metric):
            continue
        if {row["curiosity"], row["against"]} == {best, second}:
            sign = 1 if row["curiosity"] == best else -1
            low, high = sorted(sign * end for end in row["ci95"])
            told = f"{best} less {second} {between({'mean': sign * row['mean'], 'ci95': [low, high]})}"
            return f"Seed by seed, {told}{'' if low > 0 or low == high else ': no clear difference'}."
    return "One seed: this may be chance."


def headline(summary: Mapping[str, Any]) -> list[Table]:
    """Return the terminal's tables: agents, forgetting, and differences of curiosities."""
    agents = [
        [row["environment"], row["curiosity"], str(row["seeds"])]
        + [_mean(row, name) for name in summary["columns"]]
        + [_number(row["steps_per_second"], 0)]
        for row in summary["table"]
    ]
    headings = [COLUMNS[name][0] for name in summary["columns"]]
    forgetting = [
        [row["world"], row["curiosity"], str(row["seeds"])]
        + [between(row[name], 5) for name in FORGETTING]
        + [_number(row["fragments"])]
        for row in summary["forgetting"]
    ]
    differences = [
        [
            row["environment"],
            row["metric"].replace("_", " "),
            f"{row['curiosity']} less {row['against']}",
            str(row["seeds"]),
            between(row, 5 if row["metric"] in FORGETTING else 2),
        ]
        for row in summary["differences"]
    ]
    tables = [
        _table("Mean over seeds", ["environment", "curiosity", "seeds", *headings, "steps/s"], agents),
        _table(
            "Forgetting: how far reward, and error, rise again",
            ["world", "curiosity", "seeds", "reward", "error", "fragments"],
            forgetting,
        ),
        _table(
            "Differences, seed by seed, with 95% intervals",
            ["environment", "of", "difference", "seeds", "mean"],
            differences,
        ),
    ]
    return [table for table in tables if table.row_count]


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index < 2 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _mean(row: Mapping[str, Any], name: str) -> str:
    found = row["values"].get(name)
    return _number(None if found is None else found["mean"], COLUMNS[name][1])


def between(found: Mapping[str, Any], decimals: int = 1) -> str:
    """Write a mean with its interval, if it has one; of seeds that agree exactly it would be no interval."""
    text = _number(found["mean"], decimals)
    if found["ci95"] is None:
        return text
    low, high = found["ci95"]
    if low == high:
        return f"{text} in each seed"
    return f"{text} [{_number(low, decimals)}, {_number(high, decimals)}]"


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
