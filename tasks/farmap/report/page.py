"""The report: one page that stands alone, its pictures, and the numbers behind it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from farmap.agents.explore import THRESHOLDS
from farmap.report.answer import answer
from farmap.report.film import Recording, write_films
from farmap.report.sentences import not_compared, sentences
from farmap.report.summary import MEASURES, PLACE, Entry
from gridcell.report import (
    STALE,
    Column,
    Columns,
    GridResults,
    Table,
    Value,
    data_uri,
    marked,
    write_csv,
    write_page,
    write_summary,
)

_TEMPLATES = Path(__file__).parent / "templates"
_LARGEST_FILM = 3 << 20  # bytes of an animation that the page carries
_UNITS = {"seconds_per_step": ("µs per step", 1e6), "seconds_to_": ("ms to", 1e3)}
"""How a measure in seconds is shown, as in the other tables: its words and the factor."""


def write_files(
    results: GridResults,
    entries: Sequence[Entry],
    summary: Mapping[str, Any],
    recordings: Mapping[str, Recording],
    out: Path,
) -> Path:
    """Write the page, figures as PNG, animations, ``summary.json`` and ``cells.csv``; return the page.

    Args:
        results: what the page is about.
        entries: of the runs that are done.
        summary: of them, from ``summarise``.
        recordings: name -> a run to be drawn.
        out: the folder, made if it is not there.
    """
    from farmap.report.figures import draw  # with matplotlib: only for drawing

    write_summary(summary, out)
    _write_cells(entries, out / "cells.csv")
    films = write_films(recordings, out)
    return write_page(
        results,
        out,
        answer=answer(summary),
        templates=_TEMPLATES,
        pictures=draw(summary, recordings, results.variants),
        own_facts=_facts(results.settings),
        sentences=sentences(summary),
        sizes=[size_table(size, agents) for size, agents in summary["sizes"].items()],
        pairs=[
            pair_table(size, pair, summary["early_steps"])
            for size, pair in summary["paired"].items()
            if pair["runs"]
        ],
        films=[(name, len(film), data_uri(film, ".gif")) for name, film in _within_reason(films, out)],
        large=[name for name in films if (out / f"film-{name}.gif").stat().st_size > _LARGEST_FILM],
    )


def headline(summary: Mapping[str, Any]) -> list[Any]:
    """Return what the terminal shows: a table for each size of map, then the comparison in sentences."""
    return [*(size_table(size, agents) for size, agents in summary["sizes"].items()), *sentences(summary)]


def size_table(size: str, agents: Mapping[str, Any]) -> Table:
    """Lay out the agents' means on maps of one size, with their intervals."""
    most = max(agents.values(), key=lambda group: group["maps"])
    columns: Columns = ["agent", Column("coverage", number, unit="%")]
    columns += [
        Column(f"median steps to {percent} %", number, page_only=percent != 95) for percent in THRESHOLDS
    ]
    columns += [Column("ms to 95 %", number, page_only=True), Column("µs per step", number)]
    columns += [Column("active memory", number), Column("peak", number, page_only=True)]
    columns += [
        Column("map in use alone", number, page_only=True),
        Column("its rectangle", number, page_only=True),
        Column("cells read", number, page_only=True),
        Column("path", number, page_only=True),
        Column("turns", number, page_only=True),
    ]
    columns += [Column("fragments", number), Column("recalls", number)]
    columns += [Column("looks", number, page_only=True), Column("ended", kind="text", page_only=True)]
    rows = [
        [
            Value(agent, stale="stale" in group),
            _mean(group["coverage"], most=100.0),
            *(Value(group["median_steps_to"][str(one)], note=_runs(group, one)) for one in THRESHOLDS),
            _time_to(group, 95),
            1e6 * group["seconds_per_step"]["mean"],
            _mean(group["mean_memory"]),
            group["peak_memory"]["mean"],
            *(
                _mean(group[name]) if name in group else None
                for name in ("mean_own_memory", "mean_box_memory", "cells_read", "path", "turns")
            ),
            _mean(group["fragments"]),
            _mean(group["recalls"]),
            _mean(group["looks"]) if "looks" in group else None,
            _ends(group["end"]),
        ]
        for agent, group in agents.items()
    ]
    cells = number(most["visible_cells"])
    maps = f"{most['maps']} map{'s' * (most['maps'] != 1)}"
    return Table(columns, rows, f"{size.capitalize()}: {maps} of {cells} visible cells on average")


