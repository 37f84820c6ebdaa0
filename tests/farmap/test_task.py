"""The task from settings to report."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from farmap import task
from farmap.plan import NO_FILM
from farmap.report.summary import THRESHOLDS
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.report import GridResults, write_report
from gridcell.store import Store
from gridcell.suite import load_suite, suite_names
from planning_imports import TRAINING, loaded_by_planning

pytestmark = pytest.mark.xdist_group("farmap")

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


def test_of_runs_that_end_early_the_report_compares_no_threshold(store, tmp_path):
    run(store, tmp_path, overrides=["steps=20", "films=[]"])
    pair = json.loads((tmp_path / "summary.json").read_text())["paired"]["medium"]
    assert min(pair["seconds_to_95"]["reached"]) < 0.9
    assert "p" not in pair["seconds_to_95"]
    assert (
        "not compared: reached by 0 % of farmap&#39;s runs and 0 % of frontier&#39;s"
        in (tmp_path / "report.html").read_text()
    )
