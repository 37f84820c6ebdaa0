"""The task from settings to report."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from farmap import task
from farmap.plan import NO_FILM
from farmap.report.answer import answer
from farmap.report.figures import draw
from farmap.report.page import size_table, write_files
from farmap.report.sentences import sentences
from farmap.report.summary import THRESHOLDS, Entry, interval, summarise
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.grid import Grid
from gridcell.report import GridResults, write_report
from gridcell.store import Store
from gridcell.suite import load_suite, suite_names
from planning_imports import TRAINING, loaded_by_planning

TINY = str(Path(__file__).parent / "tiny.yaml")


def run(store, out, name=TINY, overrides=()):
    suite = load_suite(task, name, list(overrides))
    grid = suite.grid()
    run_grid(task, grid, store, RunOptions(executor="inline"))
    results, damaged = store.results.read_many(grid.cells)
    assert not damaged
    failures = {key: item for key, item in store.failures.read_all().items() if key in grid.cells}
    settings = suite.settings.model_dump(mode="json")
    return write_report(task, GridResults("farmap / tiny", settings, grid, results, failures, store), out)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    store = Store(str(folder / "store")).prepare()
    run(store, folder / "report")
    return folder / "report", store


def test_every_run_is_a_row_and_is_averaged_by_map_first(tiny):
    out, _ = tiny
    rows = list(csv.DictReader((out / "cells.csv").open()))
    assert len(rows) == 3 * 4 * 2
    summary = json.loads((out / "summary.json").read_text())
    found = summary["sizes"]["small"]["frontier"]["mean_memory"]
    own = [row for row in rows if row["agent"] == "frontier" and row["size"] == "small"]
    means = [
        np.mean([float(row["mean_memory"]) for row in own if row["map"] == f"small-{i}"]) for i in (0, 1)
    ]
    assert found["mean"] == pytest.approx(np.mean(means))
    low, high = stats.t.interval(0.95, 1, np.mean(means), stats.sem(means))
    assert found["ci95"] == pytest.approx([low, high])
    assert summary["sizes"]["small"]["farmap-rho-3"]["runs"] == 4


def test_the_paired_difference_is_that_of_the_rows(tiny):
    out, _ = tiny
    rows = list(csv.DictReader((out / "cells.csv").open()))
    pair = json.loads((out / "summary.json").read_text())["paired"]["small"]
    by_agent = {
        agent: {
            (row["map"], row["seed"]): float(row["steps_to_95"])
            for row in rows
            if row["agent"] == agent and row["size"] == "small"
        }
        for agent in ("farmap", "frontier")
    }
    difference = [by_agent["farmap"][key] - by_agent["frontier"][key] for key in by_agent["farmap"]]
    assert pair["steps_to_95"]["mean"] == pytest.approx(np.mean(difference))
    assert pair["runs"] == 4


def test_the_page_the_pictures_and_the_animation_are_there(tiny):
    out, _ = tiny
    page = (out / "report.html").read_text()
    for name in ("coverage.png", "memory.png", "bars-mean_memory.png", "film-farmap-medium-0.png"):
        assert (out / name).stat().st_size > 3_000
    assert "farmap against frontier on 2 small maps" in page
    with Image.open(out / "film-farmap-medium-0.gif") as film:
        assert film.n_frames > 4


def test_a_cell_that_diverged_is_counted_as_that(tiny, tmp_path):
    _, store = tiny
    suite = load_suite(task, TINY)
    grid, settings = suite.grid(), suite.settings.model_dump(mode="json")
    results, _ = store.results.read_many(grid.cells)
    cell_id, result = results.popitem()
    failure = {"title": result.cell.title, "failure_class": "diverged", "message": "it is nan"}
    write_report(
        task, GridResults("farmap / tiny", settings, grid, results, {cell_id: failure}, store), tmp_path
    )
    page = (tmp_path / "report.html").read_text()
    shown = {state: int(count) for count, state in re.findall(r"<li><b>(\d+)</b> ([a-z ]+)</li>", page)}
    assert shown == {
        "done": len(grid) - 1,
        "failed": 0,
        "diverged": 1,
        "blocked": 0,
        "not run": 0,
        "skipped": 0,
    }


def test_coverage_curves_rise_to_the_final_coverage(tiny):
    _, store = tiny
    for result in store.results.read_many(store.results.done())[0].values():
        if result.cell.kind == "explore":
            curve = [value for _, value in result.curves["coverage"]]
            assert curve == sorted(curve)
            assert curve[-1] == pytest.approx(result.metrics["coverage"])
            steps = [result.metrics[f"steps_to_{percent}"] for percent in THRESHOLDS]
            assert [s for s in steps if s is not None] == sorted(s for s in steps if s is not None)


@pytest.mark.slow
def test_the_same_suite_gives_the_same_numbers_but_for_time(tiny, store, tmp_path):
    _, first = tiny
    run(store, tmp_path / "report")
    for cell_id in store.results.done():
        one, other = first.results.read(cell_id), store.results.read(cell_id)
        assert one.curves == other.curves
        timeless = [
            {key: value for key, value in result.metrics.items() if "second" not in key}
            for result in (one, other)
        ]
        assert timeless[0] == timeless[1]


def test_the_users_own_map_wherever_it_lies(store, tmp_path):
    plan = "##########\n#........#\n#...##...#\n#........#\n##########\n"
    ids = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "house.txt").write_text(plan)
        overrides = ["maps={}", "films=[]", f"files.paths=[{tmp_path / name / 'house.txt'}]", "files.scale=2"]
        ids.append(set(load_suite(task, TINY, overrides).grid().cells))
    assert ids[0] == ids[1]
    run(store, tmp_path / "report", overrides=overrides)
    summary = json.loads((tmp_path / "report/summary.json").read_text())
    assert list(summary["sizes"]) == ["own"]
    assert summary["sizes"]["own"]["frontier"]["coverage"]["mean"] == 100


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("maps={}", "nothing to explore: set maps.small"),
        ("maps.smal=3", "did you mean 'small'"),
        ("agents.farmap.rh=3", "^Unknown setting 'agents.farmap.rh': did you mean 'rho'"),
        ("agents.farmap.kind=farmpa", "^Unknown 'agents.farmap.kind' 'farmpa': did you mean 'farmap'"),
        ("agents.farmap.gamma=1", "agents.farmap.*gamma"),
        ("compare=[farmap, fronteer]", "did you mean 'frontier'"),
        ("films=[{map: medium-1, agent: farmap}]", "did you mean 'medium-0'"),
        ("films=[{map: medium-0, agent: random-walk}]", "draws no map"),
        ("files.paths=[nowhere.txt]", "no map file"),
        ("agents.farmap.rho=[1, -1]", "agents.farmap-rho--1.rho' is wrong"),
        ("agents.farmap.rho=[1, .inf]", "^The setting 'agents.farmap-rho-inf.rho' is wrong: .*finite"),
        ("vary={rho: [3]}", r"is gone: write sweep: \[{agents.farmap.rho: \[3\]}\]"),
        ("agents.farmap.rho=.inf", "^The setting 'agents.farmap.rho' is wrong: .*finite"),
        ("seeds=[1, 1]", "a value is listed twice"),
        ("agents.farmap.recall=true", "recall is match, border or off: write border .* or match"),
        ("agents.farmap.recall=false", "recall is match, border or off: write off"),
        ("agents.farmap={kind: farmap, recall: 'off', share: true}", "share needs fragments with offsets"),
        ("agents.farmap={kind: farmap, recall: 'off', last_look: true}", "last_look needs fragments"),
        ("agents.farmap={kind: farmap, preset: relased}", "preset"),
        ("agents.frontier={kind: frontier, choice: nearst}", "choice"),
    ],
)
def test_a_mistake_is_one_sentence(override, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        load_suite(task, TINY, [override]).grid()
    assert "\n" not in str(caught.value)


def test_the_suites():
    assert suite_names(task) == [
        "ablation",
        "dynamic",
        "ends",
        "huge",
        "mini",
        "noise",
        "paper",
        "released-maps",
        "rooms3d",
        "sweep",
    ]
    paper = load_suite(task, "paper").grid()
    assert len([t for t in paper.targets if t.labels["film"] == NO_FILM]) == 300 * 8 * 5
    assert len(paper.targets) == 300 * 8 * 5 + 2


@pytest.mark.parametrize(
    ("wanted", "runs", "films"),
    [
        ({}, 3 * 4 * 2, 1),
        ({"map": ["small-0"], "agent": ["random-walk"]}, 2, 0),
        ({"map": ["medium-0"], "agent": ["farmap"]}, 2, 1),
        ({"map": ["medium-0"], "seed": ["1"]}, 4, 0),
        ({"size": ["small"]}, 2 * 4 * 2, 0),
        ({"film": ["none"]}, 3 * 4 * 2, 0),
        ({"film": ["farmap-medium-0"]}, 0, 1),
        ({"film": ["none", "farmap-medium-0"], "agent": ["farmap"]}, 3 * 2, 1),
    ],
)
def test_films_are_selected_like_runs_and_apart_from_them(wanted, runs, films):
    kinds = [cell.kind for cell in load_suite(task, TINY).grid().select(wanted).cells.values()]
    assert (kinds.count("explore"), kinds.count("film")) == (runs, films)


def test_of_films_alone_there_is_no_report(tiny, tmp_path):
    suite = load_suite(task, TINY)
    grid, settings = suite.grid().select({"film": ["farmap-medium-0"]}), suite.settings.model_dump()
    results, _ = tiny[1].results.read_many(grid.cells)
    assert len(results) == 1
    with pytest.raises(UserError, match="only films are selected: add 'none' to --select film"):
        write_report(task, GridResults("farmap / tiny", settings, grid, results, {}, tiny[1]), tmp_path)


def test_runs_of_another_algorithm_are_not_taken_for_these():
    cells = load_suite(task, TINY).grid().cells.values()
    versions = {(cell.kind, cell.config["agent"]["kind"]): cell.version for cell in cells}
    assert versions == {
        ("explore", "farmap"): 3,
        ("film", "farmap"): 3,
        ("explore", "frontier"): 2,
        ("explore", "random-walk"): 2,
    }


def test_planning_loads_no_heavy_library():
    assert loaded_by_planning("farmap", "paper", TRAINING | {"numba", "gymnasium", "miniworld"}) == set()


def entry(agent, index, steps, last=1_000):
    counts = {"visible_cells": 100, "peak_memory": 60, "stored_memory": 70, "fragments": 1, "recalls": 0}
    means = {"coverage": 100.0, "exploring_seconds": 1.0, "steps_per_second": 1e4, "mean_memory": 50.0}
    metrics = counts | means | {"done": True}
    metrics |= {f"steps_to_{p}": steps for p in THRESHOLDS} | {f"seconds_to_{p}": steps for p in THRESHOLDS}
    curves = {"coverage": [(0, 0.0), (last, 100.0)], "memory": [(0, 0.0), (last, 50.0)]}
    return Entry("small", f"small-{index}", agent, 0, metrics, curves)


def test_a_run_that_took_no_step_is_summarised():
    none = entry("b", 0, None)
    at_once = replace(none, metrics={**none.metrics, "coverage": 1.0, "steps_per_second": 0.0})
    found = summarise([at_once, entry("a", 0, 90)], ["a", "b"], ("a", "b"))["sizes"]["small"]["b"]
    assert found["seconds_per_step"]["mean"] == 1.0
    assert found["seconds_to_95"]["mean"] == 1_000.0


def test_known_differences_are_found_and_said():
    gains = [-10, -12, -9, -11, -13, -10, -8, -12]
    entries = [entry("b", i, 100) for i in range(8)] + [entry("a", i, 100 + g) for i, g in enumerate(gains)]
    summary = summarise(entries, ["a", "b"], ("a", "b"))
    found = summary["paired"]["small"]["steps_to_95"]
    assert found["mean"] == pytest.approx(np.mean(gains))
    assert found["p"] == pytest.approx(stats.wilcoxon(gains).pvalue)
    assert (found["lower"], found["higher"]) == (8, 0)
    (sentence,) = sentences(summary)
    assert "steps to 95 % −11 [−12, −9];" in sentence
    assert "active memory +0 cells [+0, +0], no difference beyond chance" in sentence
    assert summary["paired"]["small"]["mean_memory"]["p"] == 1.0


@pytest.mark.parametrize(("missed", "compared"), [(1, True), (2, False)])
def test_a_threshold_that_too_few_runs_of_either_reached_is_not_compared(missed, compared):
    entries = [entry("a", i, None if i < missed else 90) for i in range(10)]
    entries += [entry("b", i, 100) for i in range(10)]
    for first, second in (("a", "b"), ("b", "a")):
        summary = summarise(entries, ["a", "b"], (first, second))
        pair = summary["paired"]["small"]
        shares = {"a": 1 - missed / 10, "b": 1.0}
        for name in ("steps_to_95", "seconds_to_95"):
            assert pair[name]["reached"] == [shares[first], shares[second]]
            assert ("mean" in pair[name], "p" in pair[name]) == (compared, compared)
        (sentence,) = sentences(summary)
        told = (
            f"steps to 95 % not compared: reached by {100 * shares[first]:.0f} % of {first}'s runs "
            f"and {100 * shares[second]:.0f} % of {second}'s;"
        )
        assert (told in sentence) is not compared
        assert any(f"steps to 95 % {sign}" in sentence for sign in "−+") is compared


def test_of_runs_that_end_early_the_report_compares_no_threshold(store, tmp_path):
    run(store, tmp_path, overrides=["steps=20", "films=[]"])
    pair = json.loads((tmp_path / "summary.json").read_text())["paired"]["medium"]
    assert min(pair["seconds_to_95"]["reached"]) < 0.9
    assert "p" not in pair["seconds_to_95"]
    assert (
        "not compared: reached by 0 % of farmap&#39;s runs and 0 % of frontier&#39;s"
        in (tmp_path / "report.html").read_text()
    )


@pytest.mark.parametrize(("last", "told"), [(20, "first 20 steps"), (5_000, "first 1,000 steps")])
def test_early_coverage_names_the_steps_that_it_is_over(last, told, tmp_path):
    entries = [entry(agent, 0, 20, last=last) for agent in ("a", "b")]
    summary = summarise(entries, ["a", "b"], ("a", "b"))
    (sentence,) = sentences(summary)
    assert f"coverage over the {told} +0.0 points" in sentence
    settings = load_suite(task, TINY).settings.model_dump(mode="json")
    results = GridResults("", settings, Grid({}), {}, {}, Store(str(tmp_path)))
    page = write_files(results, entries, summary, {}, tmp_path).read_text()
    assert f"mean coverage over the {told} (%)" in page
    (bars,) = (picture for picture in draw(summary, {}) if picture.name == "bars-early_coverage")
    assert f"mean coverage, {told} (%)" in [axes.get_ylabel() for axes in bars.figure.axes]


def timed(agent, steps):
    """Runs of an agent on one map that saw 95 % at these steps, or never: None."""
    made = (entry(agent, 0, step) for step in steps)
    return [
        replace(one, seed=seed, metrics={**one.metrics, "seconds_to_95": step and step / 1e4})
        for seed, (one, step) in enumerate(zip(made, steps, strict=True))
    ]


@pytest.mark.parametrize(
    ("steps", "shown", "note"),
    [
        ((None, None), None, "no run"),
        ((90, None), None, "50 % of runs"),  # of an even count the median lies between the two
        ((90, 110, None), pytest.approx(40.0), ""),  # 9, 11 and, to its end, 100 ms
        ((90, 110), pytest.approx(10.0), ""),
    ],
)
def test_no_time_is_shown_to_a_coverage_that_the_median_run_did_not_reach(steps, shown, note):
    """A random walk that never saw 95 % looked sooner there than an agent that did in half of its runs."""
    group = summarise(timed("a", steps), ["a"], None)["sizes"]["small"]
    table = size_table("small", group)
    at = [str(getattr(column, "title", column)) for column in table.columns].index("ms to 95 %")
    value = table.rows[0][at]
    assert (value.value, value.note) == (shown, note)


def test_a_difference_has_a_digit_more_than_the_values_beside_it():
    """71.88 and 42.04 are shown as 71.9 and 42.0, and 29.84 as 29.8 looked like an error."""

    def covering(agent, share):
        return replace(entry(agent, 0, None), curves={"coverage": [(0, share), (1_000, share)], "memory": []})

    made = [
        replace(one, curves={**one.curves, "memory": entry("a", 0, None).curves["memory"]})
        for one in (covering("a", 71.88), covering("b", 42.04))
    ]
    first = answer(summarise(made, ["a", "b"], ("a", "b")))
    assert "a covers 71.9 % of small maps on average over the first 1,000 steps, b 42.0 %" in first.text
    assert first.sure[0].startswith("Difference on 1 small map: +29.84 points of early coverage;")


def test_of_one_map_no_interval_is_claimed():
    (sentence,) = sentences(summarise([entry("a", 0, 90), entry("b", 0, 100)], ["a", "b"], ("a", "b")))
    assert sentence.startswith("a against b on one small map (no intervals): ")
    assert "steps to 95 % −10;" in sentence


def test_one_value_has_no_interval():
    assert interval([3.0]) == {"mean": 3.0, "ci95": [None, None], "n": 1}


def sized(name, cells, agent, seed=0, size="own"):
    made = entry(agent, seed, 100)
    metrics = {**made.metrics, "visible_cells": cells}
    return replace(made, size=size, map=name, metrics=metrics)


def test_own_maps_of_very_different_sizes_are_reported_apart():
    made = [sized(*one, agent) for one in (("a", 1_009), ("b", 1_200), ("c", 4_600)) for agent in "xy"]
    summary = summarise(made, ["x", "y"], ("x", "y"))
    assert list(summary["sizes"]) == ["own (1,009 to 1,200 cells)", "own (4,600 cells)"]
    assert [group["x"]["maps"] for group in summary["sizes"].values()] == [2, 1]
    alike = summarise(made[:4], ["x", "y"], None)
    assert list(alike["sizes"]) == ["own"]


@pytest.mark.parametrize("maps", [2, 5, 6])
def test_agents_are_compared_with_intervals_from_as_many_maps_as_a_test_needs(maps):
    made = [sized(f"m{number}", 500, agent, size="small") for number in range(maps) for agent in ("x", "y")]
    found = summarise(made, ["x", "y"], ("x", "y"))["paired"]["small"]["coverage"]
    assert (found["ci95"] == [None, None]) == (found["p"] is None) == (maps < 6)
    (sentence,) = sentences(summarise(made, ["x", "y"], ("x", "y")))
    assert ("no intervals" in sentence) == (maps < 6)


def test_the_first_screen_names_the_best_of_all_agents_and_draws_the_bands_of_those_compared():
    names = ["a", "b", "c", "d", "e"]
    made = [entry(name, index, 90 if name == "a" else 100) for name in names for index in range(3)]
    early = [(0, 100.0), (1_000, 100.0)]
    best = [
        replace(one, curves={**one.curves, "coverage": early}) if one.agent == "c" else one for one in made
    ]
    summary = summarise(best, names, ("a", "b"))
    first = answer(summary)
    assert first.text.startswith("a sees 95 % of small maps in 90 steps on average, b in 100")
    said = "Of all 5 agents c covers most of small maps on average over the first 1,000 steps: 100.0 %"
    assert f"{said}, a 50.0 %." in first.sure
    assert not any("Of all" in one for one in answer(summarise(made, names, ("a", "b"))).sure)
    picture = next(picture for picture in draw(summary, {}) if picture.name == "coverage")
    assert len(picture.figure.axes[0].collections) == 2
    assert "drawn for a and b alone" in picture.caption
    few = next(draw(summarise(made[:9], names[:3], ("a", "b")), {}))
    assert len(few.figure.axes[0].collections) == 3
    assert "alone" not in few.caption
