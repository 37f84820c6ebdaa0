"""What a search looks like: its history, what each setting does, and which of them matter."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell.report import Picture
from gridcell.search import lineage, several
from gridcell.search.axes import label_axes, place_of, whole_numbers
from gridcell.search.importance import EVALUATOR, importance
from gridcell.search.rungs import Ladder
from gridcell.search.search import Search
from gridcell.search.spent import stops_of
from gridcell.search.tried import Tried
from gridcell.settings.ranges import Range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 2  # trials with a value, of which a figure can be made


def draw(search: Search) -> Iterator[Picture]:
    """Draw the figures that the trials give, one at a time."""
    metric = search.objective.value_name
    if search.population is not None:
        yield from _of_population(search)
        return
    if search.ladder is not None and any(one.rungs for one in search.tried):
        yield Picture(
            "rungs",
            "search",
            f"{metric} of each trial at each rung. Orange: the best of those that were trained to their end. "
            "Values of different rungs are compared with those of the same rung alone.",
            _rungs(search, search.ladder),
        )
    done = [one for one in search.tried if one.is_done]
    if len(done) < FEWEST:
        return
    if search.objective.others:
        for first, second in combinations(range(len(search.objective.metrics)), 2):
            yield Picture(
                f"front-{first}-{second}",
                "search",
                _front_caption(search),
                several.draw(search, first, second),
            )
        return
    best = "largest" if search.objective.maximise else "smallest"
    yield Picture(
        "history",
        "search",
        f"{metric} of each trial, in the order in which they were chosen, and the {best} so far. Grey line: "
        "the suite's own values. Crosses at the bottom: trials that failed or diverged.",
        _history(search, done),
    )
    yield Picture(
        "slices",
        "search",
        f"{metric} against each setting, a point a trial; the star is the best."
        + (" Other settings vary, too." if len(search.space.ranges) > 1 else ""),
        _slices(search, done),
    )
    if len(search.space.ranges) > 1:
        yield Picture(
            "parallel",
            "search",
            f"Each line is a trial: its settings, and its {metric} on the right. Darker is better; the best "
            "is orange.",
            _parallel(search, done),
        )
    shares = importance(search)
    if shares:
        from gridcell.plots import grouped_bars

        figure = grouped_bars(
            np.array([[share] for share in shares.values()]),
            list(shares),
            ["importance"],
            value_axis="share",
            title="Which settings matter",
        )
        yield Picture(
            "importance",
            "search",
            f"Share of the importance that each setting has for {metric}, by {EVALUATOR}. Other evaluators "
            "give other shares; with few trials all of them are rough.",
            figure,
        )
    yield Picture(
        "cost",
        "search",
        f"The {best} {metric} so far against the hours of computing of the trials until then.",
        _cost(search, done),
    )


def _of_population(search: Search) -> Iterator[Picture]:
    """Draw a population by its lineage alone: settings that change on the way fit no other figure."""
    if any(one.ended.value is not None for one in search.tried):
        yield Picture(
            "lineage",
            "search",
            f"{search.objective.value_name} and settings of each trial over its training; a line joins a "
            "trial with the one that it goes on from. Orange: the schedule of the best trial.",
            lineage.draw(search),
        )


def _front_caption(search: Search) -> str:
    wanted = ", ".join(
        f"{metric} is to be {'large' if mode == 'max' else 'small'}"
        for metric, mode in search.objective.metrics
    )
    return (
        f"{wanted[:1].upper()}{wanted[1:]}. Orange: trials that no other one beats in all objectives, with "
        "their numbers. Diamond: the suite's own values."
    )


def _values(done: Sequence[Tried]) -> np.ndarray:
    return np.array([one.ended.value for one in done], dtype=np.float64)


def _so_far(search: Search, values: np.ndarray) -> np.ndarray:
    return np.maximum.accumulate(values) if search.objective.maximise else np.minimum.accumulate(values)


def _history(search: Search, done: Sequence[Tried]) -> "Figure":
    from gridcell.plots import style

    figure = style.new_figure(8.5, 3.6)
    axes = style.place(figure, 0.9, 0.6, 7.4, 2.6)
    style.tidy(axes, grid="both")
    numbers, values = np.array([one.trial.number for one in done]), _values(done)
    axes.scatter(numbers, values, s=22, color=style.colour(0), zorder=3)
    axes.step(numbers, _so_far(search, values), where="post", color=style.colour(1), linewidth=1.6)
    if search.default.ended.value is not None:
        axes.axhline(search.default.ended.value, color=style.FAINT, linewidth=1.2, linestyle="--")
    bad = [one.trial.number for one in search.tried if one.ended.state in ("failed", "diverged")]
    if bad:
        low = axes.get_ylim()[0]
        axes.scatter(bad, np.full(len(bad), low), marker="x", s=26, color=style.INK, clip_on=False)
    whole_numbers(axes)
    label_axes(axes, "trial", search.objective.value_name)
    style.write(figure, 0.15, 3.35, "History", fontsize=style.TITLE_SIZE, weight="bold")
    return figure


def _rungs(search: Search, ladder: Ladder) -> "Figure":
    from gridcell.plots import style

    figure = style.new_figure(8.5, 3.6)
    axes = style.place(figure, 0.9, 0.6, 7.4, 2.6)
    style.tidy(axes, grid="both")
    for one in sorted(search.tried, key=lambda one: one is search.best):  # the best one above all
        total = max(ladder.totals(one.whole).values(), default=0)
        values = {rung: ended.value for rung, ended in one.rungs.items() if ended.value is not None}
        axes.plot(
            [ladder.stop_of(total, rung) for rung in values],
            list(values.values()),
            marker="o",
            markersize=4,
            color=style.colour(1) if one is search.best else style.colour(0),
            alpha=1.0 if one is search.best else 0.5,
            linewidth=2.0 if one is search.best else 1.0,
        )
    stops = stops_of(ladder, search.default)
    axes.set_xscale("log")
    axes.set_xticks(stops, [str(stop) for stop in stops])
    axes.minorticks_off()
    label_axes(axes, ladder.fidelity.unit, search.objective.value_name)
    style.write(figure, 0.15, 3.35, "Rungs", fontsize=style.TITLE_SIZE, weight="bold")
    return figure


def _cost(search: Search, done: Sequence[Tried]) -> "Figure":
    from gridcell.plots import style

    figure = style.new_figure(8.5, 3.4)
    axes = style.place(figure, 0.9, 0.6, 7.4, 2.4)
    style.tidy(axes, grid="both")
    hours = np.cumsum([one.ended.seconds for one in done]) / 3600
    axes.step(hours, _so_far(search, _values(done)), where="post", color=style.colour(1), linewidth=1.6)
    label_axes(axes, "computing, hours", search.objective.value_name)
    style.write(figure, 0.15, 3.15, "Cost", fontsize=style.TITLE_SIZE, weight="bold")
    return figure


def _slices(search: Search, done: Sequence[Tried]) -> "Figure":
    from gridcell.plots import style

    ranges = search.space.ranges
    across = min(3, len(ranges))
    down = ceil(len(ranges) / across)
    width, height = 2.7, 2.1
    figure = style.new_figure(0.9 + across * (width + 0.35), 0.45 + down * (height + 0.75))
    total = figure.get_size_inches()[1]
    best, values = search.best, _values(done)
    top = values.max() if search.objective.maximise else values.min()
    for index, (key, one) in enumerate(ranges.items()):
        x = 0.8 + (index % across) * (width + 0.35)
        y = total - 0.35 - height - (index // across) * (height + 0.75)
        axes = style.place(figure, x, y, width, height)
        style.tidy(axes, grid="both")
        places = np.array([place_of(one, each.trial.params[key]) for each in done])
        axes.scatter(places, values, s=20, color=style.colour(0), zorder=2)
        if best is not None:
            place = place_of(one, best.trial.params[key])
            axes.scatter([place], [top], s=90, marker="*", color=style.colour(1), zorder=3)
        _scale(axes, one)
        label_axes(axes, style.shorten(key, 34), search.objective.value_name if index % across == 0 else "")
    style.write(figure, 0.15, total - 0.22, "Slices", fontsize=style.TITLE_SIZE, weight="bold")
    return figure


def _parallel(search: Search, done: Sequence[Tried]) -> "Figure":
    from gridcell.plots import style

    ranges = search.space.ranges
    names = [*ranges, search.objective.value_name]
    width = max(6.0, 1.9 * len(names))
    figure = style.new_figure(width, 3.9)
    axes = style.place(figure, 0.9, 0.75, width - 1.8, 2.5)
    values = _values(done)
    columns = [
        np.array([_share(one, each.trial.params[key]) for each in done]) for key, one in ranges.items()
    ]
    spread = values.max() - values.min()
    columns.append((values - values.min()) / spread if spread else np.full(len(values), 0.5))
    rows = np.array(columns).T
    order = np.argsort(values if search.objective.maximise else -values)
    for rank, row in enumerate(order):
        best = rank == len(order) - 1
        shade = 0.15 + 0.6 * rank / max(1, len(order) - 1)
        axes.plot(
            range(len(names)),
            rows[row],
            color=style.colour(1) if best else style.colour(0),
            alpha=1.0 if best else shade,
            linewidth=2.2 if best else 1.0,
        )
    for column, name in enumerate(names):
        axes.axvline(column, color=style.FAINT, linewidth=0.8)
        low, high = _ends(ranges[name]) if name in ranges else (f"{values.min():.4g}", f"{values.max():.4g}")
        for text, y, side in (
            (low, -0.04, "top"),
            (high, 1.04, "bottom"),
            (style.shorten(name, 26), -0.16, "top"),
        ):
            axes.text(
                column,
                y,
                text,
                ha="center",
                va=side,
                fontsize=style.TICK_SIZE,
                color=style.INK,
                parse_math=False,
            )
    axes.set_xlim(-0.2, len(names) - 0.8)
    axes.set_ylim(0, 1)
    axes.axis("off")
    style.write(figure, 0.15, 3.65, "Parallel coordinates", fontsize=style.TITLE_SIZE, weight="bold")
    return figure


def _share(one: Range, value: Any) -> float:
    """Return a value's place in its range, from 0 to 1."""
    if one.kind == "choice":
        return place_of(one, value) / max(1, len(one.listed) - 1)
    assert one.low is not None
    assert one.high is not None
    if one.log:
        return float(np.log(float(value) / one.low) / np.log(one.high / one.low))
    return float((float(value) - one.low) / (one.high - one.low))


def _ends(one: Range) -> tuple[str, str]:
    if one.kind == "choice":
        return str(one.listed[0]), str(one.listed[-1])
    return f"{one.low:g}", f"{one.high:g}"


def _scale(axes: "Axes", one: Range) -> None:
    if one.kind == "choice":
        axes.set_xticks(range(len(one.listed)), [str(value)[:14] for value in one.listed])
        axes.set_xlim(-0.5, len(one.listed) - 0.5)
    elif one.log:
        axes.set_xscale("log")
    elif one.kind == "int":
        whole_numbers(axes)