def pair_table(size: str, pair: Mapping[str, Any], early_steps: int) -> Table:
    """Lay out how the two compared agents differ on maps of one size, a row for each measure."""
    columns: Columns = [
        "measure",
        Column(marked(str(pair["second"]), "stale" in pair), number),
        Column("difference [95 %]", kind="text"),
    ]
    columns += [Column("lower on"), Column("higher on"), Column("Wilcoxon p", "{:.2g}".format)]
    rows: list[list[Any]] = []
    for name, title in MEASURES.items():
        if name not in pair:
            continue
        found, why = pair[name], not_compared(pair, name)
        numbers = [None, Value(None, why), None, None, None]
        if not why:
            words, factor = next((unit for key, unit in _UNITS.items() if name.startswith(key)), ("", 1.0))
            title = title.replace("seconds per step", words).replace("seconds to", words) if words else title
            difference = Value(found["mean"], spread(found, factor))
            numbers = [factor * found["second_mean"], difference, found["lower"], found["higher"], found["p"]]
        rows.append([title.format(early_steps=early_steps), *numbers])
    for row in rows:
        row[0] = Value(row[0], stale="stale" in pair)
    what = f"{pair['first']} minus {pair['second']} on {size} maps"
    return Table(columns, rows, f"{what}, {pair['coverage']['n']} maps, {pair['runs']} pairs of runs")


def number(value: float) -> str:
    """Write a number in four digits or so."""
    if value == 0:
        return "0"
    if abs(value) < 0.01:
        return f"{value:.2e}".replace("-", "−")
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace("-", "−")


def spread(found: Mapping[str, Any], factor: float = 1.0) -> str:
    """Write a mean times ``factor`` with its interval."""
    low, high = found["ci95"]
    ends = "" if low is None else f" [{number(factor * low)}, {number(factor * high)}]"
    return f"{number(factor * found['mean'])}{ends}"


def _runs(group: Mapping[str, Any], percent: int) -> str:
    """Say which share of runs saw so much, whose median stands before it."""
    share = group["reached"][str(percent)]
    if share in (0.0, 1.0):
        return "all runs" if share else "no run"
    return f"{100 * share:.0f} % of runs"


def _time_to(group: Mapping[str, Any], percent: int) -> Value:
    """Write the mean time to a threshold in ms; none where the median run did not reach it.

    Runs that miss it count to their end, so a fast agent that never gets there would look like the soonest.
    """
    if group["median_steps_to"][str(percent)] is None:
        return Value(None, note=_runs(group, percent))
    return _mean(group[f"seconds_to_{percent}"], 1e3)


def _ends(shares: Mapping[str, float]) -> str:
    """Write why runs ended: all is seen, the agent gave up, no steps were left."""
    words = {"done": "all seen", "bound": "gave up", "steps": "no steps left"}
    return ", ".join(f"{words[end]} {100 * share:.0f} %" for end, share in shares.items() if share)


def _mean(found: Mapping[str, Any], factor: float = 1.0, most: float = math.inf) -> Value:
    """Write a mean with its interval, which is cut off at what can be: nothing measured here is negative."""
    low, high = found["ci95"]
    known = low is not None and low < high
    ends = (factor * max(0.0, low), factor * min(most, high)) if known else ()
    return Value(factor * found["mean"], note=f"[{', '.join(map(number, ends))}]" if known else "")


def _within_reason(films: Sequence[str], out: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the films that the page carries within itself."""
    for name in films:
        path = out / f"film-{name}.gif"
        if path.stat().st_size <= _LARGEST_FILM:
            yield name, path.read_bytes()


def _facts(settings: Mapping[str, Any]) -> dict[str, Any]:
    changes = {name: value for name, value in settings["changes"].items() if value}
    return {
        "run": f"{settings['steps']:,} steps",
        "seeds": settings["seeds"],
        "world": changes or "static, exact odometry",
        **{f"agent {name}": agent for name, agent in settings["agents"].items()},
    }


def _write_cells(entries: Sequence[Entry], path: Path) -> None:
    ordered = sorted(entries, key=lambda run: (run.size, run.map, run.agent, run.seed))
    measured = sorted({name for run in ordered for name in run.metrics})
    rows = (
        [*(getattr(run, name) for name in PLACE), *map(run.metrics.get, measured), run.cell, run.stale]
        for run in ordered
    )
    write_csv([*PLACE, *measured, "cell", STALE], rows, path)
