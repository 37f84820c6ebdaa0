"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from __future__ import annotations

import base64
import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farcuriosity.report.scores import LEAST_SEEDS
from farcuriosity.report.summary import COLUMNS, COMPARED, FORGETTING, Agent
from gridcell.report import Picture, render, write_pictures

if TYPE_CHECKING:
    from rich.table import Table

_ASKED = {"score": "the highest score", "rooms": "the most rooms", "places": "the most cells"}
_ALIKE_BY_CHANCE = 6  # seeds that all point one way with a chance below 5 % if either way is as likely
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

    Where all are equal, or there is one alone, there is no answer.
    """
    sentences = []
    for environment in dict.fromkeys(row["environment"] for row in summary["table"]):
        rows = [row for row in summary["table"] if row["environment"] == environment]
        for name, what in _ASKED.items():
            known = [row for row in rows if name in row["values"]]
            ordered = sorted(known, key=lambda row: row["values"][name]["mean"], reverse=True)
            best = [row for row in ordered if _as_good(row, ordered[0], name)]
            if len(best) == len(ordered):
                continue
            told = ", ".join(f"{row['curiosity']} {spread(row, name)}" for row in ordered)
            if len(best) > 1:
                *others, last = (row["curiosity"] for row in best)
                sentences.append(f"{environment}: {', '.join(others)} and {last} share {what}: {told}.")
                continue
            sentences.append(
                f"{environment}: {ordered[0]['curiosity']} has {what}: {told}. "
                f"{_difference(summary['differences'], name, *ordered[:2])}"
            )
    return sentences


def _as_good(row: Mapping[str, Any], other: Mapping[str, Any], metric: str) -> bool:
    return math.isclose(row["values"][metric]["mean"], other["values"][metric]["mean"])


def _difference(
    differences: Sequence[Mapping[str, Any]], metric: str, first: Mapping[str, Any], next_: Mapping[str, Any]
) -> str:
    """Say how far the best is from the second best, whose rows of the table are given, and how surely."""
    environment, best, second = first["environment"], first["curiosity"], next_["curiosity"]
    for row in differences:
        if (row["environment"], row["metric"]) != (environment, metric):
            continue
        if {row["curiosity"], row["against"]} == {best, second}:
            sign = 1 if row["curiosity"] == best else -1
            low, high = sorted(sign * end for end in row["ci95"])
            told = f"{best} less {second} {between({'mean': sign * row['mean'], 'ci95': [low, high]})}"
            if low <= 0 <= high:
                told += ": no clear difference"
            elif high < 0:  # it leads by seeds that the other has not
                told += ": the other way round"
            elif low == high and row["seeds"] < _ALIKE_BY_CHANCE:
                told += f": {row['seeds']} seeds may agree by chance"
            return f"Seed by seed, {told}."
    seeds = [set(row["values"][metric]["seeds"]) for row in (first, next_)]
    if not seeds[0] & seeds[1]:
        return "They have no seed in common: the difference may be one of seeds."
    if len(seeds[0] | seeds[1]) > 1:
        return "They have one seed in common: this may be chance."
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
