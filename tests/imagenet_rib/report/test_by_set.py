"""Gain and RI of each set fine-tuned on, with intervals: what a part of a suite can say of methods."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from imagenet_rib.report import frames
from imagenet_rib.report.by_set import places
from imagenet_rib.report.partial import set_table
from imagenet_rib.report.summary import summarise
from imagenet_rib.report.tables import headline
from imagenet_rib.report.tradeoff import answer
from rib_evaluations import AFTER, IMAGES, PRE, SETS, after, before, random_evaluations

ON_A = {"a": AFTER["a"]}  # a: 60 -> 90; b: 50 -> 45; c: 40 -> 37
WORSE = {"a": {**AFTER["a"], "a": 55, "b": 60, "c": 50}}  # loses on its own set, gains elsewhere
BETTER = {"a": {**AFTER["a"], "a": 95, "b": 48, "c": 40}}


def part():
    return summarise([before(), *after("ft", rows=ON_A), *after("ewc", rows=BETTER)], SETS)


def test_gain_and_ri_are_those_of_the_matrix_and_agree_with_the_means_over_sets():
    made, sets = random_evaluations(["m"], ["ft", "ewc"], [0, 1, 2])
    summary = summarise(made, sets)
    for method, by_name in summary["by_set"]["m"].items():
        for name, one in by_name.items():
            assert one["ri"]["mean"] == pytest.approx(summary["ri"]["m"][method][name], abs=1e-8)
            own = summary["accuracy"]["m"][method][name][name] - summary["pre"]["m"][name]
            assert one["gain"]["mean"] == pytest.approx(own, abs=1e-8)
        mean = np.mean([one["ri"]["mean"] for one in by_name.values()])
        assert mean == pytest.approx(summary["mRI"]["m"][method]["mean"], abs=1e-8)
        row = next(r for r in summary["leaderboard"]["models"]["m"]["ranking"] if r["method"] == method)
        assert np.mean([one["gain"]["mean"] for one in by_name.values()]) == pytest.approx(
            row["gain"]["mean"]
        )


def test_over_seeds_the_interval_is_students_and_differences_are_paired():
    made, sets = random_evaluations(["m"], ["ft", "ewc"], [0, 1, 2])
    alone = [summarise([e for e in made if e.seed in (None, seed)], sets)["by_set"]["m"] for seed in range(3)]
    together = summarise(made, sets)["by_set"]["m"]["ewc"]["photo"]
    differences = [one["ewc"]["photo"]["ri"]["mean"] - one["ft"]["photo"]["ri"]["mean"] for one in alone]
    expected = stats.ttest_1samp(differences, 0).confidence_interval()
    assert together["ri_minus_ft"]["ci95"] == pytest.approx(list(expected), abs=1e-6)
    assert (together["ri_minus_ft"]["interval"], together["ri"]["seeds"]) == ("seeds", 3)


def test_of_one_seed_the_interval_is_over_images():
    """A gain of independent answers has the binomial's standard error; the bootstrap must come near it."""
    made, sets = random_evaluations(["m"], ["ft"], [0], images=4000)
    one = summarise(made, sets)["by_set"]["m"]["ft"]["photo"]["gain"]
    assert one["interval"] == "images"
    after_, pre = (e.correct["photo"] for e in (next(e for e in made if e.downstream == "photo"), made[0]))
    difference = 100 * (after_.astype(float) - pre)
    half = stats.norm.ppf(0.975) * difference.std() / np.sqrt(len(difference))
    assert one["ci95"] == pytest.approx([one["mean"] - half, one["mean"] + half], abs=0.15 * half)


def test_a_part_tells_gain_and_ri_of_each_method_with_intervals():
    said = answer(part())
    assert said.text == (
        "m fine-tuned on a: ewc has the largest gain + change elsewhere, clearly above plain fine-tuning "
        "(ft): it gains 35.0 points on the set fine-tuned on (training images included) and loses 1.0 "
        "elsewhere; ft gains 30.0 and loses 4.0."
    )
    ewc, ft, why, *_ = said.sure
    assert ewc.startswith("ewc: +35.0 [")
    assert "] points on a, −1.0 [" in ewc
    assert "(+3.0 [" in ewc
    assert "] against ft); 95 % over images." in ewc
    assert ft.startswith("ft: +30.0 [")
    assert "against" not in ft
    assert "RI is known of 2 of 6 combinations" in why


