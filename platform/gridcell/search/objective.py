"""From values to a trial's grid, and from its results to one number."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from gridcell.cell import canonical_json
from gridcell.errors import UserError, unknown
from gridcell.grid import Grid, Target
from gridcell.report import GridResults
from gridcell.search.trial import RUNNING, Ended
from gridcell.settings.schema_place import value_at
from gridcell.settings.stages import Schedule
from gridcell.store import Result, Store
from gridcell.store.values import as_float
from gridcell.suite import Suite, load_suite
from gridcell.task import Task, imported
from gridcell.tuning import Mode, Rule

TRIAL = "trial"
"""Label of the targets of a search: the trial's number."""

GENERATION, PARENT = "generation", "parent_trial"
"""Labels of the targets of a population: its stage from 1 on, and the trial that one goes on from."""

Labels = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Objective:
    """A suite that is searched, and how a trial of it is scored.

    Attributes:
        task: whose suite it is.
        name: of the suite, or its file.
        overrides: of ``--set``.
        seeds: of ``--seeds``.
        plugins: files of the user's own.
        select: labels of the targets that a trial runs.
        metric: what is optimised.
        mode: whether larger values are better.
        rule: what trials may see.
        others: further metrics, each with whether larger values are better ("max") or smaller ones: then the
            search looks for the trials that none beats in all of them.
    """

    task: Task
    name: str
    overrides: tuple[str, ...]
    seeds: int | None
    plugins: tuple[str, ...]
    select: Labels
    metric: str
    mode: Mode
    rule: Rule
    others: tuple[tuple[str, Mode], ...] = ()

    @property
    def metrics(self) -> tuple[tuple[str, Mode], ...]:
        """What is optimised: metrics and modes, mostly one."""
        return (self.metric, self.mode), *self.others

    @property
    def value_name(self) -> str:
        """What the values of trials are called: the metric, unless the rule scores by something else."""
        return self.rule.value or self.metric

    @property
    def maximise(self) -> bool:
        """Whether larger values are better."""
        return self.mode == "max"

    def suite(
        self, params: Mapping[str, Any], *, seed: int | None = None, schedule: Schedule | None = None
    ) -> Suite:
        """Return the suite with some settings changed.

        Args:
            params: setting, as ``--set`` takes it -> value.
            seed: in place of the suite's seeds.
            schedule: how settings change while cells train.

        Raises:
            UserError: a setting or value is wrong.
        """
        changes = [f"{key}={json.dumps(value)}" for key, value in params.items()]
        if seed is not None:
            kept = [one for one in self.overrides if one.partition("=")[0].strip() != "seeds"]
            overrides, seeds = [*kept, *changes, f"seeds=[{seed}]"], None
        else:
            overrides, seeds = [*self.overrides, *changes], self.seeds
        return load_suite(self.task, self.name, overrides, seeds, self.plugins, schedule)

    def grid(self, suite: Suite, rule: Rule | None = None) -> Grid:
        """Plan what a trial of this suite runs, by the search's rule or another."""
        plan = (rule or self.rule).plan
        planned = suite.grid(lambda settings: imported(plan)(settings, self.select)) if plan else suite.grid()
        return planned.select(self.select)

    def base_values(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values that the suite itself gives some settings, of those that it gives one."""
        written = self.suite({}).settings.model_dump(mode="json")
        found = {key: value_at(written, key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    def id(self, search: str, seed: int, scheduler: Mapping[str, Any] | None = None) -> str:
        """Return the id of a search: the same search is found again, and goes on.

        How many trials there are and what they vary is not part of it.

        Args:
            search: how points are chosen.
            seed: of this choice.
            scheduler: which of them are trained on, where that is decided.
        """
        identity = {
            "task": self.task.name,
            "cells": sorted(self.grid(self.suite({})).cells),
            "select": {label: list(values) for label, values in self.select.items()},
            "metric": self.metric,
            "mode": self.mode,
            "rule": self.rule.name,
            "search": search,
            "seed": seed,
            **({"scheduler": dict(scheduler)} if scheduler else {}),
            **({"others": [list(one) for one in self.others]} if self.others else {}),
        }
        return hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:12]

    def ended(
        self,
        suite: Suite,
        grid: Grid,
        results: Mapping[str, Result],
        failures: Mapping[str, Mapping[str, Any]],
        store: Store,
        stale: Set[str] = frozenset(),
        *,
        metric_exists: bool = False,
    ) -> Ended:
        """Tell what came of a trial.

        Args:
            suite: with the trial's values.
            grid: of the trial.
            results: id -> result of the cells that are done.
            failures: id -> failure of those that failed or diverged.
            store: that holds them.
            stale: ids of results that other code made.
            metric_exists: whether another trial has answered the metric, so that it is no mistake of the
                user's where this one doesn't.

        Raises:
            UserError: there is no such metric, or not in all targets.
        """
        targets = {target.cell for target in grid.targets}
        done = {cell_id: results[cell_id] for cell_id in grid.cells if cell_id in results}
        seconds = sum(result.seconds for result in done.values())
        facts: dict[str, Any] = {
            "seconds": seconds,
            "cells": len(grid),
            "stale": bool(stale & grid.cells.keys()),
        }
        if not targets <= done.keys():
            missing = [
                failures[cell_id] for cell_id in grid.cells if cell_id in failures and cell_id not in done
            ]
            classes = sorted({str(one["failure_class"]) for one in missing})
            if not classes:
                return replace(RUNNING, **facts)
            state: Any = "diverged" if "diverged" in classes else "failed"
            return Ended(state, failure="diverged" if state == "diverged" else classes[0], **facts)
        parts = self.parts(suite, grid, done, store) if self.rule.parts else {}
        try:
            if self.rule.parts:
                value = fmean(choice for choice, _ in parts.values()) if parts else None
            else:
                value = self._scored(suite, grid, done, store, self.rule, self.metric)
            others = [self._scored(suite, grid, done, store, self.rule, metric) for metric, _ in self.others]
        except UserError:
            if not metric_exists:
                raise
            value, others = None, []
        for (metric, _), one in zip(self.metrics, [value, *others], strict=False):
            if one is None or not math.isfinite(one):
                return Ended("failed", failure=f"no {metric}", **facts)
        return Ended(
            "done", value, parts=parts, others=tuple(one for one in others if one is not None), **facts
        )

    def score(
        self,
        suite: Suite,
        grid: Grid,
        results: Mapping[str, Result],
        store: Store,
        rule: Rule | None = None,
    ) -> float | None:
        """Return the value of a grid whose targets are done, by the search's rule or another.

        Returns:
            None where it has none, or one that is not finite.
        """
        value = self._scored(suite, grid, results, store, rule or self.rule, self.metric)
        return value if value is not None and math.isfinite(value) else None

    def results(self, suite: Suite, grid: Grid, results: Mapping[str, Result], store: Store) -> GridResults:
        """Return the results of a trial as the functions of a rule take them."""
        return _results(suite, grid, results, store)

    def _scored(
        self,
        suite: Suite,
        grid: Grid,
        results: Mapping[str, Result],
        store: Store,
        rule: Rule,
        metric: str,
    ) -> float | None:
        value: float | None = imported(rule.score)(_results(suite, grid, results, store), metric)
        return None if value is None else as_float(value)

    def parts(
        self, suite: Suite, grid: Grid, results: Mapping[str, Result], store: Store
    ) -> dict[str, tuple[float, float]]:
        """Return what each part of a grid's answer is chosen by, and what it is judged by."""
        found: Mapping[str, tuple[float, float]] = imported(self.rule.parts)(
            _results(suite, grid, results, store), self.metric
        )
        return dict(found)


def _results(suite: Suite, grid: Grid, results: Mapping[str, Result], store: Store) -> GridResults:
    return GridResults(
        title=suite.name,
        settings=suite.settings.model_dump(mode="json"),
        grid=grid,
        results=results,
        failures={},
        store=store,
    )


def union(
    grids: Mapping[int, Grid], label: str = TRIAL, more: Mapping[int, Mapping[str, Any]] | None = None
) -> Grid:
    """Join the grids of several trials: each cell once, and its targets labelled by the trial.

    Args:
        grids: number of a trial -> its grid.
        label: the name of the numbers among the labels.
        more: number -> further labels of its targets.
    """
    more = more or {}
    cells = {cell_id: cell for grid in grids.values() for cell_id, cell in grid.cells.items()}
    targets = tuple(
        Target(
            {**target.labels, label: number if number >= 0 else "default", **more.get(number, {})},
            target.cell,
            target.whichever,
        )
        for number, grid in grids.items()
        for target in grid.targets
    )
    locations = {name: where for grid in grids.values() for name, where in grid.locations.items()}
    notes = tuple(dict.fromkeys(note for grid in grids.values() for note in grid.notes))
    return Grid(cells, targets, locations=locations, notes=notes)


def mean_over_targets(results: GridResults, metric: str) -> float | None:
    """Return the mean of a metric over all targets.

    Returns:
        None where the metric of a target is None, or no number: such a run has no value.

    Raises:
        UserError: some targets don't answer the metric at all; names them, or the nearest metric.
    """
    targets = results.grid.targets
    answers = [results.results[target.cell].metrics for target in targets]
    lacking = [target for target, metrics in zip(targets, answers, strict=True) if metric not in metrics]
    if len(lacking) == len(targets):
        named = {name for metrics in answers for name, one in metrics.items() if _is_number(one)}
        raise unknown("metric", metric, named)
    if lacking:
        shown = ", ".join(f"{label}={value}" for label, value in lacking[0].labels.items())
        raise UserError(
            f"{len(lacking)} of {len(targets)} targets have no metric '{metric}', such as {shown}: "
            "a mean would leave them out. Search those that have it, by --select LABEL=VALUE"
        )
    values = [metrics[metric] for metrics in answers]
    return fmean(map(as_float, values)) if all(map(_is_number, values)) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def selection_of(
    params: Iterable[str], settings: Mapping[str, Any], selects: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return the labels of the entries that a search varies, where every setting belongs to such an entry.

    Args:
        params: settings, as ``--set`` takes them.
        settings: as JSON values.
        selects: section -> label of its entries.
    """
    found: dict[str, list[str]] = {}
    for key in params:
        section, _, rest = key.partition(".")
        entries = settings.get(section) if section in selects else None
        names = [name for name in entries or () if rest == name or rest.startswith(f"{name}.")]
        if not names:
            return {}
        name = max(names, key=len)
        if name not in found.setdefault(selects[section], []):
            found[selects[section]].append(name)
    return found
