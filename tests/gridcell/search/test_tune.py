"""The command: what it refuses, what it leaves, and that its best trial runs as a suite."""

import contextlib
import csv
import json
import sys

import pytest

from gridcell import plugins
from gridcell.cli import main
from gridcell.mlflow.mirror import Mirror
from gridcell.settings.core_yaml import read_yaml
from gridcell.store import Store
from gridcell.store.usage import usage
from gridcell.suite import load_suite
from gridcell.task import find_task
from hill_search import PLUGIN

pytestmark = pytest.mark.xdist_group("tune")

X = "walkers.one.x=uniform(0, 1)"
Y = "walkers.one.y=loguniform(1, 100)"
HILL = ["--plugin", PLUGIN, "--executor", "inline", "--metric", "height"]


def options(*params, **more):
    given = [part for param in params for part in ("--param", param)]
    return [*HILL, *given, *(part for name, one in more.items() for part in (f"--{name}", str(one)))]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The folder of a search's report."""
    folder = tmp_path_factory.mktemp("found")
    arguments = ["tune", "hill", *options(X, Y, trials=9, select="walker=one", out="out"), "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(Mirror, "_follow", lambda self: None)  # test_population.py looks at MLflow
        patch.setattr(sys, "argv", ["gridcell", *map(str, arguments)])
        with contextlib.suppress(SystemExit):
            main()
    return folder / "out"


def test_it_leaves_the_trials_the_best_suite_and_a_page(found):
    out = found
    rows = list(csv.DictReader((out / "trials.csv").open()))
    assert [row["trial"] for row in rows[-1:]] == ["default"]
    values = [float(row["height, oracle rule: not held out"]) for row in rows[:-1]]
    assert len(values) == 9
    assert values == sorted(values, reverse=True)
    x, y = float(rows[0]["walkers.one.x"]), float(rows[0]["walkers.one.y"])
    assert values[0] == pytest.approx(-((x - 0.3) ** 2) - 0.01 * (y - 10) ** 2 - 0.1)
    assert "the same in every trial" not in (out / "report.html").read_text()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["best"]["params"] == {"walkers.one.x": x, "walkers.one.y": y}
    assert summary["judged"]["seeds"] == [1, 2, 3]
    assert summary["default"]["value"] == pytest.approx(-(0.6**2) - 0.01 * 81 - 0.1)
    page = (out / "report.html").read_text()
    assert "nothing is held out" in page.lower()
    assert "search of walkers.one.x, walkers.one.y with walker=one" in page
    assert {one.name for one in out.glob("*.png")} >= {
        "history.png",
        "slices.png",
        "parallel.png",
        "cost.png",
    }


def test_every_cell_of_a_search_can_be_found_and_counts_as_asked_for(found):
    store = Store(str(found.parent / "runs"))
    *_, plan = store.plans.read_all()
    assert plan.search == json.loads((found / "summary.json").read_text())["search"]
    assert store.results.done() == plan.cells.keys()  # those on fresh seeds, too
    assert not usage(store, 0.0).unasked


def test_the_best_trial_is_a_suite_that_extends_the_searched_one(found, gridcell):
    plugins.load([PLUGIN], joins=True)
    task = find_task("hill")
    best = load_suite(task, str(found / "best.yaml"))
    summary = json.loads((found / "summary.json").read_text())
    params = summary["best"]["params"]
    assert best.settings.walkers["one"].x == params["walkers.one.x"]
    assert best.settings.walkers["two"].x == 0.1
    assert set(summary["best"]["cells"]) <= set(best.grid().cells)
    assert read_yaml((found / "best.yaml").read_text(), "best").values["extends"] == "mini"
    code, _, _ = gridcell("run", "hill", "--suite", found / "best.yaml", "--executor", "inline", *HILL[:2])
    assert code == 0


def test_values_on_fresh_seeds_are_those_of_the_cells(found):
    judged = json.loads((found / "summary.json").read_text())["judged"]
    assert judged["best"][1] - judged["best"][0] == pytest.approx(1e-3)  # what the seed adds
    differences = [one - other for one, other in zip(judged["best"], judged["default"], strict=True)]
    assert judged["difference"]["mean"] == pytest.approx(sum(differences) / 3)


def test_a_block_of_the_suite_says_the_same_and_options_go_first(gridcell, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "extends: mini\n"
        "tune: {params: {walkers.one.x: 'uniform(0, 1)'}, trials: 4, metric: height, search: random, select: "
        "{walker: one}, fresh_seeds: 0}\n"
    )
    both = [*HILL[:4], "--suite", "mine.yaml", "--out", "out", "--quiet"]
    code, out, err = gridcell("tune", "hill", *both)
    assert (code, err) == (0, "")
    assert "4 trials: 4 done." in out
    assert out.startswith("hill/mine: 4 trials of walkers.one.x with walker=one by random, height (max)")
    code, out, _ = gridcell("tune", "hill", *both, "--trials", "6")
    assert "6 trials: 6 done." in out
    code, out, err = gridcell("plan", "hill", "--suite", "mine.yaml", *HILL[:2])
    assert (code, err) == (0, "")
    assert "4 trials (6 asked for before), 1 cell each" in out


def test_results_that_no_trial_changes_are_said_to_hide_differences(gridcell):
    code, out, _ = gridcell("tune", "hill", *options(X, trials=2), "--fresh-seeds", "0", "--quiet")
    assert code == 0
    assert "1 of the 2 results of a trial are the same in every trial, such as walker=two" in out


def test_a_best_trial_that_is_no_better_than_the_suite_is_not_advertised(gridcell, tmp_path):
    worse = options(
        "walkers.one.x=choice(0.95, 1.0)", search="grid", trials=2, out="out", select="walker=one"
    )
    code, out, _ = gridcell("tune", "hill", *worse, "--fresh-seeds", "0", "--quiet")
    assert code == 0
    assert "Best (no better than the suite's own values): out/best.yaml" in out
    page = (tmp_path / "out" / "report.html").read_text()
    assert "it is no better than the suite's own values" in page
    assert "gridcell run TASK --suite best.yaml" not in page


def test_what_a_sampler_draws_at_random_is_said(gridcell):
    params = ("walkers.one.shape=choice(a, b)", X)
    _, out, _ = gridcell("tune", "hill", *options(*params, search="cmaes"), "--plan")
    assert out.startswith("Note: cmaes moves numbers alone: walkers.one.shape is drawn at random")
    assert "Note" not in gridcell("tune", "hill", *options(*params), "--plan")[1]


def test_a_plan_starts_nothing(gridcell, tmp_path):
    code, out, _ = gridcell("tune", "hill", *options(X, trials=7), "--plan")
    assert code == 0
    assert "7 trials (0 asked for before), 1 cell each beside 2 that they share: at most 9 cells" in out
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (options(), "needs something to vary"),
        (options("walkers.one.x=uniform(0, 2)"), "it must be at most 1"),
        (options("walkers.one.xx=uniform(0, 1)"), "did you mean 'x'"),
        (options("walkers.one.x=unifrm(0, 1)"), "did you mean 'uniform'"),
        (options(X, search="tpi"), "did you mean 'tpe'"),
        (options(X, rule="own"), "Unknown rule 'own'"),
        (options(X, mode="up"), "tune.mode"),
        (options(X, trials=0), "tune.trials"),
        (options(X, grace=-1), "--grace must be above 0"),
        (options(X, search="grid"), "A grid search lists all values"),
        ([*HILL[:4], "--param", X], "doesn't say what is to be optimised"),
        ([*HILL[:4], "--param", X, "--metric", "heigt", "--fresh-seeds", "0"], "did you mean 'height'"),
        (options(X, select="walker=three"), "No cell has walker=three"),
        (options(X, "walkers.one.x=uniform(0, 0.5)"), "vary the same"),
        ([*options(X), "--set", "walkers.one.x=0.5"], "'--set walkers.one.x=0.5' sets what is searched"),
        (options(X, eta=3), "--eta is of a scheduler, and there is none: add --scheduler asha"),
        (options(X, eta=3, rungs=2, scheduler="none"), "--eta and --rungs are of a scheduler"),
        ([*options(X, search="qmc"), "--at-once", "2"], "--search qmc looks at none"),
        (options(X, scheduler="pbt"), "cells of hill can't be trained in stages: leave out --scheduler"),
        (options("walkers.one.shape=choice(a, b)", search="cmaes"), "walkers.one.shape is a choice: add"),
        (options(X, "seeds=choice([0], [1])"), "the best of several seeds is luck"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(gridcell, arguments, sentence):
    code, _, err = gridcell("tune", "hill", *arguments)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1


def test_it_runs_on_the_cluster_that_the_environment_names(gridcell, monkeypatch):
    asked = []

    def run_grid(task, grid, store, options, **_):
        asked.append(options.address)
        raise KeyboardInterrupt

    monkeypatch.setattr("gridcell.search.run.run_grid", run_grid)
    monkeypatch.setattr("gridcell.cli.executing.leave", lambda code: None)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    _, out, _ = gridcell("tune", "hill", *options(X, trials=1, executor="ray"))
    assert asked == ["10.0.0.1:6379"]
    assert "On the Ray cluster that RAY_ADDRESS names" in out
    gridcell("tune", "hill", *options(X, trials=1))  # inline
    assert asked[1:] == [None]


def test_a_search_without_any_value_makes_exit_code_1(gridcell):
    arguments = options("walkers.one.x=uniform(0.6, 1)", trials=2)
    code, out, _ = gridcell("tune", "hill", *arguments, "--set", "walkers.one.shape=cliff", "--quiet")
    assert code == 1
    assert "2 diverged" in out
    assert "No trial has a height" in out


def test_a_failed_trial_makes_exit_code_1(gridcell):
    code, out, _ = gridcell(
        "tune", "hill", *options("walkers.one.shape=choice(round, bog)", search="grid"), "--quiet"
    )
    assert code == 1
    assert "1 bug, 1 done" in out
