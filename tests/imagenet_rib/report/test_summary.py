"""The summary: what it says, what it leaves open, and that nothing but the evaluations decides it."""

import csv
import inspect
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from gridcell.errors import UserError
from gridcell.report import write_summary
from imagenet_rib import metrics
from imagenet_rib.report import estimates
from imagenet_rib.report.evaluations import Evaluation, SetFacts
from imagenet_rib.report.rows import COLUMNS, write_cells
from imagenet_rib.report.summary import summarise
from rib_evaluations import AFTER, PRE, SETS, after, answers, before, random_evaluations


def as_json(evaluations, sets):
    return json.dumps(summarise(evaluations, sets), sort_keys=True)


def leaves(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            assert type(key) is str
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def test_one_matrix_by_hand():
    summary = summarise([before(), *after("ft")], SETS)
    assert summary["accuracy"]["m"]["ft"] == AFTER
    assert summary["pre"]["m"] == PRE
    assert summary["ri"]["m"]["ft"] == {"a": -4.0, "b": 0.5, "c": -4.5}
    mri = summary["mRI"]["m"]["ft"]
    assert mri["mean"] == pytest.approx(-8 / 3)
    assert mri["seeds"] == 1
    assert mri["interval"] == "images"
    assert mri["ci95"][0] < mri["mean"] < mri["ci95"][1]
    assert summary["missing"] == []
    assert summary["models"] == ["m"]
    assert summary["methods"] == ["ft"]
    assert summary["sets"][0] == {"name": "a", "images": 100, "classes": 10}


def test_seeds_give_students_interval():
    shifts = {0: 0, 1: 2, 2: 7}
    made = [before(), *(e for seed, shift in shifts.items() for e in after("ft", seed=seed, shift=shift))]
    entry = summarise(made, SETS)["mRI"]["m"]["ft"]
    by_hand = np.array([-8 / 3, -8 / 3 + 2, -8 / 3 + 7])
    assert entry["mean"] == pytest.approx(by_hand.mean())
    assert entry["ci95"] == pytest.approx(stats.t.interval(0.95, 2, by_hand.mean(), stats.sem(by_hand)))
    assert (entry["seeds"], entry["interval"]) == (3, "seeds")
    accuracy = summarise(made, SETS)["accuracy"]["m"]["ft"]
    assert accuracy["a"]["b"] == pytest.approx(45 + 3)
    assert accuracy["a"]["a"] == 90


def test_unchanged_predictions_have_no_interval():
    same = dict.fromkeys("abc", PRE)
    entry = summarise([before(), *after("ft", rows=same)], SETS)["mRI"]["m"]["ft"]
    assert entry["mean"] == 0
    assert entry["ci95"] == [0, 0]


def test_difference_from_ft_is_paired():
    summary = summarise([before(), *after("ft"), *after("twin"), *after("ewc", shift=3)], SETS)
    gain = summary["mRI_minus_ft"]["m"]
    assert (gain["twin"]["mean"], gain["twin"]["ci95"]) == (0, [0, 0])
    assert summary["mRI"]["m"]["twin"]["ci95"][1] - summary["mRI"]["m"]["twin"]["ci95"][0] > 1
    assert gain["ewc"]["mean"] == pytest.approx(3)
    assert set(gain) == {"twin", "ewc"}


def test_difference_over_seeds_uses_those_both_have():
    made = [before(), *after("ft", seed=0), *after("ft", seed=1, shift=4), *after("ft", seed=2, shift=9)]
    made += [*after("ewc", seed=0, shift=1), *after("ewc", seed=1, shift=6)]
    gain = summarise(made, SETS)["mRI_minus_ft"]["m"]["ewc"]
    assert gain["seeds"] == 2
    assert gain["mean"] == pytest.approx(1.5)  # (1 - 0 + 6 - 4) / 2
    assert gain["ci95"] == pytest.approx(stats.t.interval(0.95, 1, 1.5, 0.5))


def test_a_missing_row_is_null_and_named():
    rows = {source: row for source, row in AFTER.items() if source != "b"}
    summary = summarise([before(), *after("ft"), *after("ewc", rows=rows)], SETS)
    assert summary["accuracy"]["m"]["ewc"]["b"] == {"a": None, "b": None, "c": None, "val": None}
    assert summary["ri"]["m"]["ewc"] == {"a": -4.0, "b": None, "c": -4.5}
    nothing = {"mean": None, "ci95": None, "seeds": 0, "interval": None}
    assert summary["mRI"]["m"]["ewc"] == nothing
    assert summary["mRI_minus_ft"]["m"]["ewc"] == nothing
    assert summary["mRI"]["m"]["ft"]["mean"] is not None
    expected = {"model": "m", "method": "ewc", "downstream": "b", "seed": 0, "sets": ["a", "b", "c", "val"]}
    assert summary["missing"] == [expected]


def test_a_missing_set_is_null_and_named():
    rows = {**AFTER, "a": {name: value for name, value in AFTER["a"].items() if name != "c"}}
    summary = summarise([before(), *after("ft", rows=rows)], SETS)
    assert summary["accuracy"]["m"]["ft"]["a"] == {"a": 90, "b": 45, "c": None, "val": 80}
    assert summary["ri"]["m"]["ft"] == {"a": None, "b": 0.5, "c": -4.5}
    assert summary["mRI"]["m"]["ft"]["mean"] is None
    assert [entry["sets"] for entry in summary["missing"]] == [["c"]]


def test_without_pre_there_is_no_improvement():
    summary = summarise(after("ft"), SETS)
    assert summary["mRI"]["m"]["ft"]["mean"] is None
    assert set(summary["ri"]["m"]["ft"].values()) == {None}
    assert summary["accuracy"]["m"]["ft"]["a"]["b"] == 45
    assert summary["missing"][0]["method"] == "pre"


def test_an_incomplete_seed_is_left_out():
    made = [before(), *after("ft", seed=0), *after("ft", seed=1, shift=5)[:2]]
    entry = summarise(made, SETS)["mRI"]["m"]["ft"]
    assert (entry["mean"], entry["seeds"], entry["interval"]) == (pytest.approx(-8 / 3), 1, "images")


def test_val_is_no_part_of_ri():
    worse = {source: {**row, "val": 1} for source, row in AFTER.items()}
    one, other = (summarise([before(), *after("ft", rows=rows)], SETS) for rows in (AFTER, worse))
    assert one["mRI"] == other["mRI"]
    assert one["ri"] == other["ri"]
    assert one["accuracy"] != other["accuracy"]


def test_headline_chooses_the_variant():
    curve = [
        e
        for alpha, shift in ((0.3, 1), (0.5, 2), (1.0, 4))
        for e in after("wise_ft", variant=alpha, shift=shift)
    ]
    made = [before(), *curve]
    assert summarise(made, SETS)["mRI"]["m"]["wise_ft"]["mean"] == pytest.approx(-8 / 3 + 2)
    assert summarise(made, SETS, headlines={"wise_ft": {"alpha": 0.1 * 3}})["mRI"]["m"]["wise_ft"][
        "mean"
    ] == pytest.approx(-8 / 3 + 1)
    points = summarise(made, SETS)["wise_ft_curve"]["m"]
    assert list(points) == ["0.3", "0.5", "1"]
    assert points["1"]["fine_tuned_on"]["mean"] == pytest.approx(80)  # (90 + 80 + 70) / 3
    # Off the diagonal: (45 + 37 + 58 + 43 + 54 + 47) / 6 = 284 / 6, and 4 more at alpha 1.
    assert points["1"]["others"]["mean"] == pytest.approx(284 / 6 + 4)
    assert points["1"]["mRI"]["mean"] == pytest.approx(-8 / 3 + 4)
    low, high = points["1"]["fine_tuned_on"]["ci95"]
    assert low < 80 < high


def test_groups_count_alike():
    groups = {"c": np.arange(100) // 80}  # 80 images and 20: the first 40 are right, all in the first group
    made = [replace(e, groups=groups) for e in [before(), *after("ft")]]
    assert summarise(made, SETS)["pre"]["m"]["c"] == 25.0


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([(0,), (0, 1)]))
def test_the_order_of_evaluations_does_not_matter(random, seeds):
    made, sets = random_evaluations(["m", "n"], ["ft", "ewc", "wise_ft"], seeds)
    shuffled = made.copy()
    random.shuffle(shuffled)
    assert as_json(shuffled, sets) == as_json(made, sets)


def test_a_bootstrap_in_blocks_of_statistics_publishes_the_same(monkeypatch):
    made, sets = random_evaluations(["m", "n"], ["ft", "ewc", "wise_ft"], [0])
    whole = as_json(made, sets)
    monkeypatch.setattr(estimates, "_SCORES_AT_ONCE", 1000)  # four statistics of 60 images on four sets
    assert as_json(made, sets) == whole


def test_summary_is_plain_json(tmp_path):
    made, sets = random_evaluations(["m", "n"], ["ft", "wise_ft", "flyp"], [0, 1])
    summary = summarise([e for e in made if e.method != "flyp" or e.model == "m"], sets)
    assert {type(leaf) for leaf in leaves(summary)} <= {float, int, str, bool, type(None)}
    write_summary(summary, tmp_path, sort_keys=True, ensure_ascii=False)
    text = (tmp_path / "summary.json").read_text(encoding="utf-8")
    assert json.loads(text) == summary
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    for estimate in (e for by_method in summary["mRI"].values() for e in by_method.values()):
        assert set(estimate) == {"mean", "ci95", "seeds", "interval"}
    assert summary["mRI"]["n"]["flyp"]["mean"] is None
    assert len([entry for entry in summary["missing"] if entry["method"] == "flyp"]) == 8  # 4 sets x 2 seeds


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([before(), before()], "two evaluations of 'm pre'"),
        ([before(), *after("ft"), *after("ft")], "two evaluations of 'm ft on a seed 0'"),
        ([*after("wise_ft"), *after("wise_ft", variant=0.5)], "with and without a variant"),
        ([Evaluation("m", "pre", "a", None, None, answers(PRE))], "'pre'"),
        ([Evaluation("m", "ft", None, 0, None, answers(PRE))], "'pre'"),
        ([before(), Evaluation("m", "ft", "zebra", 0, None, answers(PRE))], "unknown sets: zebra"),
        ([before(), Evaluation("m", "ft", "a", 0, None, {"a": np.ones(7, bool)})], "other images"),
        (
            [before(), Evaluation("m", "ft", "a", 0, None, answers(PRE), {"a": np.arange(100)})],
            "other images",
        ),
        ([Evaluation("m", "ft", "a", 0, None, answers(PRE), {"a": np.arange(9)})], "9 groups for 100 images"),
        ([Evaluation("m", "ft", "a", 0, None, {"a": np.ones(0, bool)})], "no answers"),
    ],
)
def test_mistakes_are_named(made, message):
    with pytest.raises(UserError, match=message):
        summarise(made, SETS)


