"""The task as its user meets it: problems, planning, a small grid from start to report, and mistakes."""

import csv
import json
import re
import sys

import numpy as np
import pytest
from PIL import Image

from gridcell.cli import main
from gridcell.data.shards.write import import_set
from gridcell.errors import UserError
from gridcell.execute.attempt import Attempt
from gridcell.execute.run_cell import run_cell
from gridcell.report import GridResults, write_report
from gridcell.store import Store
from gridcell.suite import load_suite, parse_settings
from inductive_bias import task
from inductive_bias.distributions.exact import Exact
from inductive_bias.distributions.information import estimate, too_few
from inductive_bias.distributions.warnings import warnings_of
from inductive_bias.distributions.weighted import WeightedChi2
from inductive_bias.kernel_space.rounding import Doubt
from inductive_bias.problems.pool import cut
from inductive_bias.problems.sources import few_shot, from_folder, from_npz, from_shards
from inductive_bias.report.page import estimate_warnings
from inductive_bias.report.summary import mean_interval
from planning_imports import TRAINING, loaded_by_planning

pytestmark = pytest.mark.xdist_group("inductive-bias")

SMALL = {
    "problems": {
        "digits": {"source": "digits", "training_sizes": [20], "dimensions": [6]},
        "easy": {"source": "teacher", "dimension": 4, "points": 200},
        "hard": {"source": "teacher", "dimension": 16, "points": 200},
    },
    "spaces": {
        "rbf": {"kind": "rbf", "bandwidth": "median"},
        "mlp": {"kind": "network", "widths": [24]},
        "cnn": {"kind": "network", "channels": [4], "widths": []},
    },
    "training_size": 30,
    "test_points": 20,
    "kernel_samples": 60,
    "hypotheses": 24,
    "hypotheses_per_cell": 12,
    "training": {"fit_error": 0.5, "lr": 0.01, "max_epochs": 100, "batch_size": 10, "check_every": 5},
    "splitting": {"particles": 10, "sweeps": 1, "runs": 2, "max_levels": 30},  # the deepest cost minutes
    "bootstrap": 10,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Run the small grid once, and write its report."""
    folder = tmp_path_factory.mktemp("bias")
    store = Store(str(folder / "store")).prepare()
    settings = parse_settings(task.settings, SMALL)
    grid = task.plan(settings)
    outcomes = {
        c.id: run_cell(Attempt(c, task, store, locations=grid.locations)) for c in grid.cells.values()
    }
    assert not [outcome.failure for outcome in outcomes.values() if outcome.failure]
    results, _ = store.results.read_many(grid.cells)
    found = GridResults("small", settings.model_dump(mode="json"), grid, results, {}, store)
    return grid, results, write_report(task, found, folder / "out")


@pytest.mark.slow
def test_the_report_says_every_number(finished):
    grid, results, report = finished
    summary = json.loads((report.page.parent / "summary.json").read_text())
    assert len(summary["points"]) == len(grid.targets) == 12  # digits 3 + 3 + 2, each teacher 1 + 1
    with (report.page.parent / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 * 7
    for row in rows:
        assert float(row["bits"]) == pytest.approx(float(row["nats"]) / np.log(2), abs=1e-6)
        assert (row["exact_nats"] != "") == (row["space"] == "rbf")
        assert row["nats"] == (row["exact_nats"] or row["splitting_nats"] or row["fitted_nats"])
        too_deep = row["basis"] == "splitting" and float(row["bits"]) > 60
        assert (row["low_nats"] != "") == (row["space"] != "rbf" and not too_deep)
    for result in (r for r in results.values() if r.cell.kind == "estimate"):
        target = result.metrics["target"]
        assert result.metrics["information"] == (target["exact"] or target["splitting"] or target["nats"])
    networks = [r for r in results.values() if r.cell.kind == "estimate" and r.metrics["jitter"] is None]
    assert all(r.metrics["samples"] + r.metrics["unfitted"] == 24 for r in networks)
    page = report.page.read_text()
    assert page.count("<figure>") == len(list(report.page.parent.glob("*.png"))) >= 6
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "a projection gives vectors" in page


@pytest.mark.slow
def test_how_hypotheses_are_cut_into_cells_changes_nothing(finished, tmp_path):
    _, results, _ = finished
    store = Store(str(tmp_path / "store")).prepare()
    grid = task.plan(parse_settings(task.settings, SMALL | {"hypotheses_per_cell": 24}))
    wanted = next(
        t.cell for t in grid.targets if t.labels["space"] == "mlp" and t.labels["problem"] == "easy"
    )
    for cell in grid.closure([wanted]).values():
        outcome = run_cell(Attempt(cell, task, store, locations=grid.locations))
    ours = store.results.read(wanted).metrics
    other = next(
        r.metrics
        for r in results.values()
        if r.cell.kind == "estimate" and r.cell.title == grid.cells[wanted].title
    )
    assert outcome.failure is None
    assert ours["samples"] == other["samples"]
    assert ours == other


def test_the_suites_can_be_planned_and_planning_loads_no_training_library():
    grid = load_suite(task, "mini").grid()
    kinds = {cell.kind for cell in grid.cells.values()}
    assert kinds == {"data", "kernel", "hypotheses", "splitting", "estimate"}
    assert all("image" in item.reason for item in grid.skipped)
    assert loaded_by_planning("inductive_bias", "mini", TRAINING | {"numpy"}) == set()


def test_mini_is_a_part_of_figures():
    """What a first run has done, the suite of the published page does not do again."""
    mini, figures = (load_suite(task, name).grid() for name in ("mini", "figures"))
    assert mini.cells.keys() < figures.cells.keys()


def test_mistakes_in_settings_get_a_sentence(tmp_path):
    with pytest.raises(UserError, match="did you mean 'bandwidth'"):
        parse_settings(task.settings, {**SMALL, "spaces": {"rbf": {"kind": "rbf", "bandwith": 1}}})
    lacking = {**SMALL, "problems": {"mine": {"source": "npz"}}}
    with pytest.raises(UserError, match=r"problems\.mine\.path"):
        task.plan(parse_settings(task.settings, lacking))
    lacking["problems"]["mine"]["path"] = str(tmp_path / "none.npz")
    with pytest.raises(UserError, match="There is no data file or folder"):
        task.plan(parse_settings(task.settings, lacking))


TOO_MUCH = [
    (
        {"source": "digits"},
        {"training_size": 5000},
        "has 1797 points, fewer than 5000 for training and 20 for",
    ),
    ({"source": "digits", "training_sizes": [1778]}, {}, "has 1797 points, fewer than 1778 for training"),
    ({"source": "digits", "dimensions": [8, 128]}, {}, "has 64 dimensions and can't be projected to 128"),
    ({"source": "teacher", "points": 10}, {}, "has 10 points, fewer than 30 for training and 20 for testing"),
    ({"source": "teacher", "dimensions": [5]}, {}, "has 4 dimensions and can't be projected to 5"),
    (
        {"source": "cartpole", "points": 49},
        {},
        "has 49 points, fewer than 30 for training and 20 for testing",
    ),
    ({"source": "cartpole", "dimensions": [5]}, {}, "has 4 dimensions and can't be projected to 5"),
]


@pytest.mark.parametrize(("problem", "settings", "message"), TOO_MUCH)
def test_points_and_dimensions_that_a_problem_lacks_are_refused_when_planning(problem, settings, message):
    asked = SMALL | {"problems": {"mine": problem}} | settings
    with pytest.raises(UserError, match=f"^Problem 'mine' {message}"):
        task.plan(parse_settings(task.settings, asked))


@pytest.mark.parametrize(
    "problem",
    [
        {"source": "digits", "training_sizes": [1777], "dimensions": [64]},
        {"source": "teacher", "points": 50, "dimensions": [4]},
        {"source": "cartpole", "points": 50, "dimensions": [4]},
    ],
)
def test_all_points_and_dimensions_of_a_problem_can_be_asked_for(problem):
    assert task.plan(parse_settings(task.settings, SMALL | {"problems": {"mine": problem}})).targets


@pytest.mark.parametrize("command", [["plan"], ["run", "--executor", "inline", "--max-failures", "1"]])
def test_more_training_points_than_there_are_end_the_command_before_anything_starts(
    command, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    asked = ["inductive-bias", "--suite", "mini", "--set", "training_size=5000", "--select", "space=rbf"]
    monkeypatch.setattr(sys, "argv", ["gridcell", *command, *asked, "--storage", str(tmp_path / "runs")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "1797 points, fewer than 5000 for training" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "runs").exists()


def copies_said(grid):
    return [note for note in grid.notes if "equal a training point" in note]


@pytest.mark.parametrize("ways", [None, 2])
def test_test_points_that_are_copies_of_training_points_are_counted(tmp_path, ways):
    """By the very cut of the cells; the note stands among the report's warnings too."""
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((60, 4)), np.arange(60) % 3
    np.savez(tmp_path / "lone.npz", x=x, y=y)
    np.savez(tmp_path / "twice.npz", x=np.concatenate([x, x]), y=np.concatenate([y, y]))

    def planned(name):
        few = {"ways": 2, "shots": 9} if ways else {}
        problems = {"mine": {"source": "npz", "path": str(tmp_path / f"{name}.npz"), **few}}
        spaces = {"rbf": {"kind": "rbf"}}
        return task.plan(
            parse_settings(
                task.settings,
                {**SMALL, "problems": problems, "spaces": spaces, "training_size": 30, "seeds": [0, 1]},
            )
        )

    assert copies_said(planned("lone")) == []
    grid = planned("twice")
    (note,) = copies_said(grid)
    counts = []
    for seed in (0, 1):
        pool = from_npz(tmp_path / "twice.npz")
        pool = few_shot(pool, ways=ways, seed=seed, name="mine") if ways else pool
        split = cut(
            pool, n_train=18 if ways else 30, n_test=20, dimension=None, standardise=True, seed=seed,
            name="mine", balanced=ways is not None,
        )  # fmt: skip
        known = {row.tobytes() for row in split.x_train}
        counts.append(sum(row.tobytes() in known for row in split.x_test))
    low, high = sorted(counts)
    assert low > 0
    several = f"{low} to {high}" if low < high else f"{low}"
    assert f"Problem 'mine': {several} of 20 test points equal a training point" in note


def test_images_that_are_copies_are_counted_however_they_are_read(tmp_path):
    draw = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / "images" / label).mkdir(parents=True)
        for number in range(15):
            file = tmp_path / "images" / label / f"{number}.png"
            Image.fromarray(draw.integers(0, 256, (4, 4), dtype=np.uint8)).save(file)
            file.with_name(f"copy {number}.png").write_bytes(file.read_bytes())
    import_set("folder", [tmp_path / "images"], str(tmp_path / "shards"))
    for source in ("folder", "shards"):
        path = tmp_path / ("images" if source == "folder" else "shards")
        problems = {"mine": {"source": source, "path": str(path)}}
        settings = {**SMALL, "problems": problems, "spaces": {"rbf": {"kind": "rbf"}}}
        (note,) = copies_said(task.plan(parse_settings(task.settings, settings)))
        pool = from_folder(path, None) if source == "folder" else from_shards(str(path), None)
        split = cut(pool, n_train=30, n_test=20, dimension=None, standardise=False, seed=0, name="mine")
        known = {row.tobytes() for row in split.x_train}
        count = sum(row.tobytes() in known for row in split.x_test)
        assert count
        assert f"Problem 'mine': {count} of 20 test points equal a training point" in note


