"""Figures: drawn whatever part of a suite was run, and as long as the runs are."""

from dataclasses import replace

import numpy as np
import pytest

from farmap.report import frames
from farmap.report.answer import answer
from farmap.report.figures import draw
from farmap.report.page import pair_table, size_table
from farmap.report.sentences import sentences
from farmap.report.summary import THRESHOLDS, Entry, summarise
from gridcell.task import find_task

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


def test_the_axis_holds_the_curves_that_are_compared_and_says_which_it_cuts_off():
    runs = {"farmap": entries("farmap", SOON, 1), "slow": entries("slow", STEPS / 60, 0)}
    runs["random-walk"] = entries("random-walk", STEPS / 100, 0)
    both = [run for group in runs.values() for run in group]

    def shown(compared):
        picture = next(draw(summarise(both, list(runs), compared), {}))
        (axes,) = (axes for axes in picture.figure.axes if axes.lines)
        return axes.lines[0].get_xdata()[-1], picture.caption

    last, caption = shown(None)
    assert last == pytest.approx(1_250)
    assert caption.endswith("there it cuts off slow on small maps, random-walk on small maps.")
    last, caption = shown(("farmap", "slow"))
    assert last == pytest.approx(STEPS[-1])
    assert "cuts off" not in caption


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


def test_the_table_of_results_holds_the_reports_means(monkeypatch):
    runs = [*entries("farmap", SOON, 1), *entries("frontier", STEPS / 60, 0)]
    summary = summarise(
        [replace(run, stale=run.agent == "farmap") for run in runs], ["farmap", "frontier"], None
    )
    monkeypatch.setattr(frames, "summary_of", lambda results: summary)
    rows = frames.agents(None)
    assert [(row["size"], row["agent"], row["maps"], row["stale"]) for row in rows] == [
        ("small", "farmap", 2, True),
        ("small", "frontier", 2, False),
    ]
    for row in rows:
        found = summary["sizes"]["small"][row["agent"]]["early_coverage"]
        assert [row["early_coverage"], row["early_coverage.low"]] == [found["mean"], found["ci95"][0]]


def test_intervals_of_the_table_that_reach_beyond_what_is_possible_are_named():
    """An end below no steps at all, or above 100 %, is a number nobody can explain without a word."""
    rows = [
        {"steps_to_99": 50.0, "steps_to_99.low": -450.0, "steps_to_99.high": 550.0, "fragments.low": None},
        {"coverage": 99.8, "coverage.low": 99.0, "coverage.high": 100.46, "path": 1e4, "path.high": 1.2e4},
    ]
    first, second = find_task("farmap").notes_of("summary", rows)
    assert first.endswith("and not cut off at what is possible: coverage.high, steps_to_99.low.")
    assert second.startswith("steps_to_N is a mean")
    del rows[1]["coverage.high"], rows[0]["steps_to_99.low"]
    assert find_task("farmap").notes_of("summary", rows) == [second]
    assert find_task("farmap").notes_of("summary", [{"coverage": 3.0, "coverage.high": 100.0}]) == []


def test_no_axis_shows_what_can_not_be():
    """Where no run saw 95 %, the share of runs is zero throughout: its axis begins there."""
    summary = summarise(entries("farmap", STEPS / 60, 1), ["farmap"], None)
    figures = {picture.name: picture.figure for picture in draw(summary, {}) if picture.section == "curves"}
    for figure in figures.values():
        assert all(axes.get_ylim()[0] == 0 for axes in figure.axes)
    assert [axes.get_ylim()[1] for axes in figures["reached"].axes] == [1]
