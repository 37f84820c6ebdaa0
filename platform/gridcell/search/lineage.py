"""What is said and drawn of a population: who goes on from whom, and the schedule of the best one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridcell.cell import Stage
from gridcell.report import Column, Columns, Table, Value
from gridcell.search.axes import label_axes, place_of
from gridcell.search.population import Population
from gridcell.search.search import Search
from gridcell.search.tried import Tried
from gridcell.stages import stages_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDE = 100.0  # ratio of values from which an axis is logarithmic


def unit_of(search: Search) -> str:
    """Return what stages count, in the plural."""
    return stages_of(search.objective.task)[0].unit


def stage_of(one: Tried) -> Stage:
    """Return the last stage that a trial trains, of its longest cell."""
    return max((cell.stage for cell in one.grid.cells.values() if cell.stage), default=Stage(0, 0), key=_end)


def _end(stage: Stage) -> int:
    return stage.end


def ancestry(search: Search, one: Tried) -> list[Tried]:
    """Return the trials that one goes on from, the first generation's first, and itself.

    Those before a trial whose note is damaged, and was not asked for again yet, are left out.
    """
    by_number: dict[int | None, Tried] = {each.trial.number: each for each in search.tried}
    found = [one]
    while (parent := found[0].trial.parent) in by_number:
        found.insert(0, by_number[parent])
    return found


def trained(search: Search) -> int:
    """Return how many units were trained over all stages of all trials that are over, each cell once."""
    stages = {
        cell_id: cell.stage
        for one in search.tried
        if one.ended.value is not None
        for cell_id, cell in one.grid.cells.items()
    }
    return sum(stage.end - stage.begin for stage in stages.values() if stage is not None)


def state_of(search: Search, one: Tried) -> str:
    """Return what a trial has come to, in a word; of a population whether anybody went on from it."""
    ended = one.ended
    if search.population is None or ended.state != "stopped":
        return ended.failure or ended.state
    followed = {each.trial.parent for each in search.tried}
    next_one = one.trial.number + search.population.members
    if not any(each.trial.number == next_one for each in search.tried):
        return "waiting"
    return "gone on" if one.trial.number in followed else "replaced"


def came_from(population: Population, one: Tried) -> str:
    """Return whom a trial goes on from: ``12``, or ``7, copied`` where it is another member."""
    trial = one.trial
    if trial.parent is None:
        return ""
    return f"{trial.parent}, copied" if population.is_copied(trial) else str(trial.parent)


def said(search: Search) -> list[str]:
    """Say how large the population was, what it trained, and what its best trial is."""
    population = search.population
    if population is None:
        return []
    copied = sum(population.is_copied(one.trial) for one in search.tried)
    count = search.wanted.trials // population.members
    many = f"{count} populations of" if count > 1 else "a population of"
    return [
        f"By pbt {many} {population.members} members in {population.generations} stages: "
        f"{trained(search):,} {unit_of(search)} were trained. {copied} times a member was replaced by a copy "
        "of a better one, under changed settings. Values of different stages are compared with those of the "
        "same stage alone, and only a trial of the last stage can be the best."
    ]


def schedule_table(search: Search) -> Table | None:
    """Lay out the schedule that the best trial followed, a row a stage; None where there is none."""
    population, best = search.population, search.best
    if population is None or best is None:
        return None
    columns: Columns = [Column("stage", str), Column(unit_of(search), kind="text"), Column("trial", str)]
    columns += [Column("goes on from", kind="text")]
    columns += [Column(key, _written, kind="text") for key in search.space.ranges]
    columns += [Column(search.objective.metric, "{:.5g}".format)]
    rows: list[list[Any]] = []
    for one in ancestry(search, best):
        stage = stage_of(one)
        rows.append(
            [
                len(one.trial.stages),
                f"{stage.begin:,} to {stage.end:,}",
                one.trial.number,
                came_from(population, one),
                *(one.trial.params[key] for key in search.space.ranges),
                Value(one.ended.value, mark="best" if one is best else ""),
            ]
        )
    return Table(columns, rows, "The schedule of the best trial")


def _written(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def summary(search: Search) -> Mapping[str, Any] | None:
    """Return what a population's scheduler did, ready for JSON; None of another search."""
    if search.population is None:
        return None
    ends = sorted({stage_of(one).end for one in search.tried})
    return {
        **search.wanted.scheduling,
        "ends": ends,
        "unit": unit_of(search),
        "trained": trained(search),
    }


def draw(search: Search) -> "Figure":
    """Draw the metric and each setting over the training: lines join a trial with the one it goes on from."""
    from matplotlib.ticker import NullFormatter

    from gridcell.plots import style

    ranges = search.space.ranges
    height, gap = 1.9, 0.55
    figure = style.new_figure(8.5, 0.75 + (1 + len(ranges)) * (height + gap))
    top = figure.get_size_inches()[1] - 0.4
    line = ancestry(search, search.best) if search.best is not None else []
    by_number: dict[int | None, Tried] = {one.trial.number: one for one in search.tried}
    panels = [search.objective.metric, *ranges]
    for index, name in enumerate(panels):
        axes = style.place(figure, 1.0, top - height - index * (height + gap), 7.2, height)
        style.tidy(axes, grid="both")
        for one in sorted(search.tried, key=lambda one: one in line):  # the best one's above all
            stage, among = stage_of(one), one in line
            before = by_number.get(one.trial.parent)
            if name in ranges:
                value = place_of(ranges[name], one.trial.params[name])
                x, y = [stage.begin, stage.end], [value, value]
            elif one.ended.value is None:
                continue
            elif before is None or before.ended.value is None:
                x, y = [stage.end], [one.ended.value]
            else:
                x, y = [stage.begin, stage.end], [before.ended.value, one.ended.value]
            axes.plot(
                x,
                y,
                color=style.colour(1) if among else style.colour(0),
                alpha=1.0 if among else 0.45,
                linewidth=2.2 if among else 1.0,
                marker="" if name in ranges else "o",
                markersize=3,
            )
        values = [one.ended.value for one in search.tried if one.ended.value is not None]
        if ranges[name].log if name in ranges else _is_wide(values):
            axes.set_yscale("log")
            low, high = axes.get_ylim()
            if high > 10 * low:  # the powers of ten are enough
                axes.yaxis.set_minor_formatter(NullFormatter())
        if name in ranges and ranges[name].kind == "choice":
            listed = ranges[name].listed
            axes.set_yticks(range(len(listed)), [str(value)[:14] for value in listed])
        axes.set_xlim(0, 1.02 * max(stage_of(one).end for one in search.tried))
        label_axes(axes, unit_of(search) if name == panels[-1] else "", style.shorten(name, 26))
    style.write(figure, 0.15, top + 0.15, "Lineage", fontsize=style.TITLE_SIZE, weight="bold")
    return figure


def _is_wide(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) > _WIDE * min(values)