def test_copies_are_among_the_warnings_of_the_estimates_of_their_problem():
    note = "Problem 'mine': 3 of 20 test points equal a training point: what is learnt by heart"
    at = {"space": "rbf", "n_train": 30, "dimension": "full", "seed": 0}
    points = [{**at, "problem": "mine", "warnings": ["far"]}, {**at, "problem": "other", "warnings": []}]
    (found,) = estimate_warnings({"points": points}, [note, "images: 1 class left out"])
    assert found == ("rbf on mine, 30 training points, seed 0", ["far", note])


def test_shards_are_read_as_the_folder_they_were_made_from(tmp_path, capsys):
    draws = np.random.default_rng(0)
    for label in range(2):
        (tmp_path / "images" / f"class{label}").mkdir(parents=True)
        for number in range(3):
            pixels = draws.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / f"class{label}" / f"{number}.png")
    import_set("folder", [tmp_path / "images"], str(tmp_path / "shards"))
    pools = from_shards(str(tmp_path / "shards"), None), from_folder(tmp_path / "images", None)
    ours, expected = ({x.tobytes(): tuple(y) for x, y in zip(p.x, p.y, strict=True)} for p in pools)
    assert len(ours) == 6
    assert ours == expected
    problem = {"source": "shards", "path": str(tmp_path / "shards")}
    grid = task.plan(parse_settings(task.settings, {**SMALL, "problems": {"mine": problem}}))
    assert list(grid.locations.values()) == [str(tmp_path / "shards")]
    problem["path"] = str(tmp_path / "images")
    with pytest.raises(UserError, match="gridcell data import"):
        task.plan(parse_settings(task.settings, {**SMALL, "problems": {"mine": problem}}))


