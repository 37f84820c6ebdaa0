"""The report of a search: its trials as a table, what the best one is worth, figures, and ``best.yaml``."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gridcell.report import Column, Columns, GridResults, Report, Table, Value, write_page, write_summary
from gridcell.search import lineage, several
from gridcell.search.best import NAME, write_best
from gridcell.search.importance import EVALUATOR, importance
from gridcell.search.judge import Judged
from gridcell.search.lead import beats_default, leads
from gridcell.search.population import Population
from gridcell.search.search import Search
from gridcell.search.sentences import judged_name, said
from gridcell.search.spent import spent, stops_of
from gridcell.search.tried import Tried, joined
from gridcell.staleness import failures_of

_TEMPLATES = Path(__file__).parent / "page"


def write(search: Search, judged: Judged | None, out: Path, *, title: str, stopped: str = "") -> Report:
    """Write ``report.html``, ``trials.csv``, ``best.yaml``, ``summary.json`` and figures.

    Args:
        search: as far as it has come.
        judged: the best trial against the default; None where that was not run.
        out: the folder.
        title: of the page.
        stopped: why the search ended before its last trial; empty where it didn't.
    """
    from gridcell.search.figures import draw

    out.mkdir(parents=True, exist_ok=True)
    table = trials_table(search)
    table.write_csv(out / "trials.csv")
    best = search.best
    if best is not None:
        stages = best.trial.stages if search.population is not None else ()
        write_best(search.objective, best.trial.params, out, about(search), stages=stages)
    for one in several.front_of(search) if search.objective.others else ():
        about_it = several.about(search, one, _rule(search))
        write_best(search.objective, one.trial.params, out, about_it, several.name_of(one))
    sentences = said(search, judged, stopped)
    write_summary(summary(search, judged), out)
    page = write_page(
        _results(search, title),
        out,
        templates=_TEMPLATES,
        pictures=draw(search),
        own_facts=facts(search),
        sentences=sentences,
        trials=table,
        judged=judged_table(search, judged) if judged is not None else None,
        choices=choices_table(search),
        schedule=lineage.schedule_table(search),
        best=NAME if best is not None else "",
        better=beats_default(search),
        headings=_heading(search),
    )
    shown = [judged_table(search, judged)] if judged is not None else []
    return Report(page, [*shown, *sentences])


def about(search: Search) -> str:
    """Return a line on what the best trial is the best of."""
    objective = search.objective
    best = search.best
    value = best.ended.value if best is not None else None
    shown = "" if value is None else f": {objective.value_name} {value:.4g}"
    return (
        f"The best of {len(search.tried)} trials of {objective.task.name}/{search.default.suite.name}"
        f"{selected(search)}"
        f"{shown}, rule {_rule(search)}"
    )


def selected(search: Search) -> str:
    """Say which part of the suite was searched, e.g. ``" with method=ewc"``; empty for all of it."""
    chosen = [f"{label}={','.join(values)}" for label, values in search.objective.select.items()]
    return f" with {' '.join(chosen)}" if chosen else ""


def _rule(search: Search) -> str:
    rule = search.objective.rule
    return f"{rule.name} (trials saw what the report judges by)" if rule.oracle else rule.name


def _heading(search: Search) -> str:
    """Return what stands over each column of values: the metric, and whether it peeked."""
    objective = search.objective
    peeked = " rule: not held out" if objective.rule.oracle else ""
    return f"{objective.value_name}, {objective.rule.name}{peeked}"


def trials_table(search: Search) -> Table:
    """Lay out the trials, the best first, those without a value last, and the suite's own values."""
    columns: Columns = [Column("trial", kind="text"), Column("state", kind="text")]
    columns += [Column(_heading(search), "{:.5g}".format)]
    columns += [Column(name, "{:.5g}".format) for name, _ in search.objective.others]
    columns += [Column(search.ladder.fidelity.unit, kind="text")] if search.ladder is not None else []
    if search.population is not None:
        columns += [Column(lineage.unit_of(search), kind="text"), Column("goes on from", kind="text")]
    columns += [Column(key, _written, kind="text") for key in search.space.ranges]
    columns += [Column("computing", "{:.1f}".format, unit="s"), Column("cells", str)]
    sign = -1.0 if search.objective.maximise else 1.0
    ranked = sorted(
        search.tried,
        key=lambda one: (
            one.ended.value is None,
            -one.rung,
            sign * (one.ended.value or 0.0),
            one.trial.number,
        ),
    )
    front = several.front_of(search) if search.objective.others else [search.best]
    ranked = [*(one for one in front if one is not None), *(one for one in ranked if one not in front)]
    rows = [_row(search, one, "best" if one in front else "") for one in ranked]
    return Table(columns, [*rows, _row(search, search.default, "own")], "Trials")


