"""The leaderboard: ranks and paired comparisons, by hand and against scipy."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from imagenet_rib.report.leaderboard import ALL_MODELS, COLUMNS, boards, write_leaderboard
from imagenet_rib.report.summary import summarise
from imagenet_rib.report.sureness import not_apart, too_few_pairs
from rib_evaluations import SETS, after, before, random_evaluations, write_report


def by_method(board):
    return {row["method"]: row for row in board["ranking"]}


def seeds_of(method, shifts, model="m"):
    return [
        e for seed, shift in enumerate(shifts) for e in after(method, model=model, seed=seed, shift=shift)
    ]


def test_ranks_are_by_mean_and_equal_methods_share_one():
    made = [before(), *after("ft"), *after("twin"), *after("ewc", shift=3), *after("lwf", shift=-2)]
    rows = summarise(made, SETS)["leaderboard"]["models"]["m"]["ranking"]
    assert [(row["rank"], row["method"]) for row in rows] == [(1, "ewc"), (2, "ft"), (2, "twin"), (4, "lwf")]
    assert by_method({"ranking": rows})["ewc"]["minus_ft"]["mean"] == pytest.approx(3)
    # 90 - 60, 80 - 50, 70 - 40 points on the sets fine-tuned on.
    assert rows[0]["gain"]["mean"] == pytest.approx(30)


def test_comparisons_are_paired_over_sets_and_seeds():
    made, sets = random_evaluations(["m"], ["ft", "ewc", "lwf"], [0, 1])
    summary = summarise(made, sets)
    board = summary["leaderboard"]["models"]["m"]
    ri = {
        (method, seed): summarise([e for e in made if e.seed in (None, seed)], sets)["ri"]["m"][method]
        for method in ("ft", "ewc", "lwf")
        for seed in (0, 1)
    }
    for one in board["comparisons"]:
        differences = [ri[one["a"], s][name] - ri[one["b"], s][name] for s in (0, 1) for name in ri["ft", 0]]
        expected = stats.permutation_test(
            (np.array(differences),), np.mean, permutation_type="samples", n_resamples=np.inf, rng=0
        )
        assert one["pairs"] == 8
        assert one["difference"] == pytest.approx(np.mean(differences), abs=1e-8)
        assert one["p"] == pytest.approx(expected.pvalue)
        assert one["p_holm"] >= one["p"]
        means = [by_method(board)[one[side]]["mRI"]["mean"] for side in "ab"]
        assert one["difference"] == pytest.approx(means[0] - means[1], abs=1e-8)
    assert {frozenset((one["a"], one["b"])) for one in board["comparisons"]} == {
        *map(frozenset, [("ft", "ewc"), ("ft", "lwf"), ("ewc", "lwf")])
    }
    ewc = by_method(board)["ewc"]
    assert ewc["p_holm"] == next(
        o["p_holm"] for o in board["comparisons"] if {o["a"], o["b"]} == {"ewc", "ft"}
    )
    assert by_method(board)["ft"]["p"] is None


def test_what_differs_is_in_no_common_group():
    made = [
        before(),
        *seeds_of("ft", range(6)),
        *seeds_of("ewc", range(5, 11)),
        *seeds_of("lwf", [9, 2, 3, 4, 5, 10]),
    ]
    board = summarise(made, SETS)["leaderboard"]["models"]["m"]
    # ewc is five points above ft in all 18 pairs; lwf is once far above, else near: it is told from neither.
    assert board["pairs"] == 18
    assert by_method(board)["ewc"]["p_holm"] < 0.05
    assert not any({"ft", "ewc"} <= set(group) for group in not_apart(board))


def test_few_pairs_say_what_they_can_not_show():
    made = [before(), *after("ft"), *after("ewc", shift=5)]
    board = summarise(made, SETS)["leaderboard"]["models"]["m"]
    assert summarise(made, SETS)["leaderboard"]["test"]["alpha"] == 0.05
    assert board["pairs"] == 3
    assert board["smallest_p_holm"] == by_method(board)["ewc"]["p_holm"] == 0.25
    assert too_few_pairs([("m", board)]) == (
        "Too few pairs for any difference to be significant (m: 3 pairs, p ≥ 0.25): it takes more seeds "
        "(--seeds)."
    )
    assert too_few_pairs([("m", {**board, "smallest_p_holm": 0.049})]) == ""
    assert not_apart(board) == [["ewc", "ft"]]


def test_what_many_pairs_show_is_not_denied_for_another_methods_few(tmp_path):
    made = [before(), *seeds_of("ft", range(8)), *seeds_of("ewc", range(5, 13)), *after("lwf", shift=9)]
    summary = summarise(made, SETS)
    board = summary["leaderboard"]["models"]["m"]
    assert board["pairs"] == 3
    assert by_method(board)["ewc"]["p_holm"] < 0.05
    assert board["smallest_p_holm"] <= by_method(board)["ewc"]["p_holm"]
    files = write_report(made, SETS, tmp_path)
    assert "Too few pairs" not in files[0].read_text(encoding="utf-8")


def test_methods_that_share_no_pair_are_not_compared():
    made = [before(), *after("ft", seed=0)]
    for seed in range(1, 9):
        shifts = (30, 29) if seed % 2 else (29, 30)
        made += [*after("ewc", seed=seed, shift=shifts[0]), *after("lwf", seed=seed, shift=shifts[1])]
    board = summarise(made, SETS)["leaderboard"]["models"]["m"]
    assert [one["pairs"] for one in board["comparisons"]] == [24]


def test_selecting_methods_makes_no_difference_significant():
    """Of the same numbers p must not depend on how many methods are shown."""
    methods = ["ft", "ewc", "lwf", "lp", "l2_sp"]
    made, sets = random_evaluations(["m"], methods, [0, 1])
    whole = summarise(made, sets)["leaderboard"]["models"]["m"]
    known = {frozenset((one["a"], one["b"])): one for one in whole["comparisons"]}
    assert whole["tests"] == len(known) == 10
    shown = [e for e in made if e.method in ("pre", "ft", "ewc")]
    board = summarise(shown, sets, unselected=["lwf", "lp", "l2_sp"])["leaderboard"]["models"]["m"]
    (pair,) = board["comparisons"]
    assert pair["p"] == known[frozenset(("ft", "ewc"))]["p"]
    assert pair["p_holm"] == pytest.approx(min(1, 10 * pair["p"]))
    assert board["tests"] == 10
    assert board["smallest_p_holm"] == pytest.approx(10 * 2 / 2**8)
    alone = summarise(shown, sets)["leaderboard"]["models"]["m"]
    assert (alone["tests"], alone["comparisons"][0]["p_holm"]) == (1, pair["p"])


def test_pooled_is_the_mean_over_models_of_what_all_have():
    made = [before(), before("n"), before("empty")]
    made += [*seeds_of("ft", [0, 1]), *seeds_of("ewc", [2, 3]), *seeds_of("lora", [9, 9])]
    made += [*seeds_of("ft", [4, 6], "n"), *seeds_of("ewc", [5, 9], "n")]
    summary = summarise(made, SETS)
    pooled = by_method(summary["leaderboard"]["pooled"])
    assert set(pooled) == {"ft", "ewc"}  # lora lacks a model; the model without results counts for nothing
    for_seed = [-8 / 3 + (2 + 5) / 2, -8 / 3 + (3 + 9) / 2]
    assert pooled["ewc"]["mRI"]["mean"] == pytest.approx(np.mean(for_seed))
    expected = stats.t.interval(0.95, 1, np.mean(for_seed), stats.sem(for_seed))
    assert pooled["ewc"]["mRI"]["ci95"] == pytest.approx(expected)
    assert pooled["ewc"]["minus_ft"]["mean"] == pytest.approx(2)
    assert summary["leaderboard"]["pooled"]["pairs"] == 12
    assert [name for name, _ in boards(summary)] == [ALL_MODELS, "m", "n"]
    assert summarise([before(), *after("ft")], SETS)["leaderboard"]["pooled"] is None


def test_pooled_over_images_is_the_bootstrap_of_the_mean():
    """Two models that answer alike: the mean's interval is either's."""
    made = [before(), *after("ft"), *(replace(e, model="n") for e in [before(), *after("ft")])]
    board = summarise(made, SETS)["leaderboard"]
    assert board["pooled"]["ranking"][0]["mRI"] == board["models"]["m"]["ranking"][0]["mRI"]


def test_leaderboard_csv(tmp_path):
    made = [before(), *after("ft"), *after("ewc", shift=3), before("n"), *after("ft", model="n")]
    summary = summarise(made, SETS)
    write_leaderboard(summary, tmp_path / "l.csv")
    with (tmp_path / "l.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [(r["scope"], r["rank"], r["method"]) for r in rows] == [
        (ALL_MODELS, "1", "ft"),
        ("m", "1", "ewc"),
        ("m", "2", "ft"),
        ("n", "1", "ft"),
    ]
    assert float(rows[1]["minus_ft"]) == pytest.approx(3)
    assert rows[2]["p"] == ""
