"""Several objectives: the trials that no other beats in all of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell.search.search import Search
from gridcell.search.tried import Tried

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def front_of(search: Search) -> list[Tried]:
    """Return the trials of the Pareto front, the best in the first objective first.

    Of trials with equal values all are in it.
    """
    signs = [1.0 if mode == "max" else -1.0 for _, mode in search.objective.metrics]
    done = [one for one in search.tried if one.is_done]
    scores = [[sign * value for sign, value in zip(signs, one.ended.values, strict=True)] for one in done]
    found = [one for one, mine in zip(done, scores, strict=True) if not _is_dominated(mine, scores)]
    return sorted(found, key=lambda one: (-signs[0] * one.ended.values[0], one.trial.number))


def _is_dominated(score: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """Whether another one is at least as good in all objectives, and better in one; larger is better."""
    return any(
        all(theirs >= mine for theirs, mine in zip(other, score, strict=True)) and other != score
        for other in others
    )


def name_of(one: Tried) -> str:
    """Return the name of the file that holds a trial of the front as a suite."""
    return f"front-{one.trial.number}.yaml"


def about(search: Search, one: Tried, rule: str) -> str:
    """Return a line on what a trial of the front is."""
    objective = search.objective
    return (
        f"Trial {one.trial.number}, of the Pareto front of {len(search.tried)} trials of "
        f"{objective.task.name}/{search.default.suite.name}: {_shown(search, one)}, rule {rule}"
    )


def _shown(search: Search, one: Tried) -> str:
    named = zip(search.objective.metrics, one.ended.values, strict=True)
    return ", ".join(f"{metric} {value:.4g}" for (metric, _), value in named)


def said(search: Search) -> list[str]:
    """Return what was found, in sentences."""
    metrics = search.objective.metrics
    names = " and ".join(metric for metric, _ in metrics)
    front = front_of(search)
    if not front:
        return [f"No trial has {names}."]
    sentences = [
        f"{len(front)} trial{'s are' if len(front) > 1 else ' is'} on the Pareto front of {names}: no other "
        f"is at least as good in all and better in one. Each is a suite of its own ({name_of(front[0])})."
    ]
    for place, (metric, mode) in enumerate(metrics):
        values = [one.ended.values[place] for one in front]
        best = front[values.index(max(values) if mode == "max" else min(values))]
        sentences.append(f"The best {metric} has trial {best.trial.number}: {_shown(search, best)}.")
    if search.default.is_done:
        own = search.default
        signs = [1.0 if mode == "max" else -1.0 for _, mode in metrics]
        mine = [sign * value for sign, value in zip(signs, own.ended.values, strict=True)]
        theirs = [[sign * one for sign, one in zip(signs, each.ended.values, strict=True)] for each in front]
        beaten = "are beaten by a trial" if _is_dominated(mine, theirs) else "no trial beats in all of them"
        sentences.append(f"The suite's own values, {_shown(search, own)}, {beaten}.")
    sentences.append(
        "No trial is compared with the suite's own values on fresh seeds: a front has no one best trial. Run "
        "those that you choose as suites, with other seeds."
    )
    return sentences


def summary(search: Search) -> Mapping[str, Any]:
    """Return the numbers of the front, ready for JSON; nothing with one objective."""
    if not search.objective.others:
        return {}
    return {
        "objectives": [{"metric": metric, "mode": mode} for metric, mode in search.objective.metrics],
        "front": [one.trial.number for one in front_of(search)],
    }


def draw(search: Search, first: int, second: int) -> "Figure":
    """Draw two objectives against each other: all trials, the front, and the suite's own values.

    Args:
        search: as far as it has come.
        first: place of the objective on the horizontal axis.
        second: place of the one on the vertical axis.
    """
    from gridcell.plots import style

    figure = style.new_figure(8.5, 4.6)
    axes = style.place(figure, 0.9, 0.7, 7.4, 3.4)
    style.tidy(axes, grid="both")
    front = sorted(front_of(search), key=lambda one: one.ended.values[first])
    rest = [one for one in search.tried if one.is_done and one not in front]
    for trials, colour, size, name in ((rest, 0, 24, "trial"), (front, 1, 44, "on the front")):
        values = np.array([[one.ended.values[first], one.ended.values[second]] for one in trials])
        x, y = values.reshape(-1, 2).T
        axes.scatter(x, y, s=size, color=style.colour(colour), zorder=2 + colour, label=name)
    if len(search.objective.metrics) == 2:
        places = [(one.ended.values[first], one.ended.values[second]) for one in front]
        axes.plot(*np.array(places).reshape(-1, 2).T, color=style.colour(1), linewidth=1.2)
    if search.default.is_done:
        own = search.default.ended.values
        axes.scatter(
            [own[first]], [own[second]], marker="D", s=40, color=style.INK, label="suite's own values"
        )
    for one in front:
        at = one.ended.values[first], one.ended.values[second]
        axes.annotate(str(one.trial.number), at, (5, 5), textcoords="offset points", fontsize=style.TICK_SIZE)
    axes.legend(frameon=False, fontsize=style.TICK_SIZE)
    metrics = [metric for metric, _ in search.objective.metrics]
    axes.set_xlabel(metrics[first], fontsize=style.LABEL_SIZE, color=style.INK, parse_math=False)
    axes.set_ylabel(metrics[second], fontsize=style.LABEL_SIZE, color=style.INK, parse_math=False)
    style.write(figure, 0.15, 4.35, "Pareto front", fontsize=style.TITLE_SIZE, weight="bold")
    return figure