def test_a_method_that_gets_worse_on_its_own_set_does_not_look_best():
    made = [before(), *after("ft", rows=ON_A), *after("mine", rows=WORSE), *after("ewc", rows=BETTER)]
    summary = summarise(made, SETS)
    (place,) = places(summary)
    assert [row["method"] for row in place.rows] == ["ewc", "ft", "mine"]  # 34, 26 and 5
    assert place.rows[-1]["gain"]["mean"] == 55 - PRE["a"]
    assert answer(summary).text.startswith("m fine-tuned on a: ewc has")


def test_without_a_clear_difference_no_method_is_called_better():
    nearly = {"a": {**AFTER["a"], "a": 89, "b": 46, "c": 38}}
    said = answer(summarise([before(), *after("ft", rows=ON_A), *after("ewc", rows=nearly)], SETS))
    assert said.text.startswith("m fine-tuned on a: ft and ewc are not told apart (by gain + ")
    assert said.text.endswith("; ewc gains 29.0 and loses 3.0.")


def test_places_where_a_difference_is_shown_come_first_and_are_counted():
    same = [*after("ft", rows={"b": AFTER["b"]}), *after("ewc", rows={"b": AFTER["b"]})]
    made = [before(), *same, *after("ft", rows=ON_A), *after("ewc", rows=BETTER)]
    summary = summarise(made, [SETS[1], SETS[0], SETS[2]])
    assert [place.downstream for place in places(summary)] == ["a", "b"]
    text = answer(summary).text
    assert text.startswith("m fine-tuned on a: ewc has the largest gain")
    assert text.endswith(
        "1 more set or model is in the table (in 1 of all 2, a method is clearly better or worse than ft)."
    )
    alone = answer(summarise([before(), *same], SETS))
    assert alone.text.startswith("m fine-tuned on b: ft and ewc are not told apart (by gain + ")


def test_the_table_has_a_row_for_each_method_and_is_the_terminals_too():
    rows = set_table(part()).as_text()
    assert [row[:3] for row in rows] == [["m", "a", "ewc"], ["m", "a", "ft"]]
    assert rows[0][3].startswith("+35.0 [")
    assert rows[0][5].startswith("+8.0 [")  # gain + RI: 35 − 1 of ewc, 30 − 4 of ft
    assert rows[1][5] == "–"
    assert headline(part())[0].as_text() == rows
    assert not set_table(summarise([before(), *after("ft", rows=ON_A)], SETS))


def test_sets_that_nothing_was_tested_on_do_not_stop_the_others():
    lacking = {"a": {name: count for name, count in AFTER["a"].items() if name != "c"}}
    summary = summarise([before(), *after("ft", rows=lacking)], SETS)
    found = summary["by_set"]["m"]["ft"]["a"]
    assert found["ri"]["mean"] is None
    assert found["gain"]["mean"] == 30
    assert found["gain"]["ci95"][0] < 30 < found["gain"]["ci95"][1]


def test_the_draws_are_the_same_with_and_without_other_statistics():
    """No interval moves because a set's own are estimated, too: draws follow from a set's name alone."""
    made = [before(), *after("ft"), *after("ewc", shift=3)]
    whole = summarise(made, SETS)
    only = summarise([e for e in made if e.method != "ewc"], SETS)
    assert whole["mRI"]["m"]["ft"] == only["mRI"]["m"]["ft"]
    assert whole["by_set"]["m"]["ft"] == only["by_set"]["m"]["ft"]
    assert whole["sets"][0]["images"] == IMAGES


def test_the_tables_of_results_hold_the_reports_numbers(monkeypatch):
    made = [before(), *after("ft"), *after("ewc", shift=3)]
    summary = summarise([replace(e, stale=e.method == "ewc") for e in made], SETS)
    monkeypatch.setattr(frames, "summary_of", lambda results: summary)
    rows = {row["method"]: row for row in frames.methods(None)}
    for method, row in rows.items():
        entry = summary["mRI"]["m"][method]
        assert [row["mRI"], row["mRI.low"], row["mRI.high"]] == [entry["mean"], *entry["ci95"]]
        assert row["gain"] == 30
        assert row["stale"] is (method == "ewc")
    assert rows["ewc"]["minus_ft"] == pytest.approx(3)
    assert {row["tests"] for row in rows.values()} == {1}  # of what p_holm is corrected for
    ri = {(row["method"], row["downstream"]): row["ri"] for row in frames.sets(None)}
    assert ri == {(m, name): summary["ri"]["m"][m][name] for m in ("ft", "ewc") for name in "abc"}