def _row(search: Search, one: Tried, mark: str) -> list[Any]:
    ended = one.ended
    state = lineage.state_of(search, one)
    state = f"{state}, stale" if ended.stale else state
    own = search.objective.base_values(search.space.ranges) if one is search.default else {}
    params = own or one.trial.params
    name = str(one.trial.number) if one is not search.default else "default"
    return [
        Value(name, mark=mark),
        state,
        Value(ended.value, mark=mark),
        *(Value(value, mark=mark) for value in ended.others or [None] * len(search.objective.others)),
        *_came_to(search, one),
        *(params.get(key) for key in search.space.ranges),
        ended.seconds,
        ended.cells or len(one.grid),
    ]


def _came_to(search: Search, one: Tried) -> list[str]:
    """Return how far a trial was trained, e.g. ``4 of 10``; nothing without a scheduler.

    Of a population, which units it trained, and whom it goes on from.
    """
    if search.population is not None:
        stage = lineage.stage_of(one)
        which = "" if one is search.default else f"{stage.begin:,} to {stage.end:,}"
        return [which, lineage.came_from(search.population, one)]
    if search.ladder is None:
        return []
    total = max(search.ladder.totals(one.whole).values(), default=0)
    stop = total if one is search.default else search.ladder.stop_of(total, one.rung)
    return [f"{stop} of {total}"]


