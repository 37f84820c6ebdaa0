"""Summary, answer and sentences of made-up runs whose differences are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from farmap import task
from farmap.report import summary
from farmap.report.answer import answer
from farmap.report.figures import draw
from farmap.report.lacking import count_runs
from farmap.report.page import size_table, write_files
from farmap.report.sentences import sentences
from farmap.report.summary import THRESHOLDS, Entry, interval, summarise
from gridcell.grid import Grid
from gridcell.report import GridResults
from gridcell.store import Store
from gridcell.suite import load_suite

TINY = str(Path(__file__).parent / "tiny.yaml")


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
    assert "steps to 95 % −10.6 [−12.0, −9.2];" in sentence
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


def ended(agent, seed, steps, end, last=2_000):
    """A run that ended after so many steps at 80 %."""
    run = entry(agent, 0, None, last)
    at = range(0, last + 1, 50)
    coverage = [(step, 80.0 * min(1.0, step / steps)) for step in at]
    curves = {"coverage": coverage, "memory": [(step, 50.0) for step in at]}
    return replace(run, seed=seed, metrics={**run.metrics, "steps": steps, "end": end}, curves=curves)


def test_it_is_said_how_runs_count_that_end_before_the_steps_of_early_coverage():
    """By hand: up to 80 % within 200 of 1,000 steps and there until step 1,000 makes 80 * 0.9 = 72 %."""
    runs = [ended("a", 0, 200, "done"), ended("a", 1, 200, "bound"), ended("a", 2, 1_000, "bound")]
    runs += [ended("b", seed, 2_000, "steps") for seed in range(3)]
    summary = summarise(runs, ["a", "b"], ("a", "b"))
    assert runs[0].measure("early_coverage") == pytest.approx(72.0, abs=0.3)  # on 201 steps
    agents = summary["sizes"]["small"]
    assert agents["a"]["ended_early"] == {"done": 1, "bound": 1}
    assert agents["b"]["ended_early"] == {"done": 0, "bound": 0}
    said = (
        "2 of 3 runs of a (1 gave up) ended before step 1,000: from their end on they count with the "
        "coverage that they ended with."
    )
    assert any(said in each for each in sentences(summary))
    assert any(said in each for each in answer(summary).sure)
    (bars,) = (picture for picture in draw(summary, {}) if picture.name == "bars-early_coverage")
    assert "A run that ended sooner counts with its last coverage from there on." in bars.caption


def test_nothing_is_said_of_an_early_end_where_no_run_had_one():
    runs = [ended(agent, 0, 2_000, "steps") for agent in ("a", "b")]
    assert "ended before" not in " ".join(sentences(summarise(runs, ["a", "b"], ("a", "b"))))


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
    assert first.text.startswith(
        "On the one small map, a covers 71.9 % on average over the first 1,000 steps and b 42.0 %; "
        "a's active memory is 100 % of b's."
    )
    assert first.sure[0].startswith("Difference on 1 small map: +29.84 points of early coverage;")


def test_steps_of_two_starts_are_shown_with_the_digit_of_their_difference():
    """140.5 was shown as 140 beside a difference of 30, and what is 111 as if its memory were the other's."""
    made = [
        replace(entry(agent, 0, steps), seed=start)
        for agent, both in (("a", (110, 112)), ("b", (140, 141)))
        for start, steps in enumerate(both)
    ]
    found = summarise(made, ["a", "b"], ("a", "b"))
    first = answer(found)
    assert first.text.startswith("On the one small map, a sees 95 % in 111.0 steps on average and b in 140.5")
    assert first.sure[0].startswith("Difference on 1 small map: −29.5 steps to 95 %;")
    assert "steps to 95 % −29.5;" in sentences(found)[0]


def test_of_one_map_no_interval_is_claimed():
    (sentence,) = sentences(summarise([entry("a", 0, 90), entry("b", 0, 100)], ["a", "b"], ("a", "b")))
    why = "one map gives no interval, whatever the number of starts on it: it takes 6 maps"
    assert sentence.startswith(f"a against b on one small map ({why}): ")
    assert "steps to 95 % −10.0;" in sentence
    made = [
        replace(
            entry(agent, 0, None),
            seed=seed,
            curves={"coverage": [(0, 0.0), (1_000, end)], "memory": [(0, 0.0), (1_000, 5.0)]},
        )
        for agent, ends in {"a": (60.0, 80.0), "b": (40.0, 50.0)}.items()
        for seed, end in enumerate(ends)
    ]
    for compare in (("a", "b"), None):
        said = answer(summarise(made, ["a", "b"], compare)).sure
        assert any(why in one for one in said)
        assert any(one.endswith("steps: a 30.0 to 40.0 %, b 20.0 to 25.0 %.") for one in said)


