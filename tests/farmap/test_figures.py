"""Figures: drawn whatever part of a suite was run, and as long as the runs are."""

from dataclasses import replace

import numpy as np
import pytest

from farmap.report.answer import answer
from farmap.report.figures import draw
from farmap.report.page import pair_table, size_table
from farmap.report.sentences import sentences
from farmap.report.summary import THRESHOLDS, Entry, summarise

STEPS = np.linspace(0, 5_000, 51)


def entries(agent, coverage, fragments):
    metrics = {"visible_cells": 100, "peak_memory": 60, "stored_memory": 70, "recalls": 0, "done": False}
    metrics |= {"coverage": 100.0, "exploring_seconds": 1.0, "steps_per_second": 1e4, "mean_memory": 50.0}
    metrics |= {f"steps_to_{p}": None for p in THRESHOLDS} | {f"seconds_to_{p}": None for p in THRESHOLDS}
    curve = list(zip(STEPS.tolist(), np.broadcast_to(coverage, STEPS.shape).tolist(), strict=True))
    curves = {"coverage": curve, "memory": curve}
    return [
        Entry("small", f"small-{i}", agent, 0, metrics | {"fragments": fragments}, curves) for i in range(2)
    ]


def drawn(groups, variants=()):
    """The last step of each line of the coverage curves, by agent."""
    runs = [run for group in groups for run in group]
    agents = list(dict.fromkeys(run.agent for run in runs))
    figure = next(draw(summarise(runs, agents, None), {}, variants)).figure
    (axes,) = (axes for axes in figure.axes if axes.lines)
    return [line.get_xdata()[-1] for line in axes.lines]


SOON = np.minimum(STEPS / 10, 100.0)  # everything seen at step 1,000


@pytest.mark.parametrize(
    "agents", [["farmap-rho-1"], ["farmap-rho-1", "farmap-rho-3"], ["g=1", "g=2"], ["g=1", "farmap"]]
)
def test_agents_are_drawn_whatever_their_names_if_there_is_no_other(agents):
    variants = {agent for agent in agents if agent.startswith("farmap-")}
    assert len(drawn([entries(agent, SOON, 1) for agent in agents], variants)) == len(agents)


def test_variants_of_one_agent_are_left_out_beside_others():
    assert (
        len(drawn([entries(agent, SOON, 1) for agent in ("farmap", "farmap-rho-1", "g=1")], {"farmap-rho-1"}))
        == 2
    )


def test_the_axis_ends_soon_after_the_curves_of_those_that_map_do():
    walk = entries("random-walk", STEPS / 100, 0)
    assert drawn([entries("farmap", SOON, 1), walk]) == pytest.approx([1_250, 1_250])
    assert drawn([walk]) == pytest.approx([5_000])
    assert drawn([entries("farmap", 100.0, 1)]) == pytest.approx([1.25])  # all seen at once


def test_what_rests_on_stale_runs_is_marked_and_nothing_else_changes():
    runs = {"farmap": entries("farmap", SOON, 1), "frontier": entries("frontier", STEPS / 60, 0)}
    agents, both = list(runs), ("farmap", "frontier")

    def told(stale):
        shown = [replace(run, stale=run.agent == stale) for group in runs.values() for run in group]
        summary = summarise(shown, agents, both)
        texts = [answer(summary).text, *answer(summary).sure, *sentences(summary)]
        texts += [str(size_table("small", summary["sizes"]["small"]).as_text())]
        texts += [str(pair_table("small", summary["paired"]["small"], 1000).as_text())]
        for picture in draw(summary, {}):
            figure = picture.figure
            texts += [str([key.label for key in figure.keys])]
        return texts

    plain, marks = told(None), told("farmap")
    assert not any("†" in text for text in plain)
    assert [text.replace("†", "") for text in marks] == plain
    assert all("farmap†" in text for text in (marks[0], marks[2]))
    assert not any("frontier†" in text for text in marks[:-9])
    assert "['farmap†', " in marks[3]
    assert "['frontier', " in marks[3]
    assert all("farmap†" in text and "frontier†" not in text for text in marks[5:])