def _written(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def choices_table(search: Search) -> Table | None:
    """Lay out which trial is chosen for each part of the answer; None under a rule with one choice."""
    choices = search.choices()
    if not choices:
        return None
    number = "{:.5g}".format
    metric = search.objective.metric
    columns: Columns = [Column("reported", kind="text"), Column("chosen trial", str)]
    columns += [Column(key, _written, kind="text") for key in search.space.ranges]
    columns += [Column(f"{metric} without it", number), Column(f"{metric} on it", number)]
    rows = [
        [part, one.trial.number, *one.trial.params.values(), *one.ended.parts[part]]
        for part, one in choices.items()
    ]
    return Table(columns, rows, "What is chosen for each part")


def judged_table(search: Search, judged: Judged) -> Table:
    """Lay out the best trial and the default as the report judges, by seed and on average."""
    best, default = judged.means()
    mean, half = judged.difference if judged.differences else (None, None)
    note = "" if half is None or mean is None else f"[{mean - half:.4g}, {mean + half:.4g}]"
    number = "{:.5g}".format
    columns: Columns = [Column("seed", kind="text"), Column("best", number), Column("default", number)]
    columns += [Column("best − default", number)]
    rows: list[list[Any]] = []
    for place, (one, other) in enumerate(zip(judged.best, judged.default, strict=True)):
        name = str(judged.seeds[place]) if judged.seeds else "as it is"
        rows.append([name, one, other, None if one is None or other is None else one - other])
    if len(rows) > 1:
        rows.append(["mean", best, default, Value(mean, note=note)])
    return Table(columns, rows, f"{judged_name(search)} on fresh seeds, as the report judges")


def facts(search: Search) -> dict[str, Any]:
    """Return how the search was made, for the page."""
    wanted, objective = search.wanted, search.objective
    return {
        "search": f"{wanted.search}, seed {wanted.seed}, id {search.id}",
        "space": {key: one.text for key, one in search.space.ranges.items()},
        "metric": "; ".join(f"{metric}, {mode}" for metric, mode in objective.metrics),
        "rule": f"{objective.rule.name}: {objective.rule.held_out}",
        "selected": {label: ", ".join(values) for label, values in objective.select.items()} or "everything",
        **({} if search.population is not None else {"trials at once": wanted.at_once}),
        **({} if search.ladder is None else {"scheduler": _rungs(search)}),
        **({} if search.population is None else {"scheduler": _population(search.population)}),
    }


def _rungs(search: Search) -> str:
    assert search.ladder is not None
    stops = ", ".join(map(str, stops_of(search.ladder, search.default)))
    wanted, unit = search.wanted, search.ladder.fidelity.unit
    return f"{wanted.scheduler}, eta {wanted.eta}, rungs after {stops} {unit}"


def _population(population: Population) -> str:
    return f"pbt, {population.members} members in {population.generations} stages of equal length"


def summary(search: Search, judged: Judged | None) -> dict[str, Any]:
    """Return the numbers behind the page, ready for JSON."""
    best = search.best
    return {
        "search": search.id,
        "metric": search.objective.metric,
        "mode": search.objective.mode,
        "rule": {"name": search.objective.rule.name, "oracle": search.objective.rule.oracle},
        "space": {key: one.text for key, one in search.space.ranges.items()},
        "trials": [_as_json(one) for one in search.tried],
        "outside": search.outside,
        "scheduler": _scheduled_as_json(search) or lineage.summary(search),
        "default": _as_json(search.default),
        "best": None if best is None else _as_json(best),
        **several.summary(search),
        "importance": {"evaluator": EVALUATOR, "shares": importance(search)},
        "leads": [asdict(lead) for lead in leads(search)],
        "judged": None if judged is None else _judged_as_json(judged),
    }


def _as_json(one: Tried) -> dict[str, Any]:
    return {
        "number": one.trial.number,
        "params": dict(one.trial.params),
        "state": one.ended.state,
        "value": one.ended.value,
        **({"values": list(one.ended.values)} if one.ended.others else {}),
        "failure": one.ended.failure,
        "stale": one.ended.stale,
        "seconds": one.ended.seconds,
        "cells": sorted(target.cell for target in one.grid.targets),
        **({"rungs": {rung: ended.value for rung, ended in one.rungs.items()}} if one.before else {}),
        **({} if one.trial.parent is None else {"parent": one.trial.parent}),
        **({"earlier": list(map(dict, one.trial.earlier))} if one.trial.earlier else {}),
    }


def _scheduled_as_json(search: Search) -> dict[str, Any] | None:
    trained = spent(search)
    if search.ladder is None or trained is None:
        return None
    return {
        **search.wanted.scheduling,
        "rungs": stops_of(search.ladder, search.default),
        "unit": trained.unit,
        "trained": trained.units,
        "whole": trained.whole,
    }


def _judged_as_json(judged: Judged) -> dict[str, Any]:
    mean, half = judged.difference if judged.differences else (None, None)
    interval = [mean - half, mean + half] if mean is not None and half is not None else None
    found: Mapping[str, Any] = {
        "seeds": list(judged.seeds),
        "best": list(judged.best),
        "default": list(judged.default),
        "difference": {"mean": mean, "ci95": interval, "n": len(judged.differences)},
    }
    return dict(found)


def _results(search: Search, title: str) -> GridResults:
    """Return what the page counts: the cells of all trials and of the default."""
    tried = [search.default, *search.tried]
    grid = joined(tried, search.population)
    results, _ = search.store.results.read_many(grid.cells)
    failures = failures_of(search.objective.task, grid, search.store)
    return GridResults(
        title=title,
        settings=search.default.suite.settings.model_dump(mode="json"),
        grid=grid,
        results=results,
        failures={name: one for name, one in failures.items() if name in grid.cells and name not in results},
        store=search.store,
    )