@pytest.mark.parametrize("sets", [[], SETS[:1], [SETS[0], SETS[0]], [SETS[0], SetFacts("val", 1, 1)]])
def test_ri_needs_two_sets(sets):
    with pytest.raises(UserError, match="two or more"):
        summarise([before()], sets)


def test_nothing_gives_an_empty_summary():
    summary = summarise([], SETS)
    assert summary["models"] == []
    assert summary["mRI"] == {}


def test_cells_csv(tmp_path):
    groups = {"c": np.arange(100) // 80}
    made = [replace(e, groups=groups) for e in [before(), *after("wise_ft", variant=0.5)]]
    write_cells(made[::-1], tmp_path / "cells.csv")
    with (tmp_path / "cells.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 4 * 4
    first = ["m", "pre", "", "", "", "a", "100", "60", "60.0", "60.0", "0.0", "1.5", ""]
    assert rows[0] == dict(zip(COLUMNS, first, strict=True))
    row = next(row for row in rows if row["downstream"] == "a" and row["set"] == "c")
    # 37 right, all among the 80 of the first group: (37 / 80 + 0 / 20) / 2; before it was (40 / 80) / 2.
    assert (row["correct"], row["accuracy"], row["pre_accuracy"]) == ("37", "23.125", "25.0")
    assert (row["difference"], row["variant"], row["seed"], row["seconds"]) == ("-1.875", "0.5", "0", "2.0")


def test_cells_csv_leaves_blank_what_is_not_known(tmp_path):
    write_cells(after("ft"), tmp_path / "cells.csv")
    with (tmp_path / "cells.csv").open(newline="", encoding="utf-8") as file:
        assert {(row["pre_accuracy"], row["difference"]) for row in csv.DictReader(file)} == {("", "")}


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ([0.5, 2.0], "above"),
        ([-2.0, -0.5], "below"),
        ([-1.0, 1.0], "either"),
        ([0.0, 1.0], "either"),  # it holds zero
        ([-1.0, 0.0], "either"),
        ([0.0, 0.0], "either"),
        (None, ""),
    ],
)
def test_an_interval_lies_above_or_below_zero_only_without_it(interval, said):
    assert estimates.verdict({"ci95": interval}) == said


def test_without_a_seed_the_draws_are_those_that_a_summary_names():
    defaults = inspect.signature(metrics.bootstrap_totals).parameters
    summary = summarise([before(), *after("ft")], SETS)
    assert summary["intervals"]["bootstrap_seed"] == defaults["seed"].default
    assert summary["intervals"]["resamples"] == defaults["resamples"].default