def test_intervals_cover_and_warnings_are_said():
    draws = np.random.default_rng(1)
    errors = 0.01 * draws.noncentral_chisquare(20, 30, 200)
    found = estimate(errors, [0.05, 0.3, 0.5], resamples=40, generator=draws)
    assert (found.low <= found.nats).all()
    assert (found.nats <= found.high).all()
    truth = -np.log(np.mean(0.01 * draws.noncentral_chisquare(20, 30, 400_000) <= 0.3))
    assert found.low[1] - 0.3 <= truth <= found.high[1] + 0.3
    said = " ".join(warnings_of(found, errors, 7))
    assert "standard deviations below the mean" in said
    assert "7 of 207 hypotheses did not reach the training error" in said
    with pytest.raises(UserError, match="must be positive"):
        estimate(errors, [0.0], resamples=10, generator=draws)
    with pytest.raises(UserError, match="Only 3 of 50 hypotheses"):
        too_few(3, 47)


def test_a_poor_fit_is_said_however_few_resamples_the_suite_asks_for():
    draws = np.random.default_rng(3)
    errors = np.concatenate(
        [draws.normal(1, 0.02, 30), draws.normal(2, 0.02, 30)]
    )  # two humps: no chi-squared
    fewest = min(n for n in range(1, 100) if _is_allowed({"bootstrap": n}))
    found = estimate(errors, [0.5], resamples=fewest, generator=draws)
    assert "fits the sampled errors poorly" in " ".join(warnings_of(found, errors, 0))