def test_an_agent_without_a_result_is_named_in_the_first_answer():
    made = [entry("a", 0, 90), entry("a", 1, 90), entry("c", 0, 100)]
    summary = summarise(made, ["a", "b", "c"], ("a", "b"))
    assert "no result" not in answer(summary).text
    states = {"a": ("done", "done"), "b": ("failed", "blocked"), "c": ("done", "diverged")}
    summary["runs"] = count_runs((agent, state) for agent, both in states.items() for state in both)
    found = answer(summary)
    assert found.text.endswith(" b has no result (all 2 failed).")
    assert any("Not all agents have all runs (a 2 of 2, c 1 of 2)" in one for one in found.sure)


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


def test_all_agents_that_cover_equally_much_are_named():
    """A sweep of a setting that nothing heeds makes such agents: the first of them leads no other."""
    names = ["a", "b", "c", "d", "e"]
    made = [entry(name, index, 100) for name in names for index in range(3)]
    early = [(0, 100.0), (1_000, 100.0)]
    best = [replace(e, curves={**e.curves, "coverage": early}) if e.agent in "cd" else e for e in made]
    over = "of small maps on average over the first 1,000 steps"
    said = answer(summarise(best, names, ("a", "b"))).sure
    assert f"Of all 5 agents c and d cover equally much, the most {over}: 100.0 %, a 50.0 %." in said
    assert not any("Of all" in one for one in answer(summarise(best, names, ("a", "d"))).sure)
    text = answer(summarise(best, names, None)).text
    assert text.startswith(f"c and d cover equally much, the most {over}: c 100.0 %, d 100.0 %, a 50.0 %")
    text = answer(summarise(made, names, None)).text
    assert text.startswith(f"No agent covers more {over} than another: a 50.0 %, b 50.0 %")


def test_the_terminal_says_which_numbers_are_medians():
    """Sentences below the table speak of means over maps: two numbers of one name did not agree."""
    group = summarise([entry("a", 0, 90), entry("a", 1, 200)], ["a"], None)["sizes"]["small"]
    table = size_table("small", group)
    heads = [column if isinstance(column, str) else column.heading for column in table.columns]
    assert [head for head in heads if "steps to" in head] == [f"median steps to {p} %" for p in THRESHOLDS]


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
    assert first.text.startswith("On 3 small maps, a sees 95 % in 90.0 steps on average and b in 100.0; a's")
    said = "Of all 5 agents c covers most of small maps on average over the first 1,000 steps: 100.0 %"
    assert f"{said}, a 50.0 %." in first.sure
    assert not any("Of all" in one for one in answer(summarise(made, names, ("a", "b"))).sure)
    picture = next(picture for picture in draw(summary, {}) if picture.name == "coverage")
    assert len(picture.figure.axes[0].collections) == 2
    assert "drawn for a and b alone" in picture.caption
    few = next(draw(summarise(made[:9], names[:3], ("a", "b")), {}))
    assert len(few.figure.axes[0].collections) == 3
    assert "alone" not in few.caption


@pytest.mark.parametrize(("got_there", "known"), [(0, False), (1, False), (2, False), (3, True), (4, True)])
def test_the_median_of_steps_is_known_where_more_than_half_of_the_runs_got_there_as_the_page_says(
    got_there, known
):
    runs = timed("a", [90] * got_there + [None] * (4 - got_there))
    group = summarise(runs, ["a"], None)["sizes"]["small"]["a"]
    assert (group["median_steps_to"]["95"] is not None) == known
    page = (Path(summary.__file__).parent / "templates" / "report.html.jinja").read_text(encoding="utf-8")
    assert "“–”: no more than half did, so there is no median" in page
    assert "null unless more than half reached it" in summarise.__doc__
