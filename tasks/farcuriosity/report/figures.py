"""The report's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from farcuriosity.report.answer import first_figure
from farcuriosity.report.forgetting_figures import maps, over_time, read
from farcuriosity.report.scores import LEAST_SEEDS
from farcuriosity.report.summary import AGGREGATES, Agent, curve_over_seeds
from gridcell.plots import Curve, curves, grouped_bars, style
from gridcell.report import Picture, marked

_SHOWN_IN_STRIP = 12
_COUNTS = ("rooms", "places", "fragments", "recalls")  # bands are cut off at zero

# Metric over time -> section, ordinate, title, caption.
_OVER_TIME = {
    "return": (
        "learning",
        "return",
        "Return over time",
        "Undiscounted return as the game gives it, mean of the last 100 episodes.",
    ),
    "rooms": ("learning", "rooms", "Rooms entered so far", "Rooms of the grid world that any agent was in."),
    "places": ("learning", "cells", "Cells visited so far", "Cells of the grid world that any agent was in."),
    "intrinsic_reward": (
        "curiosity",
        "reward per step",
        "Intrinsic reward over time",
        "Mean intrinsic reward of a segment, after its normalisation.",
    ),
    "fragments": (
        "fragments",
        "fragments",
        "Fragments over time",
        "Local modules in memory.",
    ),
    "recalls": ("fragments", "recalls", "Recalls over time", "How often a stored module was taken up again."),
}


def draw(agents: Sequence[Agent], summary: Mapping[str, Any]) -> Iterator[Picture]:
    """Draw every figure that there are numbers for, one at a time."""
    first = first_figure(summary)
    if summary["aggregates"].get("by_curiosity"):
        yield _aggregates(summary["aggregates"])
    order = list(dict.fromkeys(agent.curiosity for agent in agents))
    for name, (section, axis, title, caption) in _OVER_TIME.items():
        panels = _panels(agents, name)
        if panels:
            figure = curves(
                panels,
                x_axis="steps of the agent",
                y_axis=axis,
                title=title,
                own_x=True,
                own_y=True,
                order=order,
            )
            place = "first" if name == first else section
            yield Picture(name, place, f"{caption} {_BANDS}", figure)
    for agent in agents:
        if len(agent.frames):
            yield _strip(agent)


def draw_forgetting(
    world: str, visits: Mapping[str, Sequence[Path]], *, first: bool = False
) -> Iterator[Picture]:
    """Draw a world's forgetting on its map and along the path.

    Args:
        world: its name.
        visits: curiosity -> file of each seed.
        first: whether the page begins with the figure along the path.
    """
    studies = {name: [read(path) for path in paths] for name, paths in visits.items()}
    caption = (
        f"Forgetting in '{world}': at each cell, the mean over visits of the intrinsic reward less the "
        "lowest one there before; red: it rises again. Above each map, the mean over cells; means over seeds."
    )
    yield Picture(f"forgetting-map-{world}", "forgetting", caption, maps(studies))
    caption = f"Intrinsic reward in '{world}' along the path, lap by lap. {_BANDS}"
    yield Picture(f"forgetting-time-{world}", "first" if first else "forgetting", caption, over_time(studies))


_BANDS = "Lines are means over seeds, bands their 95 % t-intervals; those of counts are cut off at zero."


def _panels(agents: Sequence[Agent], name: str) -> dict[str, list[Curve]]:
    # Without curiosity there is no reward to draw, and without fragmentation one module.
    told = {a.curiosity for a in agents if any(value for _, value in a.curves.get(name, []))}
    panels: dict[str, list[Curve]] = {}
    for environment in dict.fromkeys(agent.environment for agent in agents):
        for curiosity in dict.fromkeys(agent.curiosity for agent in agents):
            group = [a for a in agents if (a.environment, a.curiosity) == (environment, curiosity)]
            found = curve_over_seeds(group, name)
            if found is None or (curiosity not in told and name != "return"):
                continue
            x, y, half = found
            lowest = 0.0 if name in _COUNTS else -np.inf
            low, high = (None, None) if half is None else (np.maximum(y - half, lowest), y + half)
            label = marked(curiosity, any(agent.stale for agent in group))
            panels.setdefault(environment, []).append(Curve(label, x, y, low, high, curiosity))
    return panels


def _aggregates(aggregates: Mapping[str, Any]) -> Picture:
    by_curiosity = aggregates["by_curiosity"]
    rows, columns = list(AGGREGATES), list(by_curiosity)
    shape = (len(rows), len(columns))
    means, low, high = (np.full(shape, np.nan) for _ in range(3))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            found = by_curiosity[column][row]
            means[i, j] = found["value"]
            if found["ci95"] is not None:
                low[i, j], high[i, j] = found["ci95"]
    figure = grouped_bars(
        means,
        rows,
        [marked(name, name in aggregates.get("stale", ())) for name in columns],
        low=low,
        high=high,
        value_axis="human-normalised score",
        title="Human-normalised scores",
    )
    told = (
        "Lines: 95 % intervals by bootstrap over seeds; with 5 seeds of one game they cover 89 %."
        if np.isfinite(low).any()
        else f"Fewer than {LEAST_SEEDS} seeds give no interval."
    )
    caption = (
        f"Scores (0: a random agent, 1: a professional tester) over "
        f"{', '.join(aggregates['games'])} and all seeds. IQM is the mean of the middle half; the optimality "
        f"gap is what is lacking to 1 (less is better). {told}"
    )
    return Picture("aggregates", "first", caption, figure)


def _strip(agent: Agent) -> Picture:
    frames = agent.frames[:_SHOWN_IN_STRIP]
    across = min(6, len(frames))
    down = -(-len(frames) // across)
    side, gap = 1.45, 0.32
    title = f"{agent.environment}, {agent.curiosity}, seed {agent.seed}: where fragments were made"
    width = max(across * (side + 0.1), style.text_width([title], style.TITLE_SIZE) + 0.6)
    figure = style.new_figure(0.15 + width, 0.45 + down * (side + gap))
    height = figure.get_size_inches()[1]
    style.write(figure, 0.12, height - 0.27, title, fontsize=style.TITLE_SIZE, fontweight="bold")
    for index, (frame, step) in enumerate(zip(frames, agent.frame_steps, strict=False)):
        x = 0.12 + (index % across) * (side + 0.1)
        y = height - 0.45 - (index // across + 1) * (side + gap) + gap
        axes = style.place(figure, x, y - 0.02, side, side, xticks=[], yticks=[])
        axes.imshow(_picture(frame), cmap="gray", vmin=0, vmax=255)
        axes.set_xlabel(f"step {int(step):,}", fontsize=style.TICK_SIZE, color=style.INK, labelpad=2)
    caption = (
        f"The first states at which '{agent.curiosity}' found its error so high that it began a new "
        "fragment, as it saw them, with the steps done by then."
    )
    return Picture(f"strip-{agent.environment}-{agent.curiosity}-{agent.seed}", "fragments", caption, figure)


def _picture(frame: np.ndarray) -> np.ndarray:
    """Return what to draw of a frame (channels, rows, columns), or of a vector."""
    if frame.ndim == 1:
        return np.tile((frame - frame.min()) / max(np.ptp(frame), 1e-9) * 255, (8, 1))
    return frame.transpose(1, 2, 0) if len(frame) == 3 else frame[-1]