def _is_allowed(changes):
    try:
        parse_settings(task.settings, SMALL | changes)
    except UserError:
        return False
    return True


def test_the_interval_of_a_mean_is_students():
    mean, low, high = mean_interval([1.0, 2.0, 3.0])
    assert mean == 2
    assert high - mean == pytest.approx(4.302653 * 1 / np.sqrt(3), rel=1e-6)
    assert low == pytest.approx(4 - high)


def first_failure(tmp_path, problem, **settings):
    """Run the kernel space's cells on a problem called mine; return the first failure's message."""
    store = Store(str(tmp_path / "store")).prepare()
    grid = task.plan(parse_settings(task.settings, SMALL | {"problems": {"mine": problem}} | settings))
    for cell in grid.cells.values():
        if cell.kind in ("data", "kernel"):
            failure = run_cell(Attempt(cell, task, store, locations=grid.locations)).failure
            if failure is not None:
                return failure.message
    return ""


def test_too_few_points_name_the_problem_and_not_its_source(tmp_path):
    draws = np.random.default_rng(0)
    np.savez(tmp_path / "file.npz", x=draws.normal(size=(40, 4)), y=draws.normal(size=40))
    problem = {"source": "npz", "path": str(tmp_path / "file.npz")}
    with pytest.raises(UserError, match="Problem 'mine' has 40 points"):  # before a cell is run
        first_failure(tmp_path, problem)


def test_labels_that_contradict_one_another_are_no_functions_that_fit(tmp_path):
    """Each input twice, with a label drawn anew: no function of any space fits."""
    draws = np.random.default_rng(0)
    x = np.repeat(draws.normal(size=(30, 4)), 2, axis=0)
    np.savez(tmp_path / "mine.npz", x=x, y=draws.integers(0, 2, 60))
    problem = {"source": "npz", "path": str(tmp_path / "mine.npz")}
    message = first_failure(tmp_path, problem, training={"fit_error": 0.02})
    assert "don't fit the training data" in message
    assert "above training.fit_error = 0.02" in message


def test_an_exact_tail_is_not_said_to_rest_on_the_fitted_model():
    draws = np.random.default_rng(1)
    distribution = WeightedChi2(np.full(20, 0.01), np.full(20, 0.015), 1)
    exact = Exact(distribution, Doubt(0.0, 0.0), 20)
    errors = distribution.sample(200, draws)
    options = {"resamples": 10, "generator": draws}
    modelled = " ".join(warnings_of(estimate(errors, [0.05], **options), errors, 0))
    assert "rests on the fitted model's tail alone" in modelled
    said = " ".join(warnings_of(estimate(errors, [0.05], exact=exact, **options), errors, 0))
    assert "rests on" not in said
    assert "smallest" not in said
